/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceQuotaBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.ApiServer;
import io.luigioperator.job.Kube.DryRun;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.Pods;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Jobs, gates and dry runs through the door, on a real API server. */
class JobsAtTheDoorIT {

  @RegisterExtension static final RealDoor door = new RealDoor();

  // ---- Jobs

  @Test
  void createsAJobOnceAndTellsAStrangersFromOurs() {
    Given given = door.given("once");
    RunObject owner = door.present("once");

    JobSeen made = door.created(given, owner);
    assertThat(made.token()).isEqualTo("t-1");
    assertThat(door.kube.createJob(given.run(), given.attempt(), owner))
        .isEqualTo(new JobCreation.Exists(made));
    Attempt other = RealDoor.withToken(given.attempt(), "t-other");
    assertThat(door.kube.createJob(given.run(), other, owner))
        .as("its token tells that it is another claim's")
        .isEqualTo(new JobCreation.Exists(made));

    Job job = door.client.batch().v1().jobs().inNamespace(door.namespace).withName("once-a1").get();
    assertThat(job.getMetadata().getOwnerReferences().getFirst().getUid()).isEqualTo(owner.uid());
    assertThat(door.kube.jobs()).contains(made);

    door.kube.deleteJob(
        new JobSeen(door.namespace, "once-a1", "no-such-uid", "t-1", RealDoor.NOW, false));
    assertThat(door.kube.jobs()).contains(made);
    door.kube.deleteJob(made);
    assertThat(door.kube.jobs()).doesNotContain(made);
    door.kube.deleteJob(made);
  }

  @Test
  void isRefusedAJobInTheServersWords() {
    Given given = door.given("refused");
    RunObject owner = door.present("refused");
    door.client.namespaces().withName(door.namespace).delete();

    assertThat(door.kube.createJob(given.run(), given.attempt(), owner))
        .isInstanceOfSatisfying(
            JobCreation.Refused.class,
            r -> assertThat(r.message()).contains("because it is being terminated"));

    Given invalid = JobBlueprintTest.withPodTemplate("{spec: {nodeName: n}}");
    assertThat(door.kube.createJob(invalid.run(), invalid.attempt(), invalid.object()))
        .isInstanceOfSatisfying(
            JobCreation.Refused.class, r -> assertThat(r.message()).contains("spec.nodeName"));
  }

  @Test
  void aRightThatIsMissingRefusesAJobAndConcludesNothingElse() {
    Given given = door.given("forbidden");
    RunObject owner = door.present("forbidden");
    try (KubernetesClient nobody = ApiServer.clientOf("nobody")) {
      Fabric8Kube without = door.newKube(nobody);

      assertThat(without.createJob(given.run(), given.attempt(), owner))
          .isInstanceOfSatisfying(
              JobCreation.Refused.class,
              r ->
                  assertThat(r.message())
                      .contains("User \"nobody\" cannot create resource \"jobs\""));
      assertThat(without.dryRun(given.run().key(), given.run().origin().request()))
          .isInstanceOfSatisfying(DryRun.Refused.class, r -> assertThat(r.permanent()).isFalse());
      assertThatThrownBy(without::jobs)
          .isInstanceOf(KubeForbidden.class)
          .hasMessageContaining("cannot list resource \"jobs\"");
      assertThatThrownBy(() -> without.run(given.run().key(), Freshness.LIVE))
          .isInstanceOf(KubeForbidden.class);
      assertThatThrownBy(() -> without.namespace(door.namespace)).isInstanceOf(KubeForbidden.class);
      assertThatThrownBy(() -> without.deleteRun(given.run().key(), owner.uid()))
          .isInstanceOf(KubeForbidden.class);
      without.warn(owner, "RunFailed", "lost, and nobody minds");
    }
  }

  // ---- the gate

  @Test
  void opensTheGateOfThisPodOnce() {
    PodSeen pod = door.gatedPod("gate");
    assertThat(pod.gated()).isTrue();
    assertThat(pod.jobUid()).isNotEmpty();

    assertThat(door.kube.openGate(pod)).isTrue();

    assertThat(door.gates(pod)).isEmpty();
    assertThat(door.kube.openGate(pod)).as("open already").isFalse();
  }

  @Test
  void opensNoGateOfAnotherPodOfTheSameName() {
    PodSeen pod = door.gatedPod("stale");
    PodSeen stale =
        Pods.gated(
            pod.namespace(),
            pod.name(),
            "11111111-1111-4111-8111-111111111111",
            pod.token(),
            pod.jobUid());

    assertThat(door.kube.openGate(stale)).isFalse();

    assertThat(door.gates(pod)).containsExactly(Marks.GATE);
    door.kube.deletePod(pod.namespace(), pod.name(), stale.uid());
    assertThat(door.client.resource(RealDoor.podOf(pod)).get()).isNotNull();
  }

