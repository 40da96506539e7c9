/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.luigioperator.api.Parameter;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.api.TaskRef;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleFixture;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterViewTest {

  private static final Instant CREATED = Instant.parse("2026-01-31T12:00:00Z");

  private final AttemptFixture attempt = JobBlueprintTest.withPodTemplate("{}");
  private final PodTemplateSpec template =
      new JobBlueprint("0.1.0")
          .job(attempt.run(), attempt.request(), attempt.attempt(), attempt.object())
          .getSpec()
          .getTemplate();
  private Instant now = CREATED;
  private final ClusterView view = new ClusterView(() -> now);

  @Test
  void anOlderVersionNeverReplacesANewerOne() {
    assertThat(view.update(open(pod("u", 7)))).isTrue();
    assertThat(view.update(pod("u", 6))).as("late").isFalse();
    assertThat(only().gated()).isFalse();

    assertThat(view.update(open(pod("u", 8)))).as("no visible change").isFalse();
    assertThat(view.update(job("j", 5))).isTrue();
    assertThat(view.update(job("j", 4))).isFalse();
  }

  @Test
  void aDeletedObjectDoesNotComeBack() {
    view.update(pod("u", 1));
    view.remove(terminating(pod("u", 2)));
    assertThat(view.update(pod("u", 3))).isFalse();
    assertThat(view.watched(pod("u", 3))).isFalse();
    assertThat(only().gone()).isTrue();

    view.update(job("j", 1));
    view.remove(job("j", 2));
    assertThat(view.update(job("j", 3))).isFalse();
    assertThat(cached().job()).isEmpty();
  }

  @Test
  void removingAnOldJobKeepsTheNewOneOfItsName() {
    view.update(job("new", 5));
    view.remove(job("old", 4));
    assertThat(cached().job()).isPresent();
  }

  @Test
  void showsOnlyPodsOfThisAttempt() {
    view.update(pod("mine", 1));
    Pod other = pod("other", 1);
    other.getMetadata().getAnnotations().put(Annotations.TOKEN, "t-2");
    view.update(other);

    assertThat(cached().pods()).extracting(ObservedPod::uid).containsExactly("mine");
    assertThat(cached().live()).isFalse();
  }

  @Test
  void ofAPodMissingInANewListOnlyAnObservedEndIsKept() {
    view.update(pod("running", 1));
    view.update(ended(pod("ended", 1)));

    assertThat(view.removeWithoutState(metadataOnly("running"))).contains(attempt.run().key());
    assertThat(view.removeWithoutState(metadataOnly("ended"))).contains(attempt.run().key());
    assertThat(view.removeWithoutState(metadataOnly("unknown"))).isEmpty();

    assertThat(only().uid()).isEqualTo("ended");
    assertThat(only().gone()).isTrue();
    assertThat(only().ending()).isPresent();
  }

  @Test
  void aDeletionWithoutADeletionTimestampIsNoEnd() {
    view.update(open(pod("unlabelled", 1)));
    view.update(ended(pod("ended", 1)));

    assertThat(view.remove(open(pod("unlabelled", 2)))).isTrue();
    assertThat(view.remove(ended(pod("ended", 2)))).isTrue();

    assertThat(only().uid()).as("its end was observed before").isEqualTo("ended");
  }

  @Test
  void addsObservedEndsToALiveRead() {
    view.update(pod("vanished", 1));
    view.update(ended(pod("ended", 1)));
    view.remove(terminating(open(pod("deleted", 1))));
    view.update(ended(pod("present", 1)));
    ObservedPod present = Observation.pod(pod("present", 1));

    ObservedAttempt all =
        view.withObservedEnds(
            attempt.attempt(), new ObservedAttempt(Optional.empty(), List.of(present), true));

    assertThat(all.live()).isTrue();
    assertThat(all.pods())
        .extracting(ObservedPod::uid)
        .containsExactlyInAnyOrder("present", "ended", "deleted");
    assertThat(all.pod("present")).as("from the live read").contains(present);
    assertThat(all.pod("ended").orElseThrow().gone()).isTrue();
    assertThat(all.pod("deleted").orElseThrow().ending()).isPresent();
  }

  @Test
  void keepsABoundedNumberOfTombstones() {
    IntStream.rangeClosed(0, CachedPods.TOMBSTONES)
        .forEach(i -> view.remove(terminating(pod("u" + i, 1))));

    assertThat(cached().pods()).hasSize(CachedPods.TOMBSTONES);
    assertThat(cached().pod("u0")).as("the oldest").isEmpty();
    assertThat(cached().pod("u" + CachedPods.TOMBSTONES)).isPresent();
  }

  /** A user can create many of them, and their specs would fill the heap. */
  @Test
  void aLargeSpecIsNotKept() {
    RunObject small = updated(run("small", 3, 100));
    RunObject large = updated(run("large", 3, ClusterView.KEPT_RUN));

    assertThat(view.run(small.key())).hasValue(small);
    RunObject cached = view.run(large.key()).orElseThrow();
    assertThat(cached.parsedSpec().isOmitted()).isTrue();
    assertThat(cached.isReadable()).isFalse();
    assertThat(view.schedule("flights", "s").map(s -> s.parsedSpec().isOmitted())).isEmpty();
    assertThat(view.update(schedule(100))).as("wakes its runs").hasSize(2);
    assertThat(view.schedule("flights", "s").orElseThrow().parsedSpec().isOmitted()).isFalse();
    view.update(schedule(ClusterView.KEPT_SCHEDULE));
    assertThat(view.schedule("flights", "s").orElseThrow().parsedSpec().isOmitted()).isTrue();
  }

  /** A status is written only to the version that was read. */
  @Test
  void theVersionOfALargeRunIsKnown() {
    RunObject object = updated(run("large", 3, ClusterView.KEPT_RUN));
    assertThat(view.version(object)).hasValue(3);
    assertThat(view.hasOtherVersion(object)).isFalse();

    PipelineRun changed = run("large", 4, ClusterView.KEPT_RUN);
    changed.getMetadata().setGeneration(2L);
    assertThat(view.update(changed)).isTrue();

    assertThat(view.version(object)).isEmpty();
    assertThat(view.hasOtherVersion(object)).isTrue();
  }

  private RunObject updated(PipelineRun run) {
    view.update(run);
    return CustomResources.run(run);
  }

  private static PipelineRun run(String name, long version, int chars) {
    PipelineRun run = new PipelineRun();
    run.setMetadata(metadata(name, version));
    run.setSpec(
        new PipelineRunSpec(
            new ScheduleRef("s"),
            null,
            "UA",
            null,
            List.of(new Parameter("p", "x".repeat(chars))),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null));
    return run;
  }

  private static PipelineSchedule schedule(int chars) {
    PipelineSchedule schedule = new PipelineSchedule();
    schedule.setMetadata(metadata("s", chars));
    schedule.setSpec(
        ScheduleFixture.spec(
            PipelineSpec.ofDefaults("i".repeat(chars), new TaskRef("m", "T")), null, List.of()));
    return schedule;
  }

  private static ObjectMeta metadata(String name, long version) {
    return new ObjectMetaBuilder()
        .withNamespace("flights")
        .withName(name)
        .withUid("uid-" + name)
        .withGeneration(1L)
        .withResourceVersion(String.valueOf(version))
        .build();
  }

  /** The condition PodScheduled is False since the creation of the pod, with or without a gate. */
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
  void isFullBetween30SecondsAnd5Minutes(long gatedSeconds, long openSeconds, boolean full) {
    view.update(pod("u", 1));
    now = CREATED.plusSeconds(gatedSeconds);
    view.update(unschedulable(open(pod("u", 2))));
    now = now.plusSeconds(openSeconds);

    assertThat(view.podsWithoutNode(now).containsKey("flights")).isEqualTo(full);
  }

  /** Messages of the scheduler, versions 1.29 to 1.34. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod. | true
          0/2 nodes are available: 1 Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling. | true
          0/1 nodes are available: 1 Too many pods. preemption: not eligible due to preemptionPolicy=Never. | true
          0/1 nodes are available: 1 Insufficient nvidia.com/gpu. | true
          0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling. | false
          0/1 nodes are available: persistentvolumeclaim "typo" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling. | false
          0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling. | false
          0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. | false
          0/1 nodes are available: 1 node(s) had untolerated taint {gpu: true}. | false
          0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/memory-pressure: }. | true
          0/1 nodes are available: persistentvolumeclaim "Insufficient-data" not found. | false
          """)
  void onlyAShortageOfResourcesCountsAsFull(String message, boolean full) {
    view.update(pod("u", 1));
    view.update(unschedulable(open(pod("u", 2)), message));

    assertThat(view.podsWithoutNode(CREATED.plusSeconds(60)).containsKey("flights"))
        .isEqualTo(full);
  }

  @Test
  void aPodThatHasItsLabelsBackIsObservedAgain() {
    view.watched(pod("u", 1));
    assertThat(view.remove(open(pod("u", 2)))).as("it lost a label").isTrue();
    assertThat(view.update(open(pod("u", 3)))).as("a response that no watch follows up").isFalse();
    assertThat(cached().pods()).isEmpty();

    assertThat(view.watched(ended(pod("u", 4)))).isTrue();

    assertThat(only().ending()).isPresent();
    assertThat(only().gone()).isFalse();
  }

  @Test
  void aResponseWithoutTheLabelsIsNotKept() {
    Pod relabelled = open(pod("u", 1));
    relabelled.getMetadata().getLabels().put(Labels.MANAGED_BY, "platform");

    assertThat(view.update(relabelled)).isFalse();
    assertThat(cached().pods()).isEmpty();
  }

  /** Users can write this annotation; arithmetic with such times would overflow. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "+1000000000-12-31T23:59:59.999999999Z",
        "-1000000000-01-01T00:00:00Z",
        "+12345-01-01T00:00:00Z",
        "soon"
      })
  void aTimeThatKubernetesCannotWriteCountsAsAbsent(String time) {
    Pod pod = unschedulable(open(pod("u", 1)));
    pod.getMetadata().getAnnotations().put(Annotations.GATE_OPENED, time);

    view.update(pod);

    assertThat(only().openedAt()).isEmpty();
    assertThat(view.podsWithoutNode(CREATED.plusSeconds(60))).containsOnlyKeys("flights");
  }

  @Test
  void isFullOnlyForTheNamespaceOfThePod() {
    view.update(unschedulable(open(pod("u", 1))));
    Pod elsewhere = unschedulable(open(pod("v", 1)));
    elsewhere.getMetadata().setNamespace("other");
    view.update(elsewhere);

    assertThat(view.podsWithoutNode(CREATED.plusSeconds(60)))
        .containsOnlyKeys("flights", "other")
        .hasEntrySatisfying("other", p -> assertThat(p.uid()).isEqualTo("v"));
  }

  @Test
  void isNotFullBecauseOfPodsThatNeedNoNode() {
    view.update(unschedulable(pod("gated", 1)));
    view.update(terminating(unschedulable(open(pod("terminating", 1)))));
    view.update(open(pod("pending", 1)));
    assertThat(view.podsWithoutNode(CREATED.plusSeconds(60))).isEmpty();

    view.update(unschedulable(open(pod("one", 1))));
    assertThat(view.podsWithoutNode(CREATED.plusSeconds(60)))
        .hasEntrySatisfying("flights", p -> assertThat(p.name()).isEqualTo("p-one"));
    view.remove(terminating(unschedulable(open(pod("one", 2)))));
    assertThat(view.podsWithoutNode(CREATED.plusSeconds(60))).isEmpty();
  }

  @Test
  void storesMetadataOnly() {
    MetadataStore<Pod> store = new MetadataStore<>(Pod::new);
    Pod pod = pod("u", 4);

    assertThat(store.put(store.getKey(pod), pod)).isNull();

    Pod stored = store.get("u");
    assertThat(stored.getSpec()).isNull();
    assertThat(stored.getMetadata().getLabels()).isNullOrEmpty();
    assertThat(stored.getMetadata().getResourceVersion()).isEqualTo("4");
    assertThat(store.isFullState()).isFalse();
    assertThat(store.remove("u")).isEqualTo(stored);
    assertThat(store.size()).isZero();
  }

  private ObservedAttempt cached() {
    return view.attempt(attempt.attempt());
  }

  private ObservedPod only() {
    assertThat(cached().pods()).hasSize(1);
    return cached().pods().getFirst();
  }

  private Pod pod(String uid, long version) {
    return new PodBuilder()
        .withMetadata(
            new ObjectMetaBuilder(template.getMetadata())
                .withNamespace(attempt.run().key().namespace())
                .withName("p-" + uid)
                .withUid(uid)
                .withResourceVersion(Long.toString(version))
                .withCreationTimestamp(CREATED.toString())
                .build())
        .withSpec(template.getSpec())
        .withNewStatus()
        .withPhase("Pending")
        .endStatus()
        .build();
  }

  private static Pod terminating(Pod pod) {
    return new PodBuilder(pod)
        .editMetadata()
        .withDeletionTimestamp(CREATED.toString())
        .endMetadata()
        .build();
  }

  private static Pod open(Pod pod) {
    return new PodBuilder(pod).editSpec().withSchedulingGates().endSpec().build();
  }

  private static Pod unschedulable(Pod pod) {
    return unschedulable(pod, "0/3 nodes are available: 3 Insufficient memory.");
  }

  private static Pod unschedulable(Pod pod, String message) {
    return new PodBuilder(pod)
        .editStatus()
        .addNewCondition()
        .withType("PodScheduled")
        .withStatus("False")
        .withReason("Unschedulable")
        .withMessage(message)
        .withLastTransitionTime(CREATED.toString())
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

  private Pod metadataOnly(String uid) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(attempt.run().key().namespace())
        .withName("p-" + uid)
        .withUid(uid)
        .endMetadata()
        .build();
  }

  private Job job(String uid, long version) {
    RunKey run = attempt.run().key();
    return new JobBuilder()
        .withNewMetadata()
        .withNamespace(run.namespace())
        .withName(attempt.attempt().jobName())
        .withUid(uid)
        .withResourceVersion(Long.toString(version))
        .addToAnnotations(Annotations.TOKEN, attempt.attempt().token())
        .addToLabels(Labels.RUN, run.name())
        .endMetadata()
        .build();
  }
}
