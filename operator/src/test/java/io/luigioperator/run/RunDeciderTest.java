/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Pods.defective;
import static io.luigioperator.run.Pods.ended;
import static io.luigioperator.run.Pods.gated;
import static io.luigioperator.run.Pods.labelled;
import static io.luigioperator.run.Pods.leftOver;
import static io.luigioperator.run.Pods.opened;
import static io.luigioperator.run.Pods.running;
import static io.luigioperator.run.Pods.startFailing;
import static io.luigioperator.run.Pods.terminal;
import static io.luigioperator.run.Pods.terminating;
import static io.luigioperator.run.SnapshotBuilder.KEY;
import static io.luigioperator.run.SnapshotBuilder.PIPELINE;
import static io.luigioperator.run.SnapshotBuilder.T0;
import static io.luigioperator.run.SnapshotBuilder.bound;
import static io.luigioperator.run.SnapshotBuilder.claimed;
import static io.luigioperator.run.SnapshotBuilder.object;
import static io.luigioperator.run.SnapshotBuilder.ready;
import static io.luigioperator.run.SnapshotBuilder.spec;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode.Health;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The launch protocol as a table: a situation, and the effect that is decided. */
class RunDeciderTest {

  private static final Ending SUCCESS =
      new Ending(Verdict.SUCCEEDED, OptionalInt.of(0), "done", "");
  private static final ObservedNode READY = new ObservedNode(Health.READY, Instant.EPOCH);
  private static final ObservedNode READY_AGAIN =
      new ObservedNode(Health.READY, T0.plusSeconds(400));
  private static final ObservedNode NOT_READY = new ObservedNode(Health.NOT_READY, T0);
  private static final ObservedNode OUT_OF_SERVICE = new ObservedNode(Health.OUT_OF_SERVICE, T0);

