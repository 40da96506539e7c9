/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.PodBuilder;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.Verdict;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the door has seen and remembers, on a real API server. */
class WatchesAtTheDoorIT {

  @RegisterExtension static final RealDoor door = new RealDoor();

  // ---- watching

  @Test
  void seesAndRemembersTheEndOfADeletedPod() throws IOException {
    door.watch();
    Given given = door.given("ends");
    PodSeen pod = door.gatedPod("ends");
    door.kube.openGate(pod);
    door.bind(pod, "node-1");
    String message =
        Files.readString(Path.of("../luigi-image/tests/golden/termination-succeeded.json"))
            .replace("c0ffee00-1d2e-4f3a-8b4c-5d6e7f809102", "t-1");
    door.end(pod, "Succeeded", 0, message);
    await()
        .atMost(RealDoor.PATIENCE)
        .until(() -> door.cached(given).pod(pod.uid()).get().ending().isPresent());
    door.changes.clear();

    door.kube.deletePod(door.namespace, pod.name(), pod.uid());
    door.letGo(pod);

    await().atMost(RealDoor.PATIENCE).until(() -> door.cached(given).pod(pod.uid()).get().gone());
    for (AttemptSeen seen :
        List.of(door.cached(given), door.kube.attempt(given.attempt(), Freshness.LIVE))) {
      PodSeen last = seen.pod(pod.uid()).orElseThrow();
      assertThat(last.gone()).isTrue();
      assertThat(last.node()).contains("node-1");
      assertThat(last.ending().orElseThrow().cause()).isEqualTo(Verdict.SUCCEEDED);
      assertThat(seen.job()).isPresent();
    }
    assertThat(door.kube.attempt(given.attempt(), Freshness.LIVE).live()).isTrue();
    assertThat(door.newKube(door.operator).attempt(given.attempt(), Freshness.LIVE).pods())
        .as("who did not watch knows nothing of it")
        .isEmpty();
    await().atMost(RealDoor.PATIENCE).until(() -> door.changes.contains(given.run().key()));
  }

  @Test
  void aPodDeletedOnItsNodeIsNoCleanEnd() {
    door.watch();
    Given given = door.given("forced");
    PodSeen pod = door.gatedPod("forced");
    door.kube.openGate(pod);
    door.bind(pod, "node-1");
    door.client.resource(RealDoor.podOf(pod)).withGracePeriod(0).delete();
    door.letGo(pod);

    await()
        .atMost(RealDoor.PATIENCE)
        .until(() -> door.cached(given).pod(pod.uid()).filter(PodSeen::gone).isPresent());
    assertThat(door.cached(given).pod(pod.uid()).orElseThrow().ending()).isEmpty();
  }

  @Test
  void aPodDeletedWithoutANodeIsACleanEnd() {
    door.watch();
    Given given = door.given("never");
    PodSeen pod = door.gatedPod("never");
    door.kube.openGate(pod);
    door.kube.deletePod(door.namespace, pod.name(), pod.uid());
    door.letGo(pod);

    await()
        .atMost(RealDoor.PATIENCE)
        .until(() -> door.cached(given).pod(pod.uid()).filter(PodSeen::gone).isPresent());
    assertThat(door.cached(given).pod(pod.uid()).orElseThrow().ending().orElseThrow().cause())
        .isEqualTo(FailureCause.POD_DELETED);
  }

  @Test
  void aPodThatLostItsLabelsIsStillThere() {
    door.watch();
    Given given = door.given("bare");
    PodSeen pod = door.gatedPod("bare");
    door.kube.openGate(pod);
    await().atMost(RealDoor.PATIENCE).until(() -> door.cached(given).pod(pod.uid()).isPresent());

    door.client
        .pods()
        .inNamespace(door.namespace)
        .withName(pod.name())
        .edit(
            p ->
                new PodBuilder(p)
                    .editMetadata()
                    .withLabels(Map.of())
                    .withAnnotations(Map.of())
                    .endMetadata()
                    .build());

    await().atMost(RealDoor.PATIENCE).until(() -> door.cached(given).pod(pod.uid()).isEmpty());
    Attempt bound = given.bound(pod.jobUid(), pod.uid());
    PodSeen seen = door.kube.attempt(bound, Freshness.LIVE).pod(pod.uid()).orElseThrow();
    assertThat(seen.gone()).isFalse();
    assertThat(seen.ending()).isEmpty();
  }

