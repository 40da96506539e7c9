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
import io.luigioperator.run.NodeSeen;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Clusters and PipelineRuns through the door, on a real API server. */
class RunsAtTheDoorIT {

  @RegisterExtension static final RealDoor door = new RealDoor();

  // ---- the cluster

  @Test
  void knowsTheClusterByItsSystemNamespace() {
    assertThat(door.kube.identity())
        .isEqualTo(door.client.namespaces().withName("kube-system").get().getMetadata().getUid());
    assertThat(door.kube.crdEstablished()).isTrue();
    assertThatThrownBy(() -> door.operator.secrets().inNamespace(door.namespace).list())
        .as("all this with the rights of the chart")
        .hasMessageContaining("cannot list resource \"secrets\"");
  }

  @Test
  void tellsTheStatesOfANamespace() {
    assertThat(door.kube.namespace("nowhere")).isEqualTo(NamespaceState.ABSENT);
    assertThat(door.kube.namespace(door.namespace)).isEqualTo(NamespaceState.ACTIVE);
    door.client.namespaces().withName(door.namespace).delete(); // nobody finalizes it here
    assertThat(door.kube.namespace(door.namespace)).isEqualTo(NamespaceState.TERMINATING);
  }

  @Test
  void tellsTheStatesOfANode() {
    String name = "node-" + door.namespace;
    assertThat(door.kube.node(name)).isEqualTo(NodeSeen.gone());
    var node =
        door.client
            .resource(new NodeBuilder().withNewMetadata().withName(name).endMetadata().build())
            .create();
    assertThat(door.kube.node(name).health()).isEqualTo(NodeSeen.Health.NOT_READY);
    node =
        door.client
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
    assertThat(door.kube.node(name))
        .isEqualTo(new NodeSeen(NodeSeen.Health.READY, Instant.parse("2026-01-31T11:00:00Z")));
    door.client
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
    assertThat(door.kube.node(name).health()).isEqualTo(NodeSeen.Health.OUT_OF_SERVICE);
  }

  // ---- PipelineRuns

  @Test
  void createsTheObjectOfARunOnce() {
    Given given = door.given("mirrored");
    assertThat(door.kube.run(given.run().key(), Freshness.LIVE)).isEmpty();

    RunCreation first = door.kube.createRun(given.run().key(), given.object().spec());
    RunCreation second = door.kube.createRun(given.run().key(), given.object().spec());

    assertThat(first).isEqualTo(second);
    RunObject object = ((RunCreation.Present) first).object();
    assertThat(object.ours()).isTrue();
    assertThat(object.spec()).isEqualTo(given.object().spec());
    assertThat(object.status().orElseThrow().phase()).isEqualTo(Phase.Pending);
    assertThat(door.kube.run(given.run().key(), Freshness.LIVE)).contains(object);
    assertThat(door.manifest(given.run().key()).getMetadata().getLabels())
        .containsEntry("luigi-operator.io/client", "UA")
        .containsEntry("luigi-operator.io/date", "2013-01-15");
  }

  @Test
  void isRefusedAnObjectInTheServersWords() {
    Given given = door.given("refused");
    RunKey elsewhere = new RunKey("nowhere", "refused");

    assertThat(door.kube.createRun(elsewhere, given.object().spec()))
        .isInstanceOfSatisfying(
            RunCreation.NotNow.class,
            r -> assertThat(r.message()).contains("namespaces \"nowhere\" not found"));
    assertThat(door.kube.createRun(new RunKey(door.namespace, "UPPER"), given.object().spec()))
        .isInstanceOf(RunCreation.Refused.class);
  }

  @Test
  void deletesAnObjectByUidOnly() {
    RunObject object = door.present("deleted");

    door.kube.deleteRun(object.key(), "11111111-1111-4111-8111-111111111111");
    assertThat(door.kube.run(object.key(), Freshness.LIVE)).isPresent();

    door.kube.deleteRun(object.key(), object.uid());
    assertThat(door.kube.run(object.key(), Freshness.LIVE)).isEmpty();
    door.kube.deleteRun(object.key(), object.uid());
  }

