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
import io.luigioperator.OperatorClients;
import io.luigioperator.job.Kube.DryRunResult;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Pods;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Jobs, gates and dry runs on a real API server. */
class Fabric8KubeJobsIT {

  @RegisterExtension static final Fabric8KubeFixture kube = new Fabric8KubeFixture();

  // ---- Jobs

  private Optional<ObservedJob> liveJob(AttemptFixture attempt) {
    return kube.kube.attempt(attempt.attempt(), Freshness.LIVE).job();
  }

  @Test
  void createsAJobOnceAndReturnsAnExistingOne() {
    AttemptFixture attempt = kube.attempt("once");
    RunObject owner = kube.present("once");

    ObservedJob created = kube.created(attempt, owner);
    assertThat(created.token()).isEqualTo("t-1");
    assertThat(kube.kube.createJob(attempt.run(), attempt.attempt(), owner))
        .isEqualTo(new JobCreation.Exists(created));
    Attempt other = Fabric8KubeFixture.withToken(attempt.attempt(), "t-other");
    assertThat(kube.kube.createJob(attempt.run(), other, owner))
        .as("has the token of another claim")
        .isEqualTo(new JobCreation.Exists(created));

    Job job = kube.client.batch().v1().jobs().inNamespace(kube.namespace).withName("once-a1").get();
    assertThat(job.getMetadata().getOwnerReferences().getFirst().getUid()).isEqualTo(owner.uid());
    assertThat(kube.kube.cachedJobs()).contains(created);

    kube.kube.deleteJob(
        new ObservedJob(
            kube.namespace,
            "once-a1",
            "no-such-uid",
            "t-1",
            Fabric8KubeFixture.NOW,
            false,
            0,
            false));
    assertThat(liveJob(attempt)).contains(created);
    kube.kube.deleteJob(created);
    assertThat(liveJob(attempt)).isEmpty();
    kube.kube.deleteJob(created);
  }

  @Test
  void returnsTheMessageOfARefusedJob() {
    AttemptFixture attempt = kube.attempt("refused");
    RunObject owner = kube.present("refused");
    kube.client.namespaces().withName(kube.namespace).delete();

    assertThat(kube.kube.createJob(attempt.run(), attempt.attempt(), owner))
        .isInstanceOfSatisfying(
            JobCreation.Refused.class,
            r -> assertThat(r.message()).contains("because it is being terminated"));

    AttemptFixture invalid = JobBlueprintTest.withPodTemplate("{spec: {nodeName: n}}");
    assertThat(kube.kube.createJob(invalid.run(), invalid.attempt(), invalid.object()))
        .isInstanceOfSatisfying(
            JobCreation.Refused.class, r -> assertThat(r.message()).contains("spec.nodeName"));
  }

  @Test
  void aMissingPermissionRefusesAJob() {
    AttemptFixture attempt = kube.attempt("forbidden");
    RunObject owner = kube.present("forbidden");
    try (KubernetesClient nobody = OperatorClients.of("nobody")) {
      Fabric8Kube without = kube.newKube(nobody);

      assertThat(without.createJob(attempt.run(), attempt.attempt(), owner))
          .isInstanceOfSatisfying(
              JobCreation.Refused.class,
              r ->
                  assertThat(r.message())
                      .contains("User \"nobody\" cannot create resource \"jobs\""));
      assertThat(without.dryRun(attempt.run().key(), attempt.run().definition().request()))
          .isInstanceOfSatisfying(
              DryRunResult.Refused.class, r -> assertThat(r.permanent()).isFalse());
      assertThatThrownBy(without::activePods)
          .isInstanceOf(KubeForbidden.class)
          .hasMessageContaining("cannot list resource \"pods\"");
      assertThatThrownBy(() -> without.run(attempt.run().key(), Freshness.LIVE))
          .isInstanceOf(KubeForbidden.class);
      assertThatThrownBy(() -> without.namespace(kube.namespace)).isInstanceOf(KubeForbidden.class);
      assertThatThrownBy(() -> without.deleteRun(attempt.run().key(), owner.uid()))
          .isInstanceOf(KubeForbidden.class);
      without.warn(owner, "RunFailed", "not written, without an error");
    }
  }

  // ---- the gate

  @Test
  void opensTheGateOfAPodOnce() {
    ObservedPod pod = kube.gatedPod("gate");
    assertThat(pod.gated()).isTrue();
    assertThat(pod.jobUid()).isNotEmpty();

    assertThat(kube.kube.openGate(pod)).isTrue();

    assertThat(kube.gates(pod)).isEmpty();
    assertThat(kube.kube.openGate(pod)).as("open already").isFalse();
  }