  @Test
  void leavesTheGatesOfOthersClosed() {
    PodSeen before = door.gatedPod("before", "example.com/a", Marks.GATE, "example.com/b");
    PodSeen after = door.gatedPod("after", Marks.GATE, "example.com/b");

    assertThat(door.kube.openGate(before)).isTrue();
    assertThat(door.kube.openGate(after)).isTrue();

    assertThat(door.gates(before)).containsExactly("example.com/a", "example.com/b");
    assertThat(door.gates(after)).containsExactly("example.com/b");
    assertThat(door.kube.openGate(before)).isFalse();
  }

  @Test
  void opensNoGateOfAPodThatIsGone() {
    PodSeen pod = door.gatedPod("gone");
    door.kube.deletePod(pod.namespace(), pod.name(), pod.uid());
    door.letGo(pod);

    assertThat(door.kube.openGate(pod)).isFalse();
    door.kube.deletePod(pod.namespace(), pod.name(), pod.uid());
  }

  // ---- the dry run

  @Test
  void asksTheServerWithoutLeavingAnything() {
    Given given = door.given("dry");

    assertThat(door.dryRun("{}")).isEqualTo(new DryRun.Allowed());
    assertThat(door.client.pods().inNamespace(door.namespace).list().getItems()).isEmpty();
    assertThat(door.kube.dryRun(given.run().key(), given.run().origin().request()))
        .isEqualTo(new DryRun.Allowed());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {spec: {hostNetwork: true}}                         | violates PodSecurity "restricted:latest": host namespaces
          {spec: {securityContext: {runAsNonRoot: false}}}    | runAsNonRoot != true
          {spec: {containers: [{name: x, image: x}]}}         | allowPrivilegeEscalation != false (container "x"
          {spec: {dnsPolicy: Sometimes}}                      | Unsupported value: "Sometimes"
          {spec: {tolerance: []}}                             | unknown field "spec.tolerance"
          {spec: {nodeName: n}}                               | may not set spec.nodeName
          {spec: {containers: [{name: luigi, securityContext: {privileged: true}}]}} | privileged
          """)
  void hearsWhatIsWrongWithATemplate(String template, String words) {
    assertThat(door.dryRun(template))
        .isInstanceOfSatisfying(
            DryRun.Refused.class,
            r -> {
              assertThat(r.message()).contains(words);
              assertThat(r.permanent()).isTrue();
            });
  }

  @Test
  void waitsForWhatMayPass() {
    assertThat(door.dryRun("{spec: {priorityClassName: none-such}}"))
        .isInstanceOfSatisfying(
            DryRun.Refused.class,
            r -> {
              assertThat(r.message()).contains("no PriorityClass with name none-such");
              assertThat(r.permanent()).isFalse();
            });
    assertThat(door.dryRun("{spec: {runtimeClassName: none-such}}"))
        .isInstanceOfSatisfying(DryRun.Refused.class, r -> assertThat(r.permanent()).isFalse());

    var quota =
        door.client
            .resource(
                new ResourceQuotaBuilder()
                    .withNewMetadata()
                    .withNamespace(door.namespace)
                    .withName("no-pods")
                    .endMetadata()
                    .withNewSpec()
                    .addToHard("pods", new Quantity("0"))
                    .endSpec()
                    .build())
            .create();
    door.client
        .resource(
            new ResourceQuotaBuilder(quota)
                .withNewStatus()
                .addToHard("pods", new Quantity("0"))
                .addToUsed("pods", new Quantity("0"))
                .endStatus()
                .build())
        .updateStatus();
    // the quota reaches the admission plugin through a cache of its own
    await()
        .atMost(RealDoor.PATIENCE)
        .untilAsserted(
            () ->
                assertThat(door.dryRun("{}"))
                    .isInstanceOfSatisfying(
                        DryRun.Refused.class,
                        r -> {
                          assertThat(r.message()).contains("exceeded quota: no-pods");
                          assertThat(r.permanent()).isFalse();
                        }));
    assertThat(
            door.kube.dryRun(new RunKey("nowhere", "x"), door.given("x").run().origin().request()))
        .isInstanceOfSatisfying(DryRun.Refused.class, r -> assertThat(r.permanent()).isFalse());
  }
}
