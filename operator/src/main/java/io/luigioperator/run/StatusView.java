/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Conditions.ACCEPTED;
import static io.luigioperator.run.Conditions.FALSE;
import static io.luigioperator.run.Conditions.FINISHED;
import static io.luigioperator.run.Conditions.QUEUED;
import static io.luigioperator.run.Conditions.RECONCILING;
import static io.luigioperator.run.Conditions.STALLED;
import static io.luigioperator.run.Conditions.SUCCEEDED;
import static io.luigioperator.run.Conditions.TRUE;
import static io.luigioperator.run.Conditions.UNKNOWN;

import io.luigioperator.api.AttemptStatus;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.ResolvedStatus;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What the PipelineRun says about its run: the ledger's row and what the pod shows, for people. */
public final class StatusView {

  /** How long a fresh run may stay unsaid, so that one that starts at once is written once. */
  static final Duration PATIENCE = Duration.ofSeconds(1);

  private StatusView() {}

  // ---- not in the ledger

  static PipelineRunStatus pending(RunObject object, Resolution.Refused why, Instant now) {
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, FALSE, why.reason(), why.message())
            .set(SUCCEEDED, UNKNOWN, why.reason(), "not accepted yet")
            .set(FINISHED, FALSE, why.reason(), "not accepted yet")
            .set(RECONCILING, TRUE, why.reason(), why.message());
    return start(object, Phase.Pending, why.reason(), why.message()).conditions(c.list()).build();
  }

  static PipelineRunStatus rejected(RunObject object, Resolution.Refused why, Instant now) {
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, FALSE, why.reason(), why.message())
            .set(SUCCEEDED, FALSE, why.reason(), "never started")
            .set(FINISHED, TRUE, why.reason(), "refused for good")
            .set(STALLED, TRUE, why.reason(), why.message());
    return start(object, Phase.Rejected, why.reason(), why.message()).conditions(c.list()).build();
  }

  /** The ledger does not answer; only an object that it has never answered for says so. */
  public static Optional<PipelineRunStatus> storeUnavailable(RunObject object, Instant now) {
    boolean heard =
        object
            .status()
            .filter(s -> s.observedGeneration() != null && s.observedGeneration() >= 0)
            .isPresent();
    if (heard) {
      return Optional.empty();
    }
    String message = "the ledger does not answer; the run is accepted as soon as it does";
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, UNKNOWN, Reasons.STORE_UNAVAILABLE, message)
            .set(SUCCEEDED, UNKNOWN, Reasons.STORE_UNAVAILABLE, "not accepted yet")
            .set(FINISHED, FALSE, Reasons.STORE_UNAVAILABLE, "not accepted yet")
            .set(RECONCILING, TRUE, Reasons.STORE_UNAVAILABLE, message);
    return Optional.of(
        start(object, Phase.Pending, Reasons.STORE_UNAVAILABLE, message)
            .conditions(c.list())
            .build());
  }

  // ---- in the ledger

  /** Empty when nothing should be said (yet). */
  static Optional<PipelineRunStatus> of(RunSnapshot s, Row row, Limits limits, Instant now) {
    if (s.object().isEmpty()) {
      return Optional.empty();
    }
    RunObject object = s.object().get();
    if (!row.isAskedBy(object)) {
      return Optional.of(nameTaken(object, row.run(), now));
    }
    return switch (row.run().state()) {
      case READY, DELAYED, HELD -> queued(s, object, row, now);
      case ACTIVE -> active(s, object, row, limits, now);
      case SUCCEEDED, FAILED, CANCELED -> Optional.of(ended(s, object, row, now));
    };
  }

  private static PipelineRunStatus nameTaken(RunObject object, Run run, Instant now) {
    return rejected(
        object,
        new Resolution.Refused(
            Reasons.NAME_ALREADY_USED,
            ("the name %s was used on %s for another request (client %s, date %s, %s); create this"
                    + " one with another metadata.name")
                .formatted(
                    run.key().name(),
                    second(run.times().acceptedAt()),
                    run.origin().client(),
                    run.origin().businessDate().isEmpty() ? "none" : run.origin().businessDate(),
                    run.state()),
            false),
        now);
  }

  private static Optional<PipelineRunStatus> queued(
      RunSnapshot s, RunObject object, Row row, Instant now) {
    Run run = row.run();
    boolean fresh =
        run.state() == RunState.READY && now.isBefore(run.times().readySince().plus(PATIENCE));
    if (fresh) {
      return Optional.empty();
    }
    String reason;
    String words;
    if (run.state() != RunState.READY) {
      reason = run.standing().reason();
      words = waitingMessage(run);
    } else if (row.holder().isPresent()) {
      reason = Reasons.WAITING_FOR_CLIENT;
      words =
          "client %s is busy with run %s"
              .formatted(run.origin().client(), row.holder().get().name());
    } else {
      reason = Reasons.WAITING_FOR_CAPACITY;
      words = "the cluster has no free slot";
    }
    Phase phase = reason.equals(Reasons.BACKING_OFF) ? Phase.Retrying : Phase.Queued;
    Conditions c = acceptedConditions(s, object, row, now);
    // whoever waits in line is told of it once, not at every change of holder
    c =
        run.state() == RunState.READY
            ? c.setLasting(QUEUED, TRUE, reason, words)
            : c.set(QUEUED, TRUE, reason, words);
    c.set(SUCCEEDED, UNKNOWN, reason, "not finished").set(FINISHED, FALSE, reason, "waiting");
    return Optional.of(
        full(object, row, phase, reason, c.message(QUEUED)).conditions(c.list()).build());
  }

  private static String waitingMessage(Run run) {
    String until = run.times().notBefore().map(t -> "until " + second(t)).orElse("until released");
    return switch (run.standing().reason()) {
      case Reasons.BACKING_OFF -> until + ", " + run.standing().message();
      case Reasons.WAITING_FOR_TIME -> until;
      default -> run.standing().message();
    };
  }

  private static Optional<PipelineRunStatus> active(
      RunSnapshot s, RunObject object, Row row, Limits limits, Instant now) {
    Run run = row.run();
    Optional<Attempt> live = row.live();
    boolean young =
        live.filter(a -> a.state() == AttemptState.CLAIMED)
            .filter(a -> now.isBefore(a.claimedAt().plus(limits.claimTtl())))
            .isPresent();
    if (young) {
      return Optional.empty(); // its Job and pod come within milliseconds
    }
    String reason = live.map(a -> activeReason(s, run, a)).orElse("Started");
    String words = live.map(a -> activeMessage(s, run, a)).orElse("an attempt is live");
    Conditions c =
        acceptedConditions(s, object, row, now)
            .set(QUEUED, FALSE, "Started", "a slot and the client are taken")
            .set(SUCCEEDED, UNKNOWN, reason, words)
            .set(FINISHED, FALSE, reason, "an attempt is live");
    return Optional.of(
        full(object, row, Phase.Running, reason, c.message(SUCCEEDED))
            .conditions(c.list())
            .build());
  }

  private static String activeReason(RunSnapshot s, Run run, Attempt attempt) {
    if (attempt.state() == AttemptState.CLAIMED) {
      return "WaitingForPod";
    }
    if (attempt.missingSince().isPresent() || stuckOnDeadNode(s, attempt)) {
      return FailureCause.NODE_LOST.reason();
    }
    if (run.cancel() || attempt.stopReason().isPresent()) {
      return "Stopping";
    }
    return startFailing(s, attempt)
        .flatMap(ObservedPod::startFailure)
        .map(t -> t.cause().reason())
        .orElse("Started");
  }

  private static String activeMessage(RunSnapshot s, Run run, Attempt attempt) {
    String node = attempt.node().orElse("unknown");
    if (attempt.state() == AttemptState.CLAIMED) {
      return "attempt %d has a Job and no pod yet".formatted(attempt.number());
    }
    if (stuckOnDeadNode(s, attempt)) {
      return ("the pod cannot be proved to have ended, because node %s does not answer; remove the"
              + " node, or taint it node.kubernetes.io/out-of-service, to let the run go on")
          .formatted(node);
    }
    if (attempt.missingSince().isPresent()) {
      return "the pod of attempt %d is lost (node %s) since %s; held until its end is certain"
          .formatted(attempt.number(), node, second(attempt.missingSince().get()));
    }
    if (run.cancel() || attempt.stopReason().isPresent()) {
      return "stopping attempt %d: %s"
          .formatted(
              attempt.number(),
              attempt
                  .stopReason()
                  .map(Attempt.StopReason::message)
                  .orElse(run.standing().message()));
    }
    return startFailing(s, attempt)
        .flatMap(ObservedPod::startFailure)
        .map(ObservedAttempt.StartFailure::message)
        .orElse("attempt %d runs".formatted(attempt.number()));
  }

  private static Optional<ObservedPod> startFailing(RunSnapshot s, Attempt attempt) {
    return boundPod(s, attempt).filter(p -> p.startedAt().isEmpty() && !p.gated());
  }

  private static boolean stuckOnDeadNode(RunSnapshot s, Attempt attempt) {
    boolean deadNode = s.node().filter(n -> n.is(ObservedNode.Health.NOT_READY)).isPresent();
    return deadNode && boundPod(s, attempt).filter(p -> p.terminating() && !p.gone()).isPresent();
  }

  private static Optional<ObservedPod> boundPod(RunSnapshot s, Attempt attempt) {
    return attempt.binding().flatMap(b -> s.seen().flatMap(seen -> seen.pod(b.podUid())));
  }

  private static PipelineRunStatus ended(RunSnapshot s, RunObject object, Row row, Instant now) {
    Run run = row.run();
    String reason = run.standing().reason();
    String words = run.standing().message();
    if (!row.isOf(object)) {
      words =
          "this name's run ended %s (%s); create a PipelineRun with another metadata.name to run again"
              .formatted(second(run.times().finishedAt().orElse(now)), reason);
      if (run.state() == RunState.SUCCEEDED) {
        reason = Reasons.ALREADY_COMPLETE;
      }
    }
    String succeeded = run.state() == RunState.SUCCEEDED ? TRUE : FALSE;
    Conditions c =
        acceptedConditions(s, object, row, now)
            .set(QUEUED, FALSE, reason, "ended")
            .set(SUCCEEDED, succeeded, reason, words)
            .set(FINISHED, TRUE, reason, words);
    Phase phase =
        switch (run.state()) {
          case SUCCEEDED -> Phase.Succeeded;
          case FAILED -> Phase.Failed;
          default -> Phase.Canceled;
        };
    return full(object, row, phase, reason, words).conditions(c.list()).build();
  }

  // ---- parts

  private static Conditions acceptedConditions(
      RunSnapshot s, RunObject object, Row row, Instant now) {
    long used = row.request().map(Request::scheduleGeneration).orElse(0L);
    String words =
        s.schedule()
            .filter(sched -> used > 0 && sched.generation() > used)
            .map(
                sched ->
                    ("accepted with generation %d of PipelineSchedule %s, which has changed since;"
                            + " create a new PipelineRun to use the new one")
                        .formatted(used, sched.name()))
            .orElse("in the ledger");
    return new Conditions(object, now).set(ACCEPTED, TRUE, Reasons.ACCEPTED, words);
  }

  private static PipelineRunStatus.Builder start(
      RunObject object, Phase phase, String reason, String message) {
    return PipelineRunStatus.builder()
        .observedGeneration(object.generation())
        .phase(phase)
        .reason(reason)
        .message(Message.bounded(message));
  }

  private static PipelineRunStatus.Builder full(
      RunObject object, Row row, Phase phase, String reason, String message) {
    Run run = row.run();
    PipelineRunStatus.Builder b =
        start(object, phase, reason, message)
            .queuedTime(whole(run.times().acceptedAt()))
            .attemptSummary(run.budget().counted() + "/" + run.budget().maxAttempts())
            .attempts(row.attempts().stream().map(StatusView::attempt).toList());
    row.request().map(r -> resolved(r, run)).ifPresent(b::resolved);
    run.times().startedAt().ifPresent(t -> b.startTime(whole(t)));
    run.times().finishedAt().ifPresent(t -> b.completionTime(whole(t)));
    newestReport(row.attempts()).flatMap(LuigiReport::tasks).ifPresent(b::luigi);
    return b;
  }

  private static ResolvedStatus resolved(Request r, Run run) {
    return new ResolvedStatus(
        r.pipeline().image(),
        r.scheduleGeneration() == 0 ? null : r.scheduleGeneration(),
        r.mode(),
        run.priority());
  }

  private static Optional<String> newestReport(List<Attempt> attempts) {
    return attempts.stream()
        .flatMap(a -> a.end().stream())
        .map(Attempt.End::report)
        .filter(r -> !r.isEmpty())
        .findFirst();
  }

  private static AttemptStatus attempt(Attempt a) {
    Optional<Attempt.End> end = a.end();
    return new AttemptStatus(
        a.number(),
        a.jobName(),
        whole(a.binding().map(Attempt.Binding::boundAt).orElse(a.claimedAt())),
        end.map(e -> whole(e.endedAt())).orElse(null),
        end.filter(e -> e.exitCode().isPresent()).map(e -> e.exitCode().getAsInt()).orElse(null),
        end.map(Attempt.End::reason).orElse(null),
        end.map(e -> Message.bounded(e.message())).filter(m -> !m.isEmpty()).orElse(null));
  }

  private static Instant whole(Instant t) {
    return Instant.ofEpochSecond(t.getEpochSecond());
  }

  private static String second(Instant t) {
    return whole(t).toString();
  }
}