  static Stream<Arguments> effects() {
    return Stream.of(
        // claimed: nothing of the attempt can run yet
        arguments("no Job yet", claimed(), "CreateJob ua-20130115-a1"),
        arguments("a Job without a pod", claimed().job("job-1", "token-1"), "-"),
        arguments(
            "another Job of that name",
            claimed().job("x", "other"),
            "Abandon JobNameTaken INFRASTRUCTURE"),
        arguments(
            "its pod, gated",
            claimed().job("job-1", "token-1").pod(gated("pod-1")),
            "Bind job-1 pod-1"),
        arguments(
            "a gated pod that is terminating",
            claimed().job("job-1", "token-1").pod(terminating(gated("pod-1"))),
            "Abandon PodGoneBeforeStart NONE"),
        arguments(
            "a pod whose deletion was observed",
            claimed().job("job-1", "token-1").pod(gated("pod-1").asGone()),
            "Abandon PodGoneBeforeStart NONE"),
        arguments(
            "a Job that failed without a pod",
            claimed().job("job-1", "token-1").endedJob(),
            "Abandon PodGoneBeforeStart NONE"),
        arguments(
            "no Job yet after claimTtl",
            claimed().after(secs(60)),
            "CreateJob ua-20130115-a1 last"),
        arguments(
            "no pod in the cache for a while",
            claimed().job("job-1", "token-1").after(secs(10)),
            "ReadLive"),
        arguments(
            "no pod by a live read", claimed().job("job-1", "token-1").live().after(secs(59)), "-"),
        arguments(
            "no pod after claimTtl",
            claimed().job("job-1", "token-1").live().after(secs(60)),
            "DiagnoseMissingPod"),
        arguments(
            "no pod after podTtl",
            claimed().job("job-1", "token-1").live().after(secs(300)),
            "Abandon NoPod INFRASTRUCTURE"),
        arguments(
            "a suspended Job",
            claimed().job("job-1", "token-1").suspendedJob().live().after(secs(59)),
            "-"),
        arguments(
            "a suspended Job after claimTtl",
            claimed().job("job-1", "token-1").suspendedJob().live().after(secs(60)),
            "Abandon NoPod INFRASTRUCTURE"),
        arguments(
            "a pod without the annotation of its attempt after claimTtl",
            claimed()
                .job("job-1", "token-1")
                .pod(gated("flights", "p", "pod-1", "", "job-1"))
                .live()
                .after(secs(60)),
            "Abandon NoPod INFRASTRUCTURE"),
        arguments(
            "a pod that must not start",
            claimed().job("job-1", "token-1").pod(defective(gated("pod-1"), "restarts")),
            "-"),
        arguments(
            "a pod that must not start after claimTtl",
            claimed()
                .job("job-1", "token-1")
                .pod(defective(gated("pod-1"), "restarts"))
                .live()
                .after(secs(60)),
            "Abandon NoPod INFRASTRUCTURE"),
        arguments(
            "a pod beside one that must not start",
            claimed()
                .job("job-1", "token-1")
                .pod(defective(gated("pod-1"), "restarts"))
                .pod(gated("pod-2")),
            "Bind job-1 pod-2"),
        arguments(
            "a pod that no label shows",
            claimed().job("job-1", "token-1").activeJob().live().after(secs(19)),
            "-"),
        arguments(
            "a pod that no label shows for a while",
            claimed().job("job-1", "token-1").activeJob().live().after(secs(20)),
            "Abandon NoPod INFRASTRUCTURE"),
        arguments(
            "a pod that lost its labels",
            claimed().job("job-1", "token-1").live().pod(labelled(gated("pod-1"), false)),
            "Bind job-1 pod-1"),
        arguments("canceled before a Job", claimed().canceled(), "Abandon Canceled NONE"),
        arguments(
            "canceled with a gated pod",
            claimed().canceled().job("job-1", "token-1").pod(gated("pod-1")),
            "Abandon Canceled NONE"),
        arguments("its PipelineRun is missing", claimed().noObject(), "-"),
        arguments(
            "its PipelineRun is missing after claimTtl",
            claimed().noObject().after(Duration.ofSeconds(60)),
            "Abandon PodGoneBeforeStart NONE"),

        // bound: exactly one pod may run
        arguments("bound and gated", bound().pod(gated("pod-1")), "OpenGate pod-1"),
        arguments(
            "bound, with a second pod of the Job",
            bound().pod(opened("pod-1")).pod(gated("pod-2")),
            "-"),
        arguments(
            "bound and gated, and the gate cannot be opened",
            bound().pod(gated("pod-1")).refused(T0, "a webhook fails").after(secs(899)),
            "OpenGate pod-1"),
        arguments(
            "bound and gated, and the gate cannot be opened for startSeconds",
            bound().pod(gated("pod-1")).refused(T0, "a webhook fails").after(secs(900)),
            "MarkForStop pod-1 StartTimeout"),
        arguments(
            "bound and gated, and the API server does not answer for long",
            bound().pod(gated("pod-1")).unanswered(T0, "no response").after(secs(900)),
            "OpenGate pod-1"),
        arguments(
            "bound and gated for long, because no operator was there",
            bound().pod(gated("pod-1")).after(secs(10_000)),
            "OpenGate pod-1"),
        arguments(
            "gate opened long after the bind",
            bound().pod(Pods.opened(gated("pod-1"), T0.plusSeconds(5000))).after(secs(5899)),
            "-"),
        arguments(
            "not started in time after a late opening",
            bound().pod(Pods.opened(gated("pod-1"), T0.plusSeconds(5000))).after(secs(5900)),
            "MarkForStop pod-1 StartTimeout"),
        arguments(
            "the pipeline has ended, and another container still runs",
            bound().onNode("n1").pod(leftOver(running("pod-1", "n1"), T0)).after(secs(14)),
            "-"),
        arguments(
            "the pipeline has ended, and another container runs for too long",
            bound().onNode("n1").pod(leftOver(running("pod-1", "n1"), T0)).after(secs(15)),
            "StopPod pod-1"),
        arguments("canceled while gated", bound().canceled().pod(gated("pod-1")), "StopPod pod-1"),
        arguments("gate open, not scheduled", bound().pod(opened("pod-1")), "-"),
        arguments("scheduled", bound().pod(running("pod-1", "n1")), "RecordNode pod-1 n1"),
        arguments(
            "running on the recorded node", bound().onNode("n1").pod(running("pod-1", "n1")), "-"),
        arguments(
            "canceled while running",
            bound().onNode("n1").canceled().pod(running("pod-1", "n1")),
            "StopPod pod-1"),
        arguments(
            "canceled and terminating",
            bound().onNode("n1").canceled().pod(terminating(running("pod-1", "n1"))),
            "-"),
        arguments(
            "not started in time",
            bound()
                .pod(startFailing(opened("pod-1"), FailureCause.UNSCHEDULABLE))
                .after(Duration.ofSeconds(900)),
            "MarkForStop pod-1 Unschedulable"),
        arguments(
            "not started in time, without a reported reason",
            bound().pod(opened("pod-1")).after(Duration.ofSeconds(900)),
            "MarkForStop pod-1 StartTimeout"),
        arguments(
            "an image whose user is not numeric",
            bound().pod(startFailing(opened("pod-1"), FailureCause.IMAGE_USER_NOT_NUMERIC)),
            "MarkForStop pod-1 ImageUserNotNumeric"),
        arguments(
            "an image that cannot be pulled, with time left",
            bound().pod(startFailing(opened("pod-1"), FailureCause.IMAGE_PULL)),
            "-"),
        arguments(
            "stopping",
            bound().stopping(FailureCause.UNSCHEDULABLE).pod(opened("pod-1")),
            "StopPod pod-1"),
        arguments(
            "ended with exit statuses",
            bound().onNode("n1").pod(terminal(ended(running("pod-1", "n1"), SUCCESS))),
            "Finish pod-1 Succeeded"),
        arguments(
            "ended with exit statuses and deleted",
            bound().onNode("n1").pod(terminal(ended(running("pod-1", "n1"), SUCCESS)).asGone()),
            "Finish pod-1 Succeeded"),

        // bound, and the pod is missing: its end needs a live read, the state of the node, and time
        arguments("missing in the cache", bound().onNode("n1"), "ReadLive"),
        arguments(
            "missing by a live read",
            bound().onNode("n1").live().node(READY),
            "MarkPodMissing pod-1"),
        arguments(
            "missing within the grace period on a Ready node",
            bound().onNode("n1").live().node(READY).missingSince(T0).after(secs(149)),
            "-"),
        arguments(
            "missing beyond the grace period on a Ready node",
            bound().onNode("n1").live().node(READY).missingSince(T0).after(secs(150)),
            "Finish pod-1 PodDeleted"),
        arguments(
            "missing for long on a node that became Ready recently",
            bound().onNode("n1").live().node(READY_AGAIN).missingSince(T0).after(secs(500)),
            "-"),
        arguments(
            "missing on a node that is not Ready, within the hold",
            bound().onNode("n1").live().node(NOT_READY).missingSince(T0).after(secs(599)),
            "-"),
        arguments(
            "missing on a node that is not Ready, beyond the hold",
            bound().onNode("n1").live().node(NOT_READY).missingSince(T0).after(secs(600)),
            "Finish pod-1 NodeLost"),
        arguments(
            "missing on a node with the taint out-of-service",
            bound().onNode("n1").live().node(OUT_OF_SERVICE).missingSince(T0),
            "Finish pod-1 NodeLost"),
        arguments(
            "missing, never observed on a node",
            bound().live().missingSince(T0).after(secs(599)),
            "-"),
        arguments(
            "missing, never observed on a node, beyond the hold",
            bound().live().missingSince(T0).after(secs(600)),
            "Finish pod-1 NodeLost"),
        arguments(
            "terminal without exit statuses on a Ready node",
            bound().onNode("n1").live().node(READY).pod(terminal(running("pod-1", "n1"))),
            "Finish pod-1 Killed"),
        arguments(
            "terminal without exit statuses on a node that was not Ready meanwhile",
            terminalOnNodeReadyAgain().after(secs(400)),
            "MarkPodMissing pod-1"),
        arguments(
            "terminal without exit statuses, within the grace period of a node that is Ready again",
            terminalOnNodeReadyAgain().missingSince(T0).after(secs(549)),
            "-"),
        arguments(
            "terminal without exit statuses, beyond the grace period of a node that is Ready again",
            terminalOnNodeReadyAgain().missingSince(T0).after(secs(550)),
            "Finish pod-1 Killed"),
        arguments(
            "terminal without exit statuses on a node that was never recorded",
            bound().live().pod(terminal(running("pod-1", "n1"))),
            "RecordNode pod-1 n1"),
        arguments(
            "terminal without exit statuses on a node that is not Ready",
            bound().onNode("n1").live().node(NOT_READY).pod(terminal(running("pod-1", "n1"))),
            "MarkPodMissing pod-1"),
        arguments(
            "observed again",
            bound().onNode("n1").missingSince(T0).pod(running("pod-1", "n1")),
            "ClearPodMissing pod-1"),
        arguments(
            "terminating on a node that is not Ready",
            bound()
                .onNode("n1")
                .node(NOT_READY)
                .pod(terminating(running("pod-1", "n1")))
                .after(secs(100_000)),
            "-"),

        // the object
        arguments("waiting", ready(), "-"),
        arguments("start deadline passed", ready().startDeadline(30).after(secs(30)), "Expire"),
        arguments("start deadline not passed", ready().startDeadline(30).after(secs(29)), "-"),
        arguments("an object not on record", ready().notRecorded(), "RecordObject uid-1"),
        arguments(
            "a new generation",
            ready().object(object(spec(DesiredState.Held), "uid-1", 2)),
            "Amend 2 Held"),
        arguments(
            "another object of that name",
            ready().object(object(spec(DesiredState.Held), "uid-2", 2)),
            "-"),
        arguments(
            "a finished run that is applied again",
            bound()
                .finished(Verdict.SUCCEEDED)
                .object(object(spec(DesiredState.Running), "uid-2", 1)),
            "-"),
        arguments(
            "a time to live that has passed",
            bound()
                .finished(Verdict.SUCCEEDED)
                .object(object(spec(DesiredState.Running, "15", 60), "uid-1", 1))
                .after(secs(60)),
            "DeleteObject uid-1"),
        arguments(
            "a time to live with time left",
            bound()
                .finished(Verdict.SUCCEEDED)
                .object(object(spec(DesiredState.Running, "15", 60), "uid-1", 1))
                .after(secs(59)),
            "-"),
        arguments(
            "a user's object without a time to live",
            bound().finished(Verdict.SUCCEEDED).after(secs(10_000_000)),
            "-"));
  }