  @Test
  void opensNoGateOfAnotherPodOfTheSameName() {
    ObservedPod pod = kube.gatedPod("stale");
    ObservedPod stale =
        Pods.gated(
            pod.namespace(),
            pod.name(),
            "11111111-1111-4111-8111-111111111111",
            pod.token(),
            pod.jobUid());

    assertThat(kube.kube.openGate(stale)).isFalse();

    assertThat(kube.gates(pod)).containsExactly(SchedulingGate.NAME);
    kube.kube.deletePod(pod.namespace(), pod.name(), stale.uid());
    assertThat(kube.client.resource(Fabric8KubeFixture.podOf(pod)).get()).isNotNull();
  }

  @Test
  void leavesOtherGatesClosed() {
    ObservedPod before =
        kube.gatedPod("before", "example.com/a", SchedulingGate.NAME, "example.com/b");
    ObservedPod after = kube.gatedPod("after", SchedulingGate.NAME, "example.com/b");

    assertThat(kube.kube.openGate(before)).isTrue();
    assertThat(kube.kube.openGate(after)).isTrue();

    assertThat(kube.gates(before)).containsExactly("example.com/a", "example.com/b");
    assertThat(kube.gates(after)).containsExactly("example.com/b");
    assertThat(kube.kube.openGate(before)).isFalse();
  }

  @Test
  void opensNoGateOfADeletedPod() {
    ObservedPod pod = kube.gatedPod("gone");
    kube.kube.deletePod(pod.namespace(), pod.name(), pod.uid());
    kube.removeFinalizers(pod);

    assertThat(kube.kube.openGate(pod)).isFalse();
    kube.kube.deletePod(pod.namespace(), pod.name(), pod.uid());
  }

  // ---- the dry run

  @Test
  void aDryRunCreatesNoPod() {
    AttemptFixture attempt = kube.attempt("dry");

    assertThat(kube.dryRun("{}")).isEqualTo(new DryRunResult.Allowed());
    assertThat(kube.client.pods().inNamespace(kube.namespace).list().getItems()).isEmpty();
    assertThat(kube.kube.dryRun(attempt.run().key(), attempt.run().definition().request()))
        .isEqualTo(new DryRunResult.Allowed());
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
  void reportsWhyATemplateIsInvalid(String template, String message) {
    assertThat(kube.dryRun(template))
        .isInstanceOfSatisfying(
            DryRunResult.Refused.class,
            r -> {
              assertThat(r.message()).contains(message);
              assertThat(r.permanent()).isTrue();
            });
  }

  @Test
  void temporaryRefusalsAreNotPermanent() {
    assertThat(kube.dryRun("{spec: {priorityClassName: none-such}}"))
        .isInstanceOfSatisfying(
            DryRunResult.Refused.class,
            r -> {
              assertThat(r.message()).contains("no PriorityClass with name none-such");
              assertThat(r.permanent()).isFalse();
            });
    assertThat(kube.dryRun("{spec: {runtimeClassName: none-such}}"))
        .isInstanceOfSatisfying(
            DryRunResult.Refused.class, r -> assertThat(r.permanent()).isFalse());

    var quota =
        kube.client
            .resource(
                new ResourceQuotaBuilder()
                    .withNewMetadata()
                    .withNamespace(kube.namespace)
                    .withName("no-pods")
                    .endMetadata()
                    .withNewSpec()
                    .addToHard("pods", new Quantity("0"))
                    .endSpec()
                    .build())
            .create();
    kube.client
        .resource(
            new ResourceQuotaBuilder(quota)
                .withNewStatus()
                .addToHard("pods", new Quantity("0"))
                .addToUsed("pods", new Quantity("0"))
                .endStatus()
                .build())
        .updateStatus();
    // the admission plugin for quotas has a cache, which lags
    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .untilAsserted(
            () ->
                assertThat(kube.dryRun("{}"))
                    .isInstanceOfSatisfying(
                        DryRunResult.Refused.class,
                        r -> {
                          assertThat(r.message()).contains("exceeded quota: no-pods");
                          assertThat(r.permanent()).isFalse();
                        }));
    assertThat(
            kube.kube.dryRun(
                new RunKey("nowhere", "x"), kube.attempt("x").run().definition().request()))
        .isInstanceOfSatisfying(
            DryRunResult.Refused.class, r -> assertThat(r.permanent()).isFalse());
  }
}
