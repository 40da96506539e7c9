/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Pods.gated;
import static io.luigioperator.run.Pods.labelled;
import static io.luigioperator.run.Pods.leftOver;
import static io.luigioperator.run.Pods.opened;
import static io.luigioperator.run.Pods.running;
import static io.luigioperator.run.Pods.startFailing;
import static io.luigioperator.run.Pods.terminating;
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
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode.Health;
import io.luigioperator.run.Resolver.Resolution;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The status of a PipelineRun as a table: a situation, its status, and its warning events. */
class StatusViewTest {
  private static final ObservedNode NOT_READY = new ObservedNode(Health.NOT_READY, T0);

  private static final String WAITS = "Accepted !Finished Queued ?Succeeded";
  private static final String RUNS = "Accepted !Finished !Queued ?Succeeded";
  private static final String FAILED = "Accepted Finished !Queued !Succeeded";
  private static final String DONE = "Accepted Finished !Queued Succeeded";
  private static final String REFUSED = "!Accepted Finished Stalled !Succeeded";

  static Stream<Arguments> situations() {
    return Stream.of(
        // waiting
        arguments(
            "is READY for less than the write delay",
            ready().after(Duration.ofMillis(1999)),
            "-",
            "",
            ""),
        arguments(
            "waits for a slot", ready().after(secs(2)), "Queued WaitingForCapacity", WAITS, ""),
        arguments(
            "waits for its client",
            ready().heldBy(new RunKey("flights", "ua-20130114")),
            "Queued WaitingForClient",
            WAITS,
            ""),
        arguments("is held", moved(ready(), r -> held(r, Reasons.HELD)), "Queued Held", WAITS, ""),
        arguments(
            "is held for its namespace",
            moved(ready(), r -> held(r, Reasons.NAMESPACE_MISSING)),
            "Queued NamespaceMissing",
            WAITS,
            ""),
        arguments(
            "was accepted just now beyond the limit of its schedule",
            moved(ready(), LimitTransitions::accepted).after(secs(1)),
            "-",
            "",
            ""),
        arguments(
            "waits for the limit of its schedule",
            moved(ready(), LimitTransitions::accepted).after(secs(2)),
            "Queued ScheduleLimit",
            WAITS,
            ""),
        arguments(
            "waits for its time",
            moved(ready(), r -> r.with(RunState.DELAYED, Reasons.WAITING_FOR_TIME, "")),
            "Queued WaitingForTime",
            WAITS,
            ""),
        arguments(
            "failed and will be retried",
            bound().finished(Verdict.TASK_FAILED),
            "Retrying BackingOff",
            WAITS,
            "AttemptFailed RetryScheduled"),

        // active
        arguments("was claimed just now", claimed().after(secs(59)), "-", "", ""),
        arguments(
            "was claimed and gets no pod",
            claimed().after(secs(60)),
            "Running WaitingForPod",
            RUNS,
            ""),
        arguments(
            "its gate was opened just now",
            bound().pod(opened("pod-1")).after(secs(4)),
            "-",
            "",
            ""),
        arguments(
            "is not scheduled",
            bound().pod(opened("pod-1")).after(secs(5)),
            "Running Starting",
            RUNS,
            ""),
        arguments(
            "its gate was opened long after the bind",
            bound().pod(Pods.opened(gated("pod-1"), T0.plusSeconds(100))).after(secs(104)),
            "-",
            "",
            ""),
        arguments(
            "its gate cannot be opened",
            bound().pod(gated("pod-1")).refused(T0, "a webhook fails"),
            "Running Starting",
            RUNS,
            ""),
        arguments(
            "its Job is suspended",
            claimed().job("job-1", "token-1").suspendedJob(),
            "Running WaitingForPod",
            RUNS,
            ""),
        arguments(
            "has ended, but not its sidecar",
            bound().onNode("n1").pod(leftOver(running("pod-1", "n1"), T0)),
            "Running Stopping",
            RUNS,
            ""),
        arguments("runs", onNode(), "Running Started", RUNS, ""),
        arguments(
            "cannot start yet",
            bound().pod(startFailing(opened("pod-1"), FailureCause.IMAGE_PULL)),
            "Running ImagePull",
            RUNS,
            ""),
        arguments("is being canceled", onNode().canceled(), "Running Stopping", RUNS, ""),
        arguments(
            "is being stopped by the operator",
            onNode().stopping(FailureCause.UNSCHEDULABLE),
            "Running Stopping",
            RUNS,
            ""),
        arguments(
            "its pod is missing",
            bound().onNode("n1").missingSince(T0),
            "Running NodeLost",
            RUNS,
            ""),
        arguments(
            "cannot end, its node is not Ready",
            bound().onNode("n1").node(NOT_READY).pod(terminating(running("pod-1", "n1"))),
            "Running NodeLost",
            RUNS,
            ""),

        // ended
        arguments(
            "succeeded", bound().finished(Verdict.SUCCEEDED), "Succeeded Completed", DONE, ""),
        arguments(
            "failed permanently",
            bound().finished(Verdict.TASK_FAILED_PERMANENT),
            "Failed TaskFailedPermanent",
            FAILED,
            "AttemptFailed RunFailed"),
        arguments(
            "did not start in time",
            moved(
                ready().startDeadline(30),
                r -> WaitingTransitions.expire(r, T0.plusSeconds(30)).orElseThrow()),
            "Failed StartDeadlineExceeded",
            FAILED,
            "RunDeadlineExceeded"),
        arguments(
            "was canceled while it waited",
            ready().canceled(),
            "Canceled Canceled",
            FAILED,
            "RunCanceled"),
        arguments(
            "was canceled while it ran",
            onNode().canceled().finished(FailureCause.KILLED),
            "Canceled Canceled",
            FAILED,
            "RunCanceled"),
        arguments(
            "was canceled too late",
            onNode().canceled().finished(Verdict.SUCCEEDED),
            "Succeeded Completed",
            DONE,
            ""),

        // another object of its name
        arguments(
            "is applied again after its success",
            bound()
                .finished(Verdict.SUCCEEDED)
                .object(object(spec(DesiredState.Running), "uid-2", 1)),
            "Succeeded AlreadyComplete",
            DONE,
            "RunReplaySkipped"),
        arguments(
            "is applied again after its failure",
            bound()
                .finished(FailureCause.IMAGE_USER_NOT_NUMERIC)
                .object(object(spec(DesiredState.Running), "uid-2", 1)),
            "Failed ImageUserNotNumeric",
            FAILED,
            "RunReplaySkipped"),
        arguments(
            "has the name of another request",
            ready().object(object(spec(DesiredState.Running, "99", null), "uid-2", 1)),
            "Rejected NameAlreadyUsed",
            REFUSED,
            "RunRejected"),
        arguments("has no object here", ready().noObject(), "-", "", ""));
  }

