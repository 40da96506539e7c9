/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunKey;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClusterViewTest {

  private static final Instant BIRTH = Instant.parse("2026-01-31T12:00:00Z");

  private final AttemptFixture given = JobBlueprintTest.withPodTemplate("{}");
  private final PodTemplateSpec template =
      new JobBlueprint("0.1.0")
          .job(given.run(), given.request(), given.attempt(), given.object())
          .getSpec()
          .getTemplate();
  private Instant now = BIRTH;
  private final ClusterView view = new ClusterView(() -> now);

  @Test
  void anOlderVersionNeverReplacesANewerOne() {
    assertThat(view.saw(open(pod("u", 7)))).isTrue();
    assertThat(view.saw(pod("u", 6))).as("late").isFalse();
    assertThat(only().gated()).isFalse();

    assertThat(view.saw(open(pod("u", 8)))).as("nothing the core can see").isFalse();
    assertThat(view.saw(job("j", 5))).isTrue();
    assertThat(view.saw(job("j", 4))).isFalse();
  }

  @Test
  void whatWasDeletedDoesNotComeBack() {
    view.saw(pod("u", 1));
    view.sawDeletionOf(leaving(pod("u", 2)));
    assertThat(view.saw(pod("u", 3))).isFalse();
    assertThat(only().gone()).isTrue();

    view.saw(job("j", 1));
    view.forget(job("j", 2));
    assertThat(view.saw(job("j", 3))).isFalse();
    assertThat(cached().job()).isEmpty();
  }

  @Test
  void deletingAnOldJobLeavesTheNewOneOfItsName() {
    view.saw(job("new", 5));
    view.forget(job("old", 4));
    assertThat(cached().job()).isPresent();
  }

  @Test
  void showsOnlyPodsOfThisAttempt() {
    view.saw(pod("mine", 1));
    Pod other = pod("other", 1);
    other.getMetadata().getAnnotations().put(Annotations.TOKEN, "t-2");
    view.saw(other);

    assertThat(cached().pods()).extracting(ObservedPod::uid).containsExactly("mine");
    assertThat(cached().live()).isFalse();
  }

  @Test
  void aPodMissingFromANewListLeavesOnlyTheEndThatWasSeen() {
    view.saw(pod("running", 1));
    view.saw(ended(pod("ended", 1)));

    assertThat(view.missed(skeleton("running"))).contains(given.run().key());
    assertThat(view.missed(skeleton("ended"))).contains(given.run().key());
    assertThat(view.missed(skeleton("unheard-of"))).isEmpty();

    assertThat(only().uid()).isEqualTo("ended");
    assertThat(only().gone()).isTrue();
    assertThat(only().ending()).isPresent();
  }

  @Test
  void aDeletionWithoutADeletionTimestampProvesNothing() {
    view.saw(open(pod("unlabelled", 1)));
    view.saw(ended(pod("ended", 1)));

    assertThat(view.sawDeletionOf(open(pod("unlabelled", 2)))).isTrue();
    assertThat(view.sawDeletionOf(ended(pod("ended", 2)))).isTrue();

    assertThat(only().uid()).as("its end was seen before").isEqualTo("ended");
  }

  @Test
  void completesALiveReadWithTheEndsItNoLongerShows() {
    view.saw(pod("vanished", 1));
    view.saw(ended(pod("ended", 1)));
    view.sawDeletionOf(leaving(open(pod("deleted", 1))));
    view.saw(ended(pod("there", 1)));
    ObservedPod there = Observation.pod(pod("there", 1));

    ObservedAttempt all =
        view.completed(
            given.attempt(), new ObservedAttempt(Optional.empty(), List.of(there), true));

    assertThat(all.live()).isTrue();
    assertThat(all.pods())
        .extracting(ObservedPod::uid)
        .containsExactlyInAnyOrder("there", "ended", "deleted");
    assertThat(all.pod("there")).as("as it was read").contains(there);
    assertThat(all.pod("ended").orElseThrow().gone()).isTrue();
    assertThat(all.pod("deleted").orElseThrow().ending()).isPresent();
  }

  @Test
  void keepsABoundedNumberOfTombstones() {
    IntStream.rangeClosed(0, ClusterView.TOMBSTONES)
        .forEach(i -> view.sawDeletionOf(leaving(pod("u" + i, 1))));

    assertThat(cached().pods()).hasSize(ClusterView.TOMBSTONES);
    assertThat(cached().pod("u0")).as("the oldest").isEmpty();
    assertThat(cached().pod("u" + ClusterView.TOMBSTONES)).isPresent();
  }

  /** The scheduler says since when the pod is not scheduled: its birth, gate or no gate. */
  @ParameterizedTest
  @CsvSource({
    "0, 30, false",
    "0, 31, true",
    "0, 299, true",
    "0, 300, false",
    "600, 10, false",
    "600, 31, true",
    "600, 300, false"
  })
  void countsTheClusterAsFullForAWhile(long gatedFor, long triedFor, boolean crowded) {
    view.saw(pod("u", 1));
    now = BIRTH.plusSeconds(gatedFor);
    view.saw(unschedulable(open(pod("u", 2))));
    now = now.plusSeconds(triedFor);

    assertThat(view.crowded(now)).isEqualTo(crowded);
  }

  @Test
  void isNotCrowdedByPodsThatWaitForNoNode() {
    view.saw(unschedulable(pod("gated", 1)));
    view.saw(leaving(unschedulable(open(pod("leaving", 1)))));
    view.saw(open(pod("pending", 1)));
    assertThat(view.crowded(BIRTH.plusSeconds(60))).isFalse();

    view.saw(unschedulable(open(pod("one", 1))));
    assertThat(view.crowded(BIRTH.plusSeconds(60))).isTrue();
    view.sawDeletionOf(leaving(unschedulable(open(pod("one", 2)))));
    assertThat(view.crowded(BIRTH.plusSeconds(60))).isFalse();
  }

  @Test
  void aWatchRemembersSkeletonsOnly() {
    MetadataStore<Pod> store = new MetadataStore<>(Pod::new);
    Pod pod = pod("u", 4);

    assertThat(store.put(store.getKey(pod), pod)).isNull();

    Pod kept = store.get("u");
    assertThat(kept.getSpec()).isNull();
    assertThat(kept.getMetadata().getLabels()).isNullOrEmpty();
    assertThat(kept.getMetadata().getResourceVersion()).isEqualTo("4");
    assertThat(store.isFullState()).isFalse();
    assertThat(store.remove("u")).isEqualTo(kept);
    assertThat(store.size()).isZero();
  }

  private ObservedAttempt cached() {
    return view.attempt(given.attempt());
  }

  private ObservedPod only() {
    assertThat(cached().pods()).hasSize(1);
    return cached().pods().getFirst();
  }

  private Pod pod(String uid, long version) {
    return new PodBuilder()
        .withMetadata(
            new ObjectMetaBuilder(template.getMetadata())
                .withNamespace(given.run().key().namespace())
                .withName("p-" + uid)
                .withUid(uid)
                .withResourceVersion(Long.toString(version))
                .withCreationTimestamp(BIRTH.toString())
                .build())
        .withSpec(template.getSpec())
        .withNewStatus()
        .withPhase("Pending")
        .endStatus()
        .build();
  }

  private static Pod leaving(Pod pod) {
    return new PodBuilder(pod)
        .editMetadata()
        .withDeletionTimestamp(BIRTH.toString())
        .endMetadata()
        .build();
  }

  private static Pod open(Pod pod) {
    return new PodBuilder(pod).editSpec().withSchedulingGates().endSpec().build();
  }

  private static Pod unschedulable(Pod pod) {
    return new PodBuilder(pod)
        .editStatus()
        .addNewCondition()
        .withType("PodScheduled")
        .withStatus("False")
        .withReason("Unschedulable")
        .withLastTransitionTime(BIRTH.toString())
        .endCondition()
        .endStatus()
        .build();
  }

  private static Pod ended(Pod pod) {
    return new PodBuilder(open(pod))
        .editSpec()
        .withNodeName("n")
        .endSpec()
        .editStatus()
        .withPhase("Failed")
        .addNewContainerStatus()
        .withName(JobBlueprint.CONTAINER)
        .withNewState()
        .withNewTerminated()
        .withExitCode(137)
        .endTerminated()
        .endState()
        .endContainerStatus()
        .endStatus()
        .build();
  }

  private Pod skeleton(String uid) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(given.run().key().namespace())
        .withName("p-" + uid)
        .withUid(uid)
        .endMetadata()
        .build();
  }

  private Job job(String uid, long version) {
    RunKey run = given.run().key();
    return new JobBuilder()
        .withNewMetadata()
        .withNamespace(run.namespace())
        .withName(given.attempt().jobName())
        .withUid(uid)
        .withResourceVersion(Long.toString(version))
        .addToAnnotations(Annotations.TOKEN, given.attempt().token())
        .addToLabels(Labels.RUN, run.name())
        .endMetadata()
        .build();
  }
}
