/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.OperatorFixture;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.job.Kube.DryRunResult;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.ledger.Refusals;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.Effect;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.Verdict;
import io.luigioperator.sim.LedgerProxy;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** One effect: each row is an answer of the API server, and the state of the run afterwards. */
class EffectRunnerTest {
  private static final Class<?> UNCHANGED = EffectResult.Unchanged.class;
  private static final Class<?> CHANGED = EffectResult.Changed.class;
  private static final Class<?> STILL_WAITING = EffectResult.StillWaiting.class;

  private final OperatorFixture fixture = new OperatorFixture();

  private EffectResult run(Effect effect) {
    return run(effect, fixture.ledger);
  }

  /**
   * @param writes the ledger that carries out the effect
   */
  private EffectResult run(Effect effect, Ledger writes) {
    RunKey key = OperatorFixture.key("a");
    Optional<RunRecord> record = fixture.ledger.queries().load(key, OperatorFixture.HERE).run(key);
    RunSnapshot s =
        new SnapshotReader(
                fixture.kube, OperatorFixture.HERE, OperatorFixture.limits(fixture.ledger))
            .read(
                key,
                record,
                Freshness.CACHED,
                new PodCheck.Unasked(),
                Optional.empty(),
                OperatorFixture.T0);
    EffectResult result =
        new EffectRunner(writes, fixture.kube, OperatorFixture.HERE, OperatorFixture.NO_WAKEUPS)
            .run(effect, s, record);
    if (result instanceof EffectResult.Changed(RunRecord after)) {
      assertThat(fixture.ledger.queries().load(key, OperatorFixture.HERE).run(key))
          .map(r -> List.of(r.run(), r.attempts(), r.object()))
          .describedAs("the result has the rows of the ledger")
          .contains(List.of(after.run(), after.attempts(), after.object()));
    }
    return result;
  }

  // ---- the Job, and a pod that does not appear

  private static final Function<OperatorFixture, Effect> CREATE_JOB =
      s -> new Effect.CreateJob(s.attempt("a"), false);
  private static final Function<OperatorFixture, Effect> DIAGNOSE =
      s -> new Effect.DiagnoseMissingPod(s.attempt("a").ref());

  private static Consumer<OperatorFixture> creation(JobCreation answer) {
    return s -> s.kube.jobCreation = Optional.of(answer);
  }

  private static Consumer<OperatorFixture> dryRun(DryRunResult answer) {
    return s -> s.kube.dryRun = answer;
  }

  private static ObservedJob job(String token) {
    return new ObservedJob("data", "a-a1", "job-a", token, OperatorFixture.T0, false, 0, false);
  }

