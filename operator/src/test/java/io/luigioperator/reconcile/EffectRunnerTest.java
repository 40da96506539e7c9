/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.OperatorFixture;
import io.luigioperator.job.Kube.DryRunResult;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.Effect;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.Verdict;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** One effect as a table: what the API server answers, and what the ledger says afterwards. */
class EffectRunnerTest {
  private static final Class<?> UNCHANGED = EffectResult.Unchanged.class;
  private static final Class<?> CHANGED = EffectResult.Changed.class;
  private static final Class<?> STILL_WAITING = EffectResult.StillWaiting.class;

  private final OperatorFixture scene = new OperatorFixture();

  private EffectResult run(Effect effect) {
    RunKey key = OperatorFixture.key("a");
    Optional<RunRecord> record = scene.ledger.queries().load(key, OperatorFixture.HERE).run(key);
    RunSnapshot s =
        new SnapshotReader(scene.kube, OperatorFixture.HERE)
            .read(key, record, Freshness.CACHED, new PodCheck.Unasked());
    EffectResult result =
        new EffectRunner(scene.ledger, scene.kube, OperatorFixture.HERE, OperatorFixture.NO_LOOPS)
            .run(effect, s, record);
    if (result instanceof EffectResult.Changed(RunRecord after)) {
      assertThat(scene.ledger.queries().load(key, OperatorFixture.HERE).run(key))
          .map(r -> List.of(r.run(), r.attempts(), r.object()))
          .describedAs("what the rest of the reconciliation believes is what the ledger has")
          .contains(List.of(after.run(), after.attempts(), after.object()));
    }
    return result;
  }

  // ---- the Job, and the pod that does not come

  private static final Function<OperatorFixture, Effect> CREATE_JOB =
      s -> new Effect.CreateJob(s.attempt("a"));
  private static final Function<OperatorFixture, Effect> PROBE =
      s -> new Effect.DiagnoseMissingPod(s.attempt("a").ref());

  private static Consumer<OperatorFixture> creation(JobCreation answer) {
    return s -> s.kube.jobCreation = Optional.of(answer);
  }

  private static Consumer<OperatorFixture> dryRun(DryRunResult answer) {
    return s -> s.kube.dryRun = answer;
  }

  private static ObservedJob job(String token) {
    return new ObservedJob("data", "a-a1", "job-a", token, OperatorFixture.T0, false);
  }