  @Test
  void knowsTheNewestOfWhatItDidItself() {
    door.watch();
    Given given = door.given("own");
    PodSeen pod = door.gatedPod("own");
    await().atMost(RealDoor.PATIENCE).until(() -> door.cached(given).pod(pod.uid()).isPresent());

    door.kube.openGate(pod);
    assertThat(door.cached(given).pod(pod.uid()).orElseThrow().gated())
        .as("at once, not when the watch tells")
        .isFalse();
    RunObject object = door.kube.run(given.run().key(), Freshness.LIVE).orElseThrow();
    PipelineRunStatus status = PipelineRunStatus.builder().phase(Phase.Running).build();
    door.kube.writeStatus(object, status);
    assertThat(door.kube.run(object.key(), Freshness.CACHED).orElseThrow().status())
        .contains(status);
    assertThat(door.created(door.given("own2"), door.present("own2")).token()).isEqualTo("t-1");
    assertThat(door.cached(door.given("own2")).job()).isPresent();
  }

  @Test
  void wakesARunWhenSomethingOfItChanges() {
    door.watch();
    RunObject object = door.present("woken");
    await().atMost(RealDoor.PATIENCE).until(() -> door.changes.contains(object.key()));
    assertThat(door.kube.run(object.key(), Freshness.CACHED)).contains(object);

    door.changes.clear();
    door.kube.deleteRun(object.key(), object.uid());
    await().atMost(RealDoor.PATIENCE).until(() -> door.changes.contains(object.key()));
    assertThat(door.kube.run(object.key(), Freshness.CACHED)).isEmpty();
    assertThat(door.kube.brokenWatches()).isEmpty();
  }

  @Test
  void watchesOnlyTheNamespacesItServes() {
    String other = door.namespace;
    door.makeNamespace();
    Fabric8Kube narrow = door.newKube(door.operator, door.namespace);
    narrow.onChange(door.changes::add);
    assertThat(narrow.brokenWatches().orElseThrow())
        .as("before it starts")
        .contains("Job in namespace " + door.namespace, "PipelineSchedule in namespace");
    narrow.start(RealDoor.PATIENCE);
    RunKey elsewhere = new RunKey(other, "elsewhere");
    door.kube.createRun(elsewhere, door.given("elsewhere").object().spec());
    door.gatedPod("here");

    await()
        .atMost(RealDoor.PATIENCE)
        .until(() -> RealDoor.cached(narrow, door.given("here")).pods().size() == 1);
    assertThat(RealDoor.cached(narrow, door.given("here")).job()).isPresent();
    assertThat(narrow.jobs()).hasSize(1);
    assertThat(narrow.pods()).hasSize(1);
    assertThat(door.changes).contains(door.given("here").run().key()).doesNotContain(elsewhere);
    assertThat(narrow.run(elsewhere, Freshness.CACHED)).isEmpty();
  }

  @Test
  void wakesTheRunsOfAScheduleWhenItsPipelineChanges() {
    door.watch();
    RunObject run = door.present("by-reference", "scheduleRef: {name: nightly}");
    await()
        .atMost(RealDoor.PATIENCE)
        .until(() -> door.kube.run(run.key(), Freshness.CACHED).isPresent());
    door.changes.clear();

    door.client
        .load(
            new ByteArrayInputStream(
                """
                apiVersion: luigi-operator.io/v1beta1
                kind: PipelineSchedule
                metadata: {namespace: %s, name: nightly}
                spec:
                  pipeline: {image: "flights:1", task: {module: m, family: F}}
                  clients: [{id: UA}]
                """
                    .formatted(door.namespace)
                    .getBytes(StandardCharsets.UTF_8)))
        .create();

    await().atMost(RealDoor.PATIENCE).until(() -> door.changes.contains(run.key()));
    assertThat(
            door.kube.schedule(door.namespace, "nightly").orElseThrow().spec().pipeline().image())
        .isEqualTo("flights:1");
  }
}