  @Test
  void replacesAStatusAsAWhole() {
    RunObject object = door.present("status");
    PipelineRunStatus running =
        PipelineRunStatus.builder()
            .observedGeneration(1L)
            .phase(Phase.Running)
            .reason("X")
            .message("words")
            .conditions(
                List.of(
                    RealDoor.condition("Accepted", "True"), RealDoor.condition("Queued", "False")))
            .startTime(RealDoor.NOW)
            .luigi(new LuigiStatus(4, 1, 0, 1, 2, "1/4", List.of("A")))
            .build();
    PipelineRunStatus done =
        PipelineRunStatus.builder()
            .observedGeneration(2L)
            .phase(Phase.Succeeded)
            .conditions(List.of(RealDoor.condition("Finished", "True")))
            .luigi(new LuigiStatus(4, 1, 3, 0, 0, "4/4", List.of()))
            .build();

    assertThat(door.kube.writeStatus(object, running)).isTrue();
    RunObject shown = door.kube.run(object.key(), Freshness.LIVE).orElseThrow();
    assertThat(shown.status()).contains(running);

    assertThat(door.kube.writeStatus(shown, done)).isTrue();
    assertThat(door.kube.run(object.key(), Freshness.LIVE).orElseThrow().status()).contains(done);
    assertThat(door.manifest(object.key()).getMetadata().getGeneration())
        .as("no spec was touched")
        .isEqualTo(1);
  }

  @Test
  void aLateWriterOfAStatusUndoesNothing() {
    RunObject object = door.present("late");
    Fabric8Kube late = door.newKube(door.operator);
    RunObject old = late.run(object.key(), Freshness.LIVE).orElseThrow();
    PipelineRunStatus done = PipelineRunStatus.builder().phase(Phase.Succeeded).build();
    assertThat(door.kube.writeStatus(object, done)).isTrue();

    PipelineRunStatus running = PipelineRunStatus.builder().phase(Phase.Running).build();
    assertThat(late.writeStatus(old, running)).isFalse();

    RunObject now = late.run(object.key(), Freshness.CACHED).orElseThrow();
    assertThat(now.status().map(PipelineRunStatus::phase)).contains(Phase.Succeeded);
    assertThat(late.writeStatus(now, running)).as("it has seen what it undoes").isTrue();
  }

  @Test
  void writesNoStatusOfAnotherObjectOfTheSameName() {
    RunObject first = door.present("again");
    door.kube.deleteRun(first.key(), first.uid());
    RunObject second = door.present("again");

    door.kube.writeStatus(first, PipelineRunStatus.builder().phase(Phase.Succeeded).build());

    assertThat(door.kube.run(second.key(), Freshness.LIVE)).contains(second);
    door.kube.deleteRun(second.key(), second.uid());
    door.kube.writeStatus(second, PipelineRunStatus.builder().phase(Phase.Succeeded).build());
  }

  @Test
  void warnsOncePerReasonObjectAndMinute() {
    RunObject object = door.present("warned");
    door.kube.warn(object, "AttemptFailed", "first");
    door.kube.warn(object, "AttemptFailed", "second");
    door.newKube(door.operator).warn(object, "AttemptFailed", "from another operator");
    door.kube.warn(object, "RunFailed", "x".repeat(2000));

    List<Event> events = door.client.v1().events().inNamespace(door.namespace).list().getItems();
    assertThat(events)
        .extracting(Event::getReason)
        .containsExactlyInAnyOrder("AttemptFailed", "RunFailed");
    assertThat(events)
        .allSatisfy(e -> assertThat(e.getInvolvedObject().getUid()).isEqualTo(object.uid()));
  }
}