  static Stream<Arguments> launches() {
    return Stream.of(
        arguments(
            "a Job is made",
            (Consumer<OperatorFixture>) s -> {},
            CREATE_JOB,
            "ACTIVE",
            "",
            UNCHANGED),
        arguments(
            "our Job is there already",
            creation(new JobCreation.Exists(job("token-a"))),
            CREATE_JOB,
            "ACTIVE",
            "",
            UNCHANGED),
        arguments(
            "another Job has the name",
            creation(new JobCreation.Exists(job("token-x"))),
            CREATE_JOB,
            "DELAYED BackingOff",
            "JobNameTaken: Job a-a1 exists and was not created for this attempt; delete that Job",
            CHANGED),
        arguments(
            "a Job is refused",
            creation(new JobCreation.Refused("jobs.batch is forbidden")),
            CREATE_JOB,
            "DELAYED BackingOff",
            "LaunchRefused: jobs.batch is forbidden",
            CHANGED),
        arguments(
            "no pod, and it would be allowed",
            dryRun(new DryRunResult.Allowed()),
            PROBE,
            "ACTIVE",
            "",
            STILL_WAITING),
        arguments(
            "no pod, and it is refused for now",
            dryRun(new DryRunResult.Refused("exceeded quota: pods", false)),
            PROBE,
            "DELAYED BackingOff",
            "LaunchRefused: exceeded quota: pods",
            CHANGED),
        arguments(
            "no pod, and it is refused for good",
            dryRun(new DryRunResult.Refused("violates PodSecurity", true)),
            PROBE,
            "DELAYED BackingOff",
            "LaunchRefused: violates PodSecurity",
            CHANGED));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("launches")
  void aClaimIsGivenUpOnlyWhenTheServerRefuses(
      String situation,
      Consumer<OperatorFixture> given,
      Function<OperatorFixture, Effect> effect,
      String standing,
      String words,
      Class<?> expected) {
    scene.accepted("a").claimed("a");
    given.accept(scene);
    EffectResult aftermath = run(effect.apply(scene));
    assertThat(scene.standing("a")).isEqualTo(standing);
    assertThat(scene.attempt("a").end().map(e -> e.reason() + ": " + e.message()).orElse(""))
        .isEqualTo(words);
    int infra = words.isEmpty() ? 0 : 1;
    assertThat(scene.run("a").budget().infra()).isEqualTo(infra);
    assertThat(scene.run("a").budget().counted()).isEqualTo(1 - infra);
    assertThat(aftermath).isInstanceOf(expected);
  }

  // ---- the end: a retry must not undo a deletion

  static Stream<Arguments> ends() {
    return Stream.of(
        end("its object is there", s -> {}, Verdict.TASK_FAILED, "DELAYED BackingOff"),
        end(
            "the cache alone misses it",
            s -> s.uncached("a"),
            Verdict.TASK_FAILED,
            "DELAYED BackingOff"),
        end(
            "the cache alone still has it",
            s -> s.goneUnnoticed("a"),
            Verdict.TASK_FAILED,
            "HELD DeletionUnconfirmed"),
        end("it is gone", s -> s.gone("a"), Verdict.DRAINED, "HELD DeletionUnconfirmed"),
        end(
            "another has its name",
            s -> s.present("a", "uid-2"),
            Verdict.TASK_FAILED,
            "HELD DeletionUnconfirmed"),
        end("it is going", s -> s.deleting("a"), Verdict.TASK_FAILED, "HELD DeletionUnconfirmed"),
        end(
            "it is gone with the node",
            s -> s.gone("a"),
            FailureCause.NODE_LOST,
            "HELD DeletionUnconfirmed"),
        end(
            "it is gone, the work is done",
            s -> s.gone("a"),
            Verdict.SUCCEEDED,
            "SUCCEEDED Completed"),
        end(
            "it is gone, no retry is possible",
            s -> s.gone("a"),
            Verdict.TASK_FAILED_PERMANENT,
            "FAILED TaskFailedPermanent"));
  }

  private static Arguments end(
      String situation, Consumer<OperatorFixture> given, EndCause cause, String standing) {
    return arguments(situation, given, cause, standing);
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("ends")
  void theObjectIsLookedAtBeforeARetry(
      String situation, Consumer<OperatorFixture> given, EndCause cause, String standing) {
    scene.accepted("a").bound("a").opened("a");
    given.accept(scene);
    EffectResult aftermath =
        run(new Effect.Finish(scene.attempt("a").ref(), "pod-a", OperatorFixture.ending(cause)));
    assertThat(scene.standing("a")).isEqualTo(standing);
    assertThat(aftermath).isInstanceOf(CHANGED);
  }

  @Test
  void whoHasNoObjectHereIsTriedAgainWithoutALook() {
    scene.acceptedElsewhere("a").bound("a").opened("a");
    run(
        new Effect.Finish(
            scene.attempt("a").ref(), "pod-a", OperatorFixture.ending(Verdict.TASK_FAILED)));
    assertThat(scene.standing("a")).isEqualTo("DELAYED BackingOff");
  }

  @Test
  void whatCannotBeLookedAtEndsNothingButASuccess() {
    scene.accepted("a").bound("a").opened("a");
    scene.kube.unreadable.put(OperatorFixture.key("a"), new KubeUnavailable("no answer"));
    Effect.Finish failed =
        new Effect.Finish(
            scene.attempt("a").ref(), "pod-a", OperatorFixture.ending(Verdict.TASK_FAILED));
    assertThatThrownBy(() -> run(failed)).isInstanceOf(KubeUnavailable.class);
    assertThat(scene.standing("a")).isEqualTo("ACTIVE");
    run(
        new Effect.Finish(
            scene.attempt("a").ref(), "pod-a", OperatorFixture.ending(Verdict.SUCCEEDED)));
    assertThat(scene.standing("a")).isEqualTo("SUCCEEDED Completed");
  }

  // ---- questions, and what is done by UID

  static Stream<Arguments> answers() {
    return Stream.of(
        arguments(new DryRunResult.Allowed(), new PodCheck.Passed()),
        arguments(new DryRunResult.Refused("quota", false), new PodCheck.Passed()),
        arguments(
            new DryRunResult.Refused("no nodeName", true), new PodCheck.Refused("no nodeName")));
  }

  @ParameterizedTest
  @MethodSource("answers")
  void aPodIsRefusedOnlyPermanently(DryRunResult answer, PodCheck expected) {
    scene.kube.dryRun = answer;
    scene.accepted("a");
    assertThat(run(new Effect.DryRunPod(scene.run("a").origin().request())))
        .isEqualTo(new EffectResult.PodChecked(expected));
  }

  static Stream<Arguments> requests() {
    return Stream.of(
        arguments(
            (Function<OperatorFixture, Effect>) s -> new Effect.OpenGate(s.kube.pods.getFirst()),
            "open pod-a"),
        arguments(
            (Function<OperatorFixture, Effect>) s -> new Effect.StopPod(s.kube.pods.getFirst()),
            "delete pod pod-a"),
        arguments(
            (Function<OperatorFixture, Effect>) s -> new Effect.DeleteObject("uid-a"),
            "delete PipelineRun a uid-a"));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("requests")
  void requestsNameTheUid(Function<OperatorFixture, Effect> effect, String expected) {
    scene.accepted("a").bound("a");
    assertThat(run(effect.apply(scene))).isInstanceOf(UNCHANGED);
    assertThat(scene.kube.changes).containsExactly(expected);
  }

  // ---- notes about the attempt

  @Test
  void theLedgerIsToldWhatWasSeen() {
    scene.accepted("a").claimed("a").job("a", "token-a").pod("pod-a", "a");
    run(new Effect.Bind(scene.attempt("a").ref(), "job-a", "pod-a"));
    assertThat(scene.attempt("a").isBoundTo("pod-a")).isTrue();
    run(new Effect.RecordNode(scene.attempt("a").ref(), "pod-a", "n1"));
    assertThat(scene.attempt("a").node()).contains("n1");
    run(new Effect.MarkPodMissing(scene.attempt("a").ref(), "pod-a"));
    assertThat(scene.attempt("a").missingSince()).contains(OperatorFixture.T0);
    run(new Effect.ClearPodMissing(scene.attempt("a").ref(), "pod-a"));
    assertThat(scene.attempt("a").missingSince()).isEmpty();
    run(
        new Effect.MarkForStop(
            scene.attempt("a").ref(),
            "pod-a",
            FailureCause.UNSCHEDULABLE,
            "no node is large enough"));
    assertThat(scene.attempt("a").stopReason().orElseThrow().cause())
        .isEqualTo(FailureCause.UNSCHEDULABLE);
  }
}
