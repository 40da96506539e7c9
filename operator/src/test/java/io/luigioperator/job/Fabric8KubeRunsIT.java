/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.luigioperator.api.LuigiStatus;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Clusters and PipelineRuns on a real API server. */
class Fabric8KubeRunsIT {

  @RegisterExtension static final Fabric8KubeFixture kube = new Fabric8KubeFixture();

  // ---- the cluster

  @Test
  void identifiesTheClusterByKubeSystem() {
    assertThat(kube.kube.identity())
        .isEqualTo(kube.client.namespaces().withName("kube-system").get().getMetadata().getUid());
    assertThat(kube.kube.crdEstablished()).isTrue();
    assertThatThrownBy(() -> kube.operator.secrets().inNamespace(kube.namespace).list())
        .as("the client has only the permissions of the chart")
        .hasMessageContaining("cannot list resource \"secrets\"");
  }

  @Test
  void readsTheStateOfANamespace() {
    assertThat(kube.kube.namespace("nowhere")).isEqualTo(NamespaceState.ABSENT);
    assertThat(kube.kube.namespace(kube.namespace)).isEqualTo(NamespaceState.ACTIVE);
    kube.client.namespaces().withName(kube.namespace).delete(); // no controller finalizes it here
    assertThat(kube.kube.namespace(kube.namespace)).isEqualTo(NamespaceState.TERMINATING);
  }

  @Test
  void saysSinceWhenSchedulesAreServedInANamespace() {
    assertThat(kube.kube.schedulesServedSince("nowhere")).isEmpty();
    Instant created =
        Instant.parse(
            kube.client
                .namespaces()
                .withName(kube.namespace)
                .get()
                .getMetadata()
                .getCreationTimestamp());
    assertThat(kube.kube.schedulesServedSince(kube.namespace).orElseThrow())
        .as("the later one of namespace and definition")
        .isAfterOrEqualTo(created);
    assertThat(kube.kube.scheduleExists(new ScheduleKey(kube.namespace, "missing"))).isFalse();
    kube.client.namespaces().withName(kube.namespace).delete(); // no controller finalizes it here
    assertThat(kube.kube.schedulesServedSince(kube.namespace)).isEmpty();
  }

  @Test
  void readsTheStateOfANode() {
    String name = "node-" + kube.namespace;
    assertThat(kube.kube.node(name)).isEqualTo(ObservedNode.gone());
    var node =
        kube.client
            .resource(new NodeBuilder().withNewMetadata().withName(name).endMetadata().build())
            .create();
    assertThat(kube.kube.node(name).health()).isEqualTo(ObservedNode.Health.NOT_READY);
    node =
        kube.client
            .resource(
                new NodeBuilder(node)
                    .withNewStatus()
                    .addNewCondition()
                    .withType("Ready")
                    .withStatus("True")
                    .withLastTransitionTime("2026-01-31T11:00:00Z")
                    .endCondition()
                    .endStatus()
                    .build())
            .updateStatus();
    assertThat(kube.kube.node(name))
        .isEqualTo(
            new ObservedNode(ObservedNode.Health.READY, Instant.parse("2026-01-31T11:00:00Z")));
    kube.client
        .nodes()
        .withName(name)
        .edit(
            n ->
                new NodeBuilder(n)
                    .editSpec()
                    .addNewTaint(
                        "NoExecute", "node.kubernetes.io/out-of-service", null, "nodeshutdown")
                    .endSpec()
                    .build());
    assertThat(kube.kube.node(name).health()).isEqualTo(ObservedNode.Health.OUT_OF_SERVICE);
  }

  // ---- PipelineRuns

  @Test
  void createsTheObjectOfARunOnce() {
    AttemptFixture attempt = kube.attempt("mirrored");
    assertThat(kube.kube.run(attempt.run().key(), Freshness.LIVE)).isEmpty();

    RunCreation first = kube.kube.createRun(attempt.run().key(), attempt.object().spec());
    RunCreation second = kube.kube.createRun(attempt.run().key(), attempt.object().spec());

    assertThat(first).isEqualTo(second);
    RunObject object = ((RunCreation.Present) first).object();
    assertThat(object.createdByOperator()).isTrue();
    assertThat(object.spec()).isEqualTo(attempt.object().spec());
    assertThat(object.status().orElseThrow().phase()).isEqualTo(Phase.Pending);
    assertThat(kube.kube.run(attempt.run().key(), Freshness.LIVE)).contains(object);
    assertThat(kube.manifest(attempt.run().key()).getMetadata().getLabels())
        .containsEntry("luigi-operator.io/client", "UA")
        .containsEntry("luigi-operator.io/date", "2013-01-15");
  }

