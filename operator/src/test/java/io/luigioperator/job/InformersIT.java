/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the cache holds after events of a real API server. */
class InformersIT {

  @RegisterExtension static final Fabric8KubeFixture kube = new Fabric8KubeFixture();

  // ---- watching

  @Test
  void keepsTheEndOfADeletedPod() throws IOException {
    kube.watch();
    AttemptFixture attempt = kube.attempt("ends");
    ObservedPod pod = kube.gatedPod("ends");
    kube.kube.openGate(pod);
    kube.bind(pod, "node-1");
    String message =
        Files.readString(Path.of("../luigi-image/tests/golden/termination-succeeded.json"))
            .replace("c0ffee00-1d2e-4f3a-8b4c-5d6e7f809102", "t-1");
    kube.end(pod, "Succeeded", 0, message);
    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).get().ending().isPresent());
    kube.changes.clear();

    kube.kube.deletePod(kube.namespace, pod.name(), pod.uid());
    kube.removeFinalizers(pod);

    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).get().gone());
    for (ObservedAttempt observed :
        List.of(kube.cached(attempt), kube.kube.attempt(attempt.attempt(), Freshness.LIVE))) {
      ObservedPod last = observed.pod(pod.uid()).orElseThrow();
      assertThat(last.gone()).isTrue();
      assertThat(last.node()).contains("node-1");
      assertThat(last.ending().orElseThrow().cause()).isEqualTo(Verdict.SUCCEEDED);
      assertThat(observed.job()).isPresent();
    }
    assertThat(kube.kube.attempt(attempt.attempt(), Freshness.LIVE).live()).isTrue();
    assertThat(kube.newKube(kube.operator).attempt(attempt.attempt(), Freshness.LIVE).pods())
        .as("a process that did not watch does not know it")
        .isEmpty();
    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.changes.contains(attempt.run().key()));
  }

  @Test
  void aPodDeletedOnItsNodeIsNoCleanEnd() {
    kube.watch();
    AttemptFixture attempt = kube.attempt("forced");
    ObservedPod pod = kube.gatedPod("forced");
    kube.kube.openGate(pod);
    kube.bind(pod, "node-1");
    kube.client.resource(Fabric8KubeFixture.podOf(pod)).withGracePeriod(0).delete();
    kube.removeFinalizers(pod);

    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).filter(ObservedPod::gone).isPresent());
    assertThat(kube.cached(attempt).pod(pod.uid()).orElseThrow().ending()).isEmpty();
  }

  @Test
  void aPodDeletedWithoutANodeIsACleanEnd() {
    kube.watch();
    AttemptFixture attempt = kube.attempt("never");
    ObservedPod pod = kube.gatedPod("never");
    kube.kube.openGate(pod);
    kube.kube.deletePod(kube.namespace, pod.name(), pod.uid());
    kube.removeFinalizers(pod);

    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).filter(ObservedPod::gone).isPresent());
    assertThat(kube.cached(attempt).pod(pod.uid()).orElseThrow().ending().orElseThrow().cause())
        .isEqualTo(FailureCause.POD_DELETED);
  }

  @Test
  void aPodWithoutItsLabelsIsFoundByALiveReadAndObservedAgainWithThem() {
    kube.watch();
    AttemptFixture attempt = kube.attempt("bare");
    ObservedPod pod = kube.gatedPod("bare");
    kube.kube.openGate(pod);
    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).isPresent());
    Pod before = kube.client.pods().inNamespace(kube.namespace).withName(pod.name()).get();

    kube.client
        .pods()
        .inNamespace(kube.namespace)
        .withName(pod.name())
        .edit(
            p ->
                new PodBuilder(p)
                    .editMetadata()
                    .withLabels(Map.of())
                    .withAnnotations(Map.of())
                    .endMetadata()
                    .build());

    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).isEmpty());
    Attempt bound = attempt.bound(pod.jobUid(), pod.uid());
    ObservedPod found = kube.kube.attempt(bound, Freshness.LIVE).pod(pod.uid()).orElseThrow();
    assertThat(found.gone()).isFalse();
    assertThat(found.ending()).isEmpty();

    kube.client
        .pods()
        .inNamespace(kube.namespace)
        .withName(pod.name())
        .edit(
            p ->
                new PodBuilder(p)
                    .editMetadata()
                    .withLabels(before.getMetadata().getLabels())
                    .withAnnotations(before.getMetadata().getAnnotations())
                    .endMetadata()
                    .build());

    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).isPresent());
  }

  @Test
  void responsesUpdateTheCache() {
    kube.watch();
    AttemptFixture attempt = kube.attempt("own");
    ObservedPod pod = kube.gatedPod("own");
    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> kube.cached(attempt).pod(pod.uid()).isPresent());

    kube.kube.openGate(pod);
    assertThat(kube.cached(attempt).pod(pod.uid()).orElseThrow().gated())
        .as("before the event of the watch")
        .isFalse();
    RunObject object = kube.kube.run(attempt.run().key(), Freshness.LIVE).orElseThrow();
    PipelineRunStatus status = PipelineRunStatus.builder().phase(Phase.Running).build();
    kube.kube.writeStatus(object, status);
    assertThat(kube.kube.run(object.key(), Freshness.CACHED).orElseThrow().status())
        .contains(status);
    assertThat(kube.created(kube.attempt("own2"), kube.present("own2")).token()).isEqualTo("t-1");
    assertThat(kube.cached(kube.attempt("own2")).job()).isPresent();
  }

  @Test
  void watchesOnlyTheConfiguredNamespaces() {
    String other = kube.namespace;
    kube.createNamespace();
    Fabric8Kube narrow = kube.newKube(kube.operator, kube.namespace);
    narrow.onChange(kube.changes::add);
    assertThat(narrow.brokenInformers().orElseThrow())
        .as("before it starts")
        .contains("Job in namespace " + kube.namespace, "Pod in namespace ");
    narrow.start(Fabric8KubeFixture.TIMEOUT);
    RunKey elsewhere = new RunKey(other, "elsewhere");
    kube.kube.createRun(elsewhere, kube.attempt("elsewhere").object().spec());
    kube.gatedPod("here");

    await()
        .atMost(Fabric8KubeFixture.TIMEOUT)
        .until(() -> Fabric8KubeFixture.cached(narrow, kube.attempt("here")).pods().size() == 1);
    assertThat(Fabric8KubeFixture.cached(narrow, kube.attempt("here")).job()).isPresent();
    assertThat(narrow.cachedJobs()).hasSize(1);
    assertThat(narrow.activePods()).hasSize(1);
    assertThat(kube.changes).contains(kube.attempt("here").run().key()).doesNotContain(elsewhere);
    assertThat(narrow.run(elsewhere, Freshness.CACHED)).isEmpty();
  }
}