  /** A pod that became terminal without exit statuses while its node was not Ready. */
  private static SnapshotBuilder terminalOnNodeReadyAgain() {
    return bound().onNode("n1").live().node(READY_AGAIN).pod(terminal(running("pod-1", "n1")));
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("effects")
  void effectOfTheSituation(String situation, SnapshotBuilder c, String expected) {
    assertThat(rendered(c.decide().effect())).isEqualTo(expected);
  }

  /** The effect with its object, its reason, and the budget it is charged to. */
  private static String rendered(Optional<Effect> effect) {
    return effect.map(RunDeciderTest::rendered).orElse("-");
  }

  private static String rendered(Effect effect) {
    return effect.getClass().getSimpleName()
        + switch (effect) {
          case Effect.Abandon(var _, Abandonment why) -> " " + why.reason() + " " + why.charge();
          case Effect.Finish(var _, String pod, Ending e) -> " " + pod + " " + e.cause().reason();
          case Effect.MarkForStop(var _, String pod, FailureCause cause, var _) ->
              " " + pod + " " + cause.reason();
          case Effect.Bind(var _, String job, String pod) -> " " + job + " " + pod;
          case Effect.RecordNode(var _, String pod, String node) -> " " + pod + " " + node;
          case Effect.OpenGate(ObservedPod pod) -> " " + pod.uid();
          case Effect.StopPod(ObservedPod pod) -> " " + pod.uid();
          case Effect.MarkPodMissing(var _, String pod) -> " " + pod;
          case Effect.ClearPodMissing(var _, String pod) -> " " + pod;
          case Effect.CreateJob(Attempt attempt, boolean last) ->
              " " + attempt.jobName() + (last ? " last" : "");
          case Effect.RecordObject(String uid) -> " " + uid;
          case Effect.Amend(long generation, Amendment a) -> " " + generation + " " + a.desired();
          case Effect.DeleteObject(String uid) -> " " + uid;
          case Effect.RestoreOutcome(RecordedOutcome outcome) -> " " + outcome.state();
          case Effect.Accept _,
              Effect.DryRunPod _,
              Effect.Expire _,
              Effect.ReadLive _,
              Effect.DiagnoseMissingPod _ ->
              "";
        };
  }

  @Test
  void choosesTheSameOfTwoGatedPodsInAnyOrder() {
    SnapshotBuilder one = claimed().job("job-1", "token-1").pod(gated("pod-1")).pod(gated("pod-2"));
    SnapshotBuilder other =
        claimed().job("job-1", "token-1").pod(gated("pod-2")).pod(gated("pod-1"));

    assertThat(one.decide()).isEqualTo(other.decide());
    assertThat(one.decide().effect())
        .contains(new Effect.Bind(new AttemptRef(KEY, 1, 7), "job-1", "pod-1"));
  }

  @Test
  void doesNotChooseAPodOfAnotherJob() {
    SnapshotBuilder c = claimed().job("job-2", "token-1").pod(gated("pod-1"));

    assertThat(c.decide().effect()).isEmpty();
  }

  @Test
  void keepsThePriorityOfTheScheduleAtAcceptance() {
    ScheduleObject then = schedule(1, Priority.High);
    ScheduleObject today = schedule(2, Priority.Low);
    RunObject silent = object(byReference(null, null), "uid-1", 1);
    RunObject own = object(byReference(Priority.Normal, null), "uid-1", 1);

    assertThat(shownPriority(ready().accepted(own, then).schedule(today)))
        .isEqualTo(Priority.Normal);
    SnapshotBuilder c = ready().accepted(silent, then).schedule(today);
    assertThat(shownPriority(c)).isEqualTo(Priority.High);

    c.object(object(byReference(null, 60), "uid-1", 2));
    assertThat(c.decide().effect().orElseThrow())
        .isInstanceOfSatisfying(
            Effect.Amend.class,
            amend -> assertThat(amend.amendment().priority()).isEqualTo(Priority.High));
  }

  private static Priority shownPriority(SnapshotBuilder c) {
    return c.decide().status().orElseThrow().resolved().priority();
  }

  private static ScheduleObject schedule(long generation, Priority priority) {
    return ScheduleFixture.schedule(
        KEY.namespace(),
        "nightly",
        generation,
        ScheduleFixture.spec(PIPELINE, priority, List.of(ScheduleFixture.client("UA"))));
  }

  private static PipelineRunSpec byReference(
      @Nullable Priority priority, @Nullable Integer startDeadlineSeconds) {
    return new PipelineRunSpec(
        new ScheduleRef("nightly"),
        null,
        "UA",
        "2013-01-15",
        List.of(),
        null,
        priority,
        DesiredState.Running,
        null,
        startDeadlineSeconds,
        null,
        null,
        null);
  }

  @Test
  void requeuesWhenTimeAloneChangesTheDecision() {
    SnapshotBuilder withoutPod = claimed().job("job-1", "token-1");
    assertThat(withoutPod.decide().requeueAt()).contains(T0.plusSeconds(10));
    assertThat(withoutPod.live().after(secs(10)).decide().requeueAt()).contains(T0.plusSeconds(60));
    SnapshotBuilder limited = ready();
    limited.run(LimitTransitions.accepted(limited.run()));
    assertThat(limited.after(secs(1)).decide().requeueAt()).contains(T0.plusSeconds(2));
    assertThat(limited.after(secs(2)).decide().requeueAt()).isEmpty();
    SnapshotBuilder opened = bound().pod(opened("pod-1"));
    assertThat(opened.after(secs(4)).decide().requeueAt()).contains(T0.plusSeconds(5));
    assertThat(opened.after(secs(5)).decide().requeueAt()).contains(T0.plusSeconds(900));
    SnapshotBuilder leftOver = bound().onNode("n1").pod(leftOver(running("pod-1", "n1"), T0));
    assertThat(leftOver.decide().requeueAt()).contains(T0.plusSeconds(15));
    assertThat(bound().onNode("n1").pod(running("pod-1", "n1")).decide().requeueAt()).isEmpty();
    // claimed in time: a deadline that has passed must not cause a requeue
    assertThat(claimed().startDeadline(30).job("job-1", "token-1").decide().requeueAt())
        .contains(T0.plusSeconds(10));
  }

  // ---- a pod whose gate something other than the operator removed

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void keepsTheKeyWhileAnUnboundPodMayRun(boolean canceled) {
    SnapshotBuilder c = claimed().job("job-1", "token-1").pod(terminating(running("pod-1", "n1")));
    c.pod(gated("pod-2")).after(secs(100_000));

    assertThat((canceled ? c.canceled() : c).decide().effect()).isEmpty();
  }

  @Test
  void abandonsTheAttemptOnceTheUnboundPodHasEnded() {
    SnapshotBuilder c = claimed().job("job-1", "token-1").pod(running("pod-1", "n1").asGone());

    assertThat(c.decide().effect().orElseThrow())
        .isInstanceOfSatisfying(
            Effect.Abandon.class,
            a -> {
              assertThat(a.why().charge()).isEqualTo(Abandonment.BudgetCharge.INFRASTRUCTURE);
              assertThat(a.why().message()).contains("scheduling gate");
            });
  }

  // ---- the object

  @Test
  void appliesTheMutableFieldsOfAnObjectRecordedLate() {
    SnapshotBuilder c =
        ready().notRecorded().object(object(spec(DesiredState.Canceled), "uid-2", 1));
    assertThat(c.decide().effect()).contains(new Effect.RecordObject("uid-2"));

    c.recordedAs("uid-2", 0);
    assertThat(c.decide().effect().orElseThrow()).isInstanceOf(Effect.Amend.class);
  }

  @Test
  void timeToLiveOfAnObjectAppliedAgainCountsFromItsCreation() {
    RunObject again =
        new RunObject(
            KEY,
            "uid-2",
            1,
            T0.plusSeconds(5000),
            false,
            false,
            spec(DesiredState.Running, "15", 60),
            Optional.empty());
    SnapshotBuilder c = bound().finished(Verdict.SUCCEEDED).object(again);

    assertThat(c.after(secs(5059)).decide().effect()).isEmpty();
    assertThat(c.after(secs(5060)).decide().effect()).contains(new Effect.DeleteObject("uid-2"));
  }

  @Test
  void startDeadlineCountsFromNotBeforeTime() {
    PipelineRunSpec tonight =
        new PipelineRunSpec(
            new ScheduleRef("nightly"),
            null,
            "UA",
            "2013-01-15",
            List.of(),
            null,
            null,
            DesiredState.Running,
            T0.plusSeconds(3600),
            600,
            null,
            null,
            null);
    RunSnapshot s =
        new RunSnapshot(
            KEY,
            "main",
            Optional.of(object(tonight, "uid-1", 1)),
            Optional.empty(),
            new RunSnapshot.PodCheck.Unasked(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            RunSnapshot.Hints.NONE);
    RunDecider decider = new RunDecider(Limits.DEFAULT);

    Decision early = decider.decide(s, T0.plusSeconds(4199));
    assertThat(early.status().orElseThrow().phase()).isEqualTo(Phase.Pending);
    assertThat(early.requeueAt()).contains(T0.plusSeconds(4200));
    Decision late = decider.decide(s, T0.plusSeconds(4200));
    assertThat(late.status().orElseThrow().phase()).isEqualTo(Phase.Rejected);
  }

  @Test
  void keepsTheMessageOfTheKubeletForAPodItRefused() {
    ObservedPod refused = terminal(startFailing(running("pod-1", "n1"), FailureCause.EVICTED));
    SnapshotBuilder c = bound().onNode("n1").live().node(READY).pod(refused);

    assertThat(c.decide().effect().orElseThrow())
        .isInstanceOfSatisfying(
            Effect.Finish.class,
            f ->
                assertThat(f.ending())
                    .isEqualTo(Ending.of(FailureCause.EVICTED, "message of the kubelet")));
  }

  private static Duration secs(long n) {
    return Duration.ofSeconds(n);
  }
}