  static Stream<Arguments> launches() {
    return Stream.of(
        arguments(
            "the Job is created",
            (Consumer<OperatorFixture>) s -> {},
            CREATE_JOB,
            "ACTIVE",
            "",
            UNCHANGED),
        arguments(
            "the Job exists already",
            creation(new JobCreation.Exists(job("token-a"))),
            CREATE_JOB,
            "ACTIVE",
            "",
            UNCHANGED),
        arguments(
            "another Job has its name",
            creation(new JobCreation.Exists(job("token-x"))),
            CREATE_JOB,
            "DELAYED BackingOff",
            "JobNameTaken: Job a-a1 exists and was not created for this attempt; delete that Job",
            CHANGED),
        arguments(
            "the Job is refused",
            creation(new JobCreation.Refused("jobs.batch is forbidden")),
            CREATE_JOB,
            "DELAYED BackingOff",
            "LaunchRefused: jobs.batch is forbidden",
            CHANGED),
        arguments(
            "no pod, a dry run is accepted",
            dryRun(new DryRunResult.Allowed()),
            DIAGNOSE,
            "ACTIVE",
            "",
            STILL_WAITING),
        arguments(
            "no pod, a dry run is refused for now",
            dryRun(new DryRunResult.Refused("exceeded quota: pods", false)),
            DIAGNOSE,
            "DELAYED BackingOff",
            "LaunchRefused: exceeded quota: pods",
            CHANGED),
        arguments(
            "no pod, a dry run is refused permanently",
            dryRun(new DryRunResult.Refused("violates PodSecurity", true)),
            DIAGNOSE,
            "DELAYED BackingOff",
            "LaunchRefused: violates PodSecurity",
            CHANGED));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("launches")
  void aClaimIsAbandonedOnlyIfTheServerRefuses(
      String situation,
      Consumer<OperatorFixture> given,
      Function<OperatorFixture, Effect> effect,
      String expectedState,
      String expectedEnd,
      Class<?> expectedResult) {
    fixture.accepted("a").claimed("a");
    given.accept(fixture);
    EffectResult result = run(effect.apply(fixture));
    assertThat(fixture.stateAndReason("a")).isEqualTo(expectedState);
    assertThat(fixture.attempt("a").end().map(e -> e.reason() + ": " + e.message()).orElse(""))
        .isEqualTo(expectedEnd);
    int infra = expectedEnd.isEmpty() ? 0 : 1;
    assertThat(fixture.run("a").budget().infra()).isEqualTo(infra);
    assertThat(fixture.run("a").budget().counted()).isEqualTo(1 - infra);
    assertThat(result).isInstanceOf(expectedResult);
  }

  // ---- the end: a retry must not undo a deletion

  static Stream<Arguments> ends() {
    return Stream.of(
        end("its object exists", s -> {}, Verdict.TASK_FAILED, "DELAYED BackingOff"),
        end(
            "it is only missing in the cache",
            s -> s.objectNotCached("a"),
            Verdict.TASK_FAILED,
            "DELAYED BackingOff"),
        end(
            "it was deleted, but is cached",
            s -> s.objectDeletedButCached("a"),
            Verdict.TASK_FAILED,
            "HELD DeletionUnconfirmed"),
        end(
            "it was deleted",
            s -> s.objectDeleted("a"),
            Verdict.DRAINED,
            "HELD DeletionUnconfirmed"),
        end(
            "another object has its name",
            s -> s.objectExists("a", "uid-2"),
            Verdict.TASK_FAILED,
            "HELD DeletionUnconfirmed"),
        end(
            "it is being deleted",
            s -> s.objectDeleting("a"),
            Verdict.TASK_FAILED,
            "HELD DeletionUnconfirmed"),
        end(
            "it was deleted, the node was lost",
            s -> s.objectDeleted("a"),
            FailureCause.NODE_LOST,
            "HELD DeletionUnconfirmed"),
        end(
            "it was deleted, the run succeeded",
            s -> s.objectDeleted("a"),
            Verdict.SUCCEEDED,
            "SUCCEEDED Completed"),
        end(
            "it was deleted, no retry is possible",
            s -> s.objectDeleted("a"),
            Verdict.TASK_FAILED_PERMANENT,
            "FAILED TaskFailedPermanent"));
  }

  private static Arguments end(
      String situation, Consumer<OperatorFixture> given, EndCause cause, String expected) {
    return arguments(situation, given, cause, expected);
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("ends")
  void theObjectIsReadLiveBeforeARetry(
      String situation, Consumer<OperatorFixture> given, EndCause cause, String expected) {
    fixture.accepted("a").bound("a").gateOpened("a");
    given.accept(fixture);
    EffectResult result =
        run(new Effect.Finish(fixture.attempt("a").ref(), "pod-a", OperatorFixture.ending(cause)));
    assertThat(fixture.stateAndReason("a")).isEqualTo(expected);
    assertThat(result).isInstanceOf(CHANGED);
  }

  @Test
  void aRunWithoutARecordedObjectIsRetriedWithoutALiveRead() {
    fixture.acceptedElsewhere("a").bound("a").gateOpened("a");
    run(
        new Effect.Finish(
            fixture.attempt("a").ref(), "pod-a", OperatorFixture.ending(Verdict.TASK_FAILED)));
    assertThat(fixture.stateAndReason("a")).isEqualTo("DELAYED BackingOff");
  }

  @Test
  void withoutALiveReadOnlyASuccessIsFinished() {
    fixture.accepted("a").bound("a").gateOpened("a");
    fixture.kube.unreadable.put(OperatorFixture.key("a"), new KubeUnavailable("no answer"));
    Effect.Finish failed =
        new Effect.Finish(
            fixture.attempt("a").ref(), "pod-a", OperatorFixture.ending(Verdict.TASK_FAILED));
    assertThatThrownBy(() -> run(failed)).isInstanceOf(KubeUnavailable.class);
    assertThat(fixture.stateAndReason("a")).isEqualTo("ACTIVE");
    run(
        new Effect.Finish(
            fixture.attempt("a").ref(), "pod-a", OperatorFixture.ending(Verdict.SUCCEEDED)));
    assertThat(fixture.stateAndReason("a")).isEqualTo("SUCCEEDED Completed");
  }

  // ---- dry runs, and requests with a UID

  static Stream<Arguments> answers() {
    return Stream.of(
        arguments(new DryRunResult.Allowed(), new PodCheck.Passed()),
        arguments(new DryRunResult.Refused("quota", false), new PodCheck.Passed()),
        arguments(
            new DryRunResult.Refused("no nodeName", true), new PodCheck.Refused("no nodeName")));
  }

  @ParameterizedTest
  @MethodSource("answers")
  void onlyAPermanentRefusalFailsThePodCheck(DryRunResult answer, PodCheck expected) {
    fixture.kube.dryRun = answer;
    fixture.accepted("a");
    assertThat(run(new Effect.DryRunPod(fixture.run("a").definition().request())))
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
  void requestsContainTheUid(Function<OperatorFixture, Effect> effect, String expected) {
    fixture.accepted("a").bound("a");
    assertThat(run(effect.apply(fixture))).isInstanceOf(UNCHANGED);
    assertThat(fixture.kube.changes).containsExactly(expected);
  }

  // ---- what is recorded about an attempt

  @Test
  void observationsAreRecordedInTheLedger() {
    fixture.accepted("a").claimed("a").job("a", "token-a").pod("pod-a", "a");
    run(new Effect.Bind(fixture.attempt("a").ref(), "job-a", "pod-a"));
    assertThat(fixture.attempt("a").isBoundTo("pod-a")).isTrue();
    run(new Effect.RecordNode(fixture.attempt("a").ref(), "pod-a", "n1"));
    assertThat(fixture.attempt("a").node()).contains("n1");
    run(new Effect.MarkPodMissing(fixture.attempt("a").ref(), "pod-a"));
    assertThat(fixture.attempt("a").missingSince()).contains(OperatorFixture.T0);
    run(new Effect.ClearPodMissing(fixture.attempt("a").ref(), "pod-a"));
    assertThat(fixture.attempt("a").missingSince()).isEmpty();
    run(
        new Effect.MarkForStop(
            fixture.attempt("a").ref(),
            "pod-a",
            FailureCause.UNSCHEDULABLE,
            "no node is large enough"));
    assertThat(fixture.attempt("a").stopReason().orElseThrow().cause())
        .isEqualTo(FailureCause.UNSCHEDULABLE);
  }

  // ---- a change that the database refuses

  @Test
  void aRefusedChangeIsReportedOnceAndDoesNotBlockTheRun() {
    fixture.accepted("a");
    Ledger refusing =
        LedgerProxy.of(
            fixture.ledger,
            (role, method, args) -> {
              if (method.getName().equals("amend")) {
                throw Refusals.refused("Incorrect datetime value");
              }
              return LedgerProxy.invoke(role, method, args);
            });
    Amendment change =
        new Amendment(
            DesiredState.Running, Priority.Normal, Optional.empty(), OptionalLong.empty(), 3);

    EffectResult result = run(new Effect.Amend(2, change), refusing);

    assertThat(result).isInstanceOf(EffectResult.Stale.class);
    assertThat(
            fixture
                .ledger
                .queries()
                .load(OperatorFixture.key("a"), OperatorFixture.HERE)
                .run(OperatorFixture.key("a"))
                .orElseThrow()
                .object())
        .as("this generation is not tried again")
        .hasValueSatisfying(o -> assertThat(o.appliedGeneration()).isEqualTo(2));
  }
}