  @Test
  void returnsTheMessageOfARefusedObject() {
    AttemptFixture attempt = kube.attempt("refused");
    RunKey elsewhere = new RunKey("nowhere", "refused");

    assertThat(kube.kube.createRun(elsewhere, attempt.object().spec()))
        .isInstanceOfSatisfying(
            RunCreation.NotNow.class,
            r -> assertThat(r.message()).contains("namespaces \"nowhere\" not found"));
    assertThat(kube.kube.createRun(new RunKey(kube.namespace, "UPPER"), attempt.object().spec()))
        .isInstanceOf(RunCreation.Refused.class);
  }

  @Test
  void deletesAnObjectByUidOnly() {
    RunObject object = kube.present("deleted");

    kube.kube.deleteRun(object.key(), "11111111-1111-4111-8111-111111111111");
    assertThat(kube.kube.run(object.key(), Freshness.LIVE)).isPresent();

    kube.kube.deleteRun(object.key(), object.uid());
    assertThat(kube.kube.run(object.key(), Freshness.LIVE)).isEmpty();
    kube.kube.deleteRun(object.key(), object.uid());
  }

  @Test
  void replacesTheWholeStatus() {
    RunObject object = kube.present("status");
    PipelineRunStatus running =
        PipelineRunStatus.builder()
            .observedGeneration(1L)
            .phase(Phase.Running)
            .reason("X")
            .message("a message")
            .conditions(
                List.of(
                    Fabric8KubeFixture.condition("Accepted", "True"),
                    Fabric8KubeFixture.condition("Queued", "False")))
            .startTime(Fabric8KubeFixture.NOW)
            .luigi(new LuigiStatus(4, 1, 0, 1, 2, "1/4", List.of("A")))
            .build();
    PipelineRunStatus done =
        PipelineRunStatus.builder()
            .observedGeneration(2L)
            .phase(Phase.Succeeded)
            .conditions(List.of(Fabric8KubeFixture.condition("Finished", "True")))
            .luigi(new LuigiStatus(4, 1, 3, 0, 0, "4/4", List.of()))
            .build();

    assertThat(kube.kube.writeStatus(object, running)).isTrue();
    RunObject updated = kube.kube.run(object.key(), Freshness.LIVE).orElseThrow();
    assertThat(updated.status()).contains(running);

    assertThat(kube.kube.writeStatus(updated, done)).isTrue();
    assertThat(kube.kube.run(object.key(), Freshness.LIVE).orElseThrow().status()).contains(done);
    assertThat(kube.manifest(object.key()).getMetadata().getGeneration())
        .as("the spec is unchanged")
        .isEqualTo(1);
  }

  @Test
  void aDelayedStatusDoesNotOverwriteANewerOne() {
    RunObject object = kube.present("late");
    Fabric8Kube late = kube.newKube(kube.operator);
    RunObject old = late.run(object.key(), Freshness.LIVE).orElseThrow();
    PipelineRunStatus done = PipelineRunStatus.builder().phase(Phase.Succeeded).build();
    assertThat(kube.kube.writeStatus(object, done)).isTrue();

    PipelineRunStatus running = PipelineRunStatus.builder().phase(Phase.Running).build();
    assertThat(late.writeStatus(old, running)).isFalse();

    RunObject now = late.run(object.key(), Freshness.CACHED).orElseThrow();
    assertThat(now.status().map(PipelineRunStatus::phase)).contains(Phase.Succeeded);
    assertThat(late.writeStatus(now, running)).as("it knows the newest version").isTrue();
  }

  @Test
  void writesNoStatusOfAnotherObjectOfTheSameName() {
    RunObject first = kube.present("again");
    kube.kube.deleteRun(first.key(), first.uid());
    RunObject second = kube.present("again");

    kube.kube.writeStatus(first, PipelineRunStatus.builder().phase(Phase.Succeeded).build());

    assertThat(kube.kube.run(second.key(), Freshness.LIVE)).contains(second);
    kube.kube.deleteRun(second.key(), second.uid());
    kube.kube.writeStatus(second, PipelineRunStatus.builder().phase(Phase.Succeeded).build());
  }

  @Test
  void warnsOncePerReasonObjectAndMinute() {
    RunObject object = kube.present("warned");
    kube.kube.warn(object, "AttemptFailed", "first");
    kube.kube.warn(object, "AttemptFailed", "second");
    kube.newKube(kube.operator).warn(object, "AttemptFailed", "from another operator");
    kube.kube.warn(object, "RunFailed", "x".repeat(2000));

    List<Event> events = kube.client.v1().events().inNamespace(kube.namespace).list().getItems();
    assertThat(events)
        .extracting(Event::getReason)
        .containsExactlyInAnyOrder("AttemptFailed", "RunFailed");
    assertThat(events)
        .allSatisfy(e -> assertThat(e.getInvolvedObject().getUid()).isEqualTo(object.uid()));
  }
}