  private static SnapshotBuilder onNode() {
    return bound().onNode("n1").pod(running("pod-1", "n1"));
  }

  private static SnapshotBuilder moved(SnapshotBuilder c, UnaryOperator<Run> transition) {
    return c.run(transition.apply(c.run()));
  }

  private static Run held(Run run, String reason) {
    return WaitingTransitions.hold(run, reason, "message").orElseThrow();
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("situations")
  void statusOfTheSituation(
      String situation,
      SnapshotBuilder c,
      String phaseAndReason,
      String conditions,
      String events) {
    Optional<PipelineRunStatus> status = shown(c);
    assertThat(status.map(s -> s.phase() + " " + s.reason()).orElse("-")).isEqualTo(phaseAndReason);
    assertThat(status.map(StatusViewTest::conditions).orElse("")).isEqualTo(conditions);
    assertThat(status.map(s -> events(c, s)).orElse("")).isEqualTo(events);
    if (status.isPresent()) {
      assertThat(status.get().observedGeneration()).isEqualTo(1);
      c.object(withStatus(c.snapshot().object().orElseThrow(), status.get()));
      c.after(Duration.between(T0, c.now).plus(secs(1)));
      assertThat(shown(c)).describedAs("a second later").isEqualTo(status);
      assertThat(events(c, status.get())).isEmpty();
    }
  }

  private static Optional<PipelineRunStatus> shown(SnapshotBuilder c) {
    RunSnapshot s = c.snapshot();
    return StatusView.of(s, s.row().orElseThrow(), Limits.DEFAULT, c.now);
  }

  /** True as it is, False with "!", Unknown with "?"; by name. */
  private static String conditions(PipelineRunStatus s) {
    return s.conditions().stream()
        .map(
            c ->
                switch (c.getStatus()) {
                      case "True" -> "";
                      case "False" -> "!";
                      default -> "?";
                    }
                    + c.getType())
        .collect(Collectors.joining(" "));
  }

  private static String events(SnapshotBuilder c, PipelineRunStatus after) {
    return WarningEvents.of(c.snapshot(), after).stream()
        .map(WarningEvents.WarningEvent::reason)
        .collect(Collectors.joining(" "));
  }

  private static RunObject withStatus(RunObject o, PipelineRunStatus status) {
    return new RunObject(
        o.key(), o.uid(), o.generation(), T0, false, false, o.spec(), Optional.of(status));
  }

  // ---- not in the ledger

  @Test
  void statusBeforeAcceptance() {
    RunObject o = object(spec(DesiredState.Running), "uid-1", 1);
    Resolution.Refused why = new Resolution.Refused(Reasons.SCHEDULE_NOT_FOUND, "no nightly", true);

    PipelineRunStatus pending = StatusView.pending(o, why, T0);
    assertThat(pending.phase()).isEqualTo(Phase.Pending);
    assertThat(conditions(pending)).isEqualTo("!Accepted !Finished Reconciling ?Succeeded");
    PipelineRunStatus rejected = StatusView.rejected(o, why, T0);
    assertThat(rejected.phase()).isEqualTo(Phase.Rejected);
    assertThat(conditions(rejected)).isEqualTo(REFUSED);
    PipelineRunStatus away = StatusView.storeUnavailable(o, T0).orElseThrow();
    assertThat(away.phase()).isEqualTo(Phase.Pending);
    assertThat(away.reason()).isEqualTo("StoreUnavailable");
    assertThat(conditions(away)).isEqualTo("?Accepted !Finished Reconciling ?Succeeded");

    assertThat(Stream.of(pending, rejected))
        .allSatisfy(
            s -> {
              assertThat(s.reason()).isEqualTo("ScheduleNotFound");
              assertThat(s.message()).isEqualTo("no nightly");
            });
    assertThat(StatusView.storeUnavailable(withStatus(o, pending), T0)).isEmpty();
  }

  // ---- messages

  @Test
  void namesTheNodeThatDoesNotRespondAndTheRemedy() {
    SnapshotBuilder c =
        bound().onNode("n1").node(NOT_READY).pod(terminating(running("pod-1", "n1")));

    assertThat(message(c)).contains("node n1", "delete the node", "out-of-service");
  }

  @Test
  void namesTheRunThatHoldsTheClient() {
    assertThat(message(ready().heldBy(new RunKey("flights", "ua-20130114"))))
        .contains("UA", "ua-20130114");
  }

  @Test
  void keepsTheMessageWhenAnotherRunHoldsTheClient() {
    SnapshotBuilder c = ready().heldBy(new RunKey("flights", "ua-20130114"));
    RunObject object = c.withStatus();

    assertThat(message(c.object(object).heldBy(new RunKey("flights", "ua-20130113"))))
        .contains("ua-20130114");
  }

  @Test
  void messageFollowsTheTimeOfTheNextAttempt() {
    SnapshotBuilder c = bound().finished(Verdict.TASK_FAILED);
    RunObject object = c.withStatus();
    Instant later = T0.plusSeconds(7777);

    moved(c, r -> r.with(r.times().withNotBefore(Optional.of(later))));
    assertThat(message(c.object(object))).contains(later.toString());
  }

  @Test
  void saysWhatAPodWaitsFor() {
    ObservedPod creating = Pods.waitingFor(opened("pod-1"), "ContainerCreating");

    assertThat(message(bound().pod(Pods.placed(creating, "n1"))))
        .isEqualTo("attempt 1 has not started: ContainerCreating");
    assertThat(
            message(
                bound()
                    .pod(Pods.placed(creating, "n1"))
                    .podWarning("FailedMount: configmap \"nosuch\" not found")))
        .isEqualTo(
            "attempt 1 has not started: ContainerCreating; FailedMount: configmap \"nosuch\" not"
                + " found");
    assertThat(message(bound().pod(opened("pod-1")))).contains("its pod is not scheduled yet");
  }

  @Test
  void saysWhyAnAttemptDoesNotGoOn() {
    assertThat(message(claimed().job("job-1", "token-1").suspendedJob()))
        .contains("Job ua-20130115-a1 is suspended");
    assertThat(message(bound().onNode("n1").pod(labelled(running("pod-1", "n1"), false))))
        .contains("attempt 1 is running", "does not carry the label");
    assertThat(message(bound().pod(gated("pod-1")).refused(T0, "failed calling webhook \"w\"")))
        .contains("has not opened the gate", "failed calling webhook \"w\"");
    assertThat(message(onNode().canceled().refused(T0, "failed calling webhook \"w\"")))
        .contains("stopping attempt 1", "failed calling webhook \"w\"");
    assertThat(message(bound().onNode("n1").pod(leftOver(running("pod-1", "n1"), T0))))
        .contains("2026-01-31T12:00:15Z", "still run: proxy");
  }

  @Test
  void namesThePodForWhichTheClusterIsFull() {
    SnapshotBuilder c = ready();
    assertThat(message(c))
        .isEqualTo("waiting for a free slot in the cluster, or for one of its namespace");
    c.object(withStatus(c.snapshot().object().orElseThrow(), shown(c).orElseThrow()));

    c.withoutNode(opened("pod-1"));

    assertThat(shown(c).orElseThrow().reason()).isEqualTo(Reasons.WAITING_FOR_CAPACITY);
    assertThat(message(c)).contains("no run of namespace flights starts", "pod pod-of-job-1");
  }

  @Test
  void namesTheLimitAndItsUse() {
    SnapshotBuilder c = moved(ready(), LimitTransitions::accepted);
    assertThat(message(c)).startsWith("waiting since 2026-01-31T12:00:00Z for other runs of");
    c.limit(new RunSnapshot.LimitUse(50, 51));
    assertThat(message(c)).contains("maxConcurrentRuns is 50, and 51 of its runs");

    c.object(withStatus(c.snapshot().object().orElseThrow(), shown(c).orElseThrow()));
    c.limit(new RunSnapshot.LimitUse(50, 50));
    assertThat(message(c)).as("written once").contains("and 51 of its runs");
  }

  @Test
  void everyMessageIsBounded() {
    String endless = "x".repeat(5000);
    PipelineRunStatus status =
        shown(bound().pod(gated("pod-1")).refused(T0, endless)).orElseThrow();

    assertThat(status.message()).hasSize(Message.MAX);
    assertThat(status.conditions())
        .allSatisfy(c -> assertThat(c.getMessage()).hasSizeLessThanOrEqualTo(Message.MAX));
    assertThat(Message.bounded("x".repeat(Message.MAX - 2) + "\ud83d\ude00\ud83d\ude00"))
        .as("no half of a character")
        .isEqualTo("x".repeat(Message.MAX - 2) + "…");
  }

  @Test
  void rejectsAnotherRequestOfTheSameNameWithTheRemedy() {
    assertThat(message(ready().object(object(spec(DesiredState.Running, "99", null), "uid-2", 1))))
        .contains("another metadata.name");
  }

  private static String message(SnapshotBuilder c) {
    return shown(c).orElseThrow().message();
  }

  // ---- times

  @Test
  void writesNoStatusOfAClaimWithinClaimTtl() {
    Limits limits = new Limits(secs(5), secs(300), secs(600), secs(30));

    RunDecider decider = new RunDecider(limits);
    SnapshotBuilder c = claimed().job("job-1", "token-1").pod(opened("pod-1"));

    assertThat(decider.decide(c.snapshot(), T0.plusSeconds(4)).status()).isEmpty();
    assertThat(decider.decide(c.snapshot(), T0.plusSeconds(5)).status()).isPresent();
  }

  @Test
  void transitionTimeChangesOnlyWithItsStatus() {
    SnapshotBuilder c = ready().heldBy(new RunKey("flights", "ua-20130114"));
    RunObject object = c.withStatus();
    PipelineRunStatus later =
        shown(bound().object(object).pod(opened("pod-1")).after(secs(100))).orElseThrow();

    assertThat(later.conditions())
        .filteredOn(condition -> condition.getLastTransitionTime().equals("2026-01-31T12:01:40Z"))
        .extracting(condition -> condition.getType())
        .containsExactly("Queued");
  }

  private static Duration secs(long n) {
    return Duration.ofSeconds(n);
  }

  @Test
  void namesTheClusterThatRunsTheAttempt() {
    PipelineRunStatus status = bound().seenFrom("other/uid-9").decide().status().orElseThrow();
    assertThat(status.phase()).isEqualTo(Phase.Running);
    assertThat(status.message()).contains("attempt 1 runs in cluster main");
  }
}
