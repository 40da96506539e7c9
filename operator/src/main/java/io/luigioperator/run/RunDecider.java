/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.ObservedNode.Health;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The launch protocol as one question: given all that is known about a run, what comes next? The
 * order of the steps is the proof (see the protocol's crash table): a claim, then a Job whose pod
 * cannot start, then the choice of one pod by UID, then that pod's gate, and the end only on
 * evidence.
 */
public final class RunDecider {

  private static final Duration SELDOM = Duration.ofMinutes(5);

  private final Limits limits;

  public RunDecider(Limits limits) {
    this.limits = limits;
  }

  public Decision decide(RunSnapshot s, Instant now) {
    return s.row().isEmpty() ? notYetAccepted(s, now) : accepted(s, s.row().get(), now);
  }

  // ---- before the ledger has it

  private Decision notYetAccepted(RunSnapshot s, Instant now) {
    if (s.object().isEmpty() || s.object().get().deleting()) {
      return Decision.waiting();
    }
    RunObject object = s.object().get();
    return switch (Resolver.resolve(object, s.schedule())) {
      case Resolution.Refused r when r.fixable() -> fixable(object, r, now);
      case Resolution.Refused r ->
          Decision.waiting().showing(Optional.of(StatusView.rejected(object, r, now)));
      case Resolution.Resolved r ->
          switch (s.podCheck()) {
            case PodCheck.Unasked() -> Decision.doing(new Effect.DryRunPod(r.run().request()));
            case PodCheck.Refused(String words) ->
                Decision.waiting()
                    .showing(
                        Optional.of(
                            StatusView.rejected(
                                object,
                                new Resolution.Refused(
                                    Reasons.POD_TEMPLATE_INVALID,
                                    "the API server refuses the pod of this pipeline: " + words,
                                    false),
                                now)));
            case PodCheck.Passed() ->
                Decision.doing(new Effect.Accept(r.run(), object.uid(), object.generation()));
          };
    };
  }

  private static Decision fixable(RunObject object, Resolution.Refused refusal, Instant now) {
    Integer patience = object.spec().startDeadlineSeconds();
    if (patience == null) {
      return Decision.waiting().showing(Optional.of(StatusView.pending(object, refusal, now)));
    }
    Instant deadline =
        later(Optional.ofNullable(object.spec().notBeforeTime()), object.createdAt())
            .plusSeconds(patience);
    if (now.isBefore(deadline)) {
      return Decision.waitingUntil(deadline)
          .showing(Optional.of(StatusView.pending(object, refusal, now)));
    }
    Resolution.Refused late =
        new Resolution.Refused(
            refusal.reason(),
            "%s (given up after startDeadlineSeconds: %d)".formatted(refusal.message(), patience),
            false);
    return Decision.waiting().showing(Optional.of(StatusView.rejected(object, late, now)));
  }

  // ---- once the ledger has it

  private Decision accepted(RunSnapshot s, Row row, Instant now) {
    Optional<Effect> bookkeeping = s.object().flatMap(o -> bookkeeping(o, row, now));
    if (bookkeeping.isPresent()) {
      return Decision.doing(bookkeeping.get());
    }
    if (row.run().isLate(now)) {
      return Decision.doing(new Effect.Expire());
    }
    Decision attempt =
        s.mine()
            .map(
                a ->
                    a.state() == AttemptState.CLAIMED
                        ? claimed(s, row, a, now)
                        : bound(s, row, a, now))
            .orElseGet(Decision::waiting);
    Decision shown = attempt.showing(StatusView.of(s, row, limits, now));
    if (shown.effect().isPresent()) {
      return shown;
    }
    return Stream.of(timeToLive(s, row), row.run().lateFrom(), nextStatusRefresh(row.run(), now))
        .flatMap(Optional::stream)
        .reduce(shown, Decision::requeueingAt, (a, b) -> a);
  }

  /**
   * What a READY run waits for changes without an event of its own: its client is taken, or free
   * again. The longer it has waited, the less often it asks.
   */
  private static Optional<Instant> nextStatusRefresh(Run run, Instant now) {
    if (run.state() != RunState.READY) {
      return Optional.empty();
    }
    Duration waited = Duration.between(run.times().readySince(), now).dividedBy(4);
    Duration pause = waited.compareTo(SELDOM) > 0 ? SELDOM : waited;
    return Optional.of(
        now.plus(pause.compareTo(StatusView.PATIENCE) < 0 ? StatusView.PATIENCE : pause));
  }

  /** Brings the row up to the object: the record of it, its mutable fields, its time to live. */
  private static Optional<Effect> bookkeeping(RunObject object, Row row, Instant now) {
    Run run = row.run();
    if (object.deleting() || !row.isAskedBy(object)) {
      return Optional.empty();
    }
    if (run.state().isTerminal()) {
      return expiry(object, row)
          .filter(t -> !now.isBefore(t))
          .map(t -> new Effect.DeleteObject(object.uid()));
    }
    if (row.recorded().isEmpty()) {
      return Optional.of(new Effect.RecordObject(object.uid()));
    }
    ObjectRecord recorded = row.recorded().get();
    if (recorded.uid().equals(object.uid()) && recorded.appliedGeneration() < object.generation()) {
      return Optional.of(
          new Effect.Amend(object.generation(), Resolver.desired(object, row.kept())));
    }
    // another UID under the same name: the sweep concludes a deletion, nobody else
    return Optional.empty();
  }

  private static Optional<Instant> timeToLive(RunSnapshot s, Row row) {
    return s.object().flatMap(o -> expiry(o, row));
  }

  /** A user's object goes only if it says so itself; one of ours by its pipeline's word. */
  private static Optional<Instant> expiry(RunObject object, Row row) {
    Optional<Integer> own = Optional.ofNullable(object.spec().ttlSecondsAfterFinished());
    Optional<Integer> seconds =
        object.ours()
            ? own.or(() -> row.request().map(r -> r.pipeline().ttlSecondsAfterFinished()))
            : own;
    // an object applied again is new, however long ago its run ended
    return row.run()
        .times()
        .finishedAt()
        .flatMap(t -> seconds.map(later(Optional.of(t), object.createdAt())::plusSeconds));
  }

  // ---- the attempt, claimed: nothing of it can run yet

  private Decision claimed(RunSnapshot s, Row row, Attempt attempt, Instant now) {
    ObservedAttempt seen = s.seen().orElseThrow();
    if (seen.pods().stream().anyMatch(RunDecider::mayRun)) {
      // Somebody else took its gate away. The sweep stops it; until its end the key stays taken.
      return Decision.waiting();
    }
    if (row.run().cancel()) {
      return abandon(attempt, Reasons.CANCELED, "canceled before it started", BudgetCharge.NONE);
    }
    Instant overdue = attempt.claimedAt().plus(limits.claimTtl());
    if (seen.job().isEmpty()) {
      if (s.object().isPresent()) {
        return Decision.doing(new Effect.CreateJob(attempt));
      }
      // without an owner there is no Job to make; the sweep finds out whether that is a deletion
      return now.isBefore(overdue)
          ? Decision.waitingUntil(overdue)
          : abandon(attempt, Reasons.POD_GONE, "its PipelineRun is gone", BudgetCharge.NONE);
    }
    ObservedJob job = seen.job().get();
    if (!job.token().equals(attempt.token())) {
      return abandon(attempt, Abandonment.nameTaken(job.name()));
    }
    List<ObservedPod> pods =
        seen.pods().stream().filter(p -> p.jobUid().equals(job.uid())).toList();
    Optional<ObservedPod> chosen =
        pods.stream()
            .filter(p -> p.gated() && !p.terminating() && !p.gone())
            .min(Comparator.comparing(ObservedPod::uid));
    if (chosen.isPresent()) {
      return Decision.doing(new Effect.Bind(attempt.ref(), job.uid(), chosen.get().uid()));
    }
    if (pods.stream().anyMatch(p -> !p.gated())) {
      return abandon(
          attempt,
          Reasons.POD_GONE,
          "its pod lost its scheduling gate to somebody else, and was stopped",
          BudgetCharge.INFRASTRUCTURE);
    }
    if (job.ended() || pods.stream().anyMatch(p -> p.terminating() || p.gone())) {
      return abandon(
          attempt,
          Reasons.POD_GONE,
          "its pod was deleted before it could start",
          BudgetCharge.NONE);
    }
    return now.isBefore(overdue)
        ? Decision.waitingUntil(overdue)
        : Decision.doing(new Effect.DiagnoseMissingPod(attempt.ref()));
  }

  /** An unbound pod without a gate, of which nothing proves that it has ended. */
  private static boolean mayRun(ObservedPod pod) {
    return !pod.gated() && !pod.gone() && !pod.terminal() && pod.ending().isEmpty();
  }

  private static Decision abandon(
      Attempt attempt, String reason, String message, BudgetCharge charge) {
    return abandon(attempt, new Abandonment(reason, message, charge));
  }

  private static Decision abandon(Attempt attempt, Abandonment why) {
    return Decision.doing(new Effect.Abandon(attempt.ref(), why));
  }

  // ---- the attempt, bound: exactly one pod may run

  private Decision bound(RunSnapshot s, Row row, Attempt attempt, Instant now) {
    ObservedAttempt seen = s.seen().orElseThrow();
    Attempt.Binding binding = attempt.binding().orElseThrow();
    Optional<ObservedPod> pod = seen.pod(binding.podUid());
    Optional<Ending> clean = pod.flatMap(ObservedPod::ending);
    if (clean.isPresent()) {
      return Decision.doing(new Effect.Finish(attempt.ref(), binding.podUid(), clean.get()));
    }
    if (pod.isEmpty() || pod.get().gone() || pod.get().terminal()) {
      return unclean(s, attempt, binding, pod, now);
    }
    return present(row, attempt, binding, pod.get(), now);
  }

  private Decision present(
      Row row, Attempt attempt, Attempt.Binding binding, ObservedPod pod, Instant now) {
    AttemptRef ref = attempt.ref();
    if (attempt.missingSince().isPresent()) {
      return Decision.doing(new Effect.ClearPodMissing(ref, pod.uid()));
    }
    if (pod.node().isPresent() && !pod.node().equals(attempt.node())) {
      return Decision.doing(new Effect.RecordNode(ref, pod.uid(), pod.node().get()));
    }
    if (pod.terminating()) {
      return Decision.waiting(); // on a dead node for as long as it takes: nothing proves its end
    }
    if (row.run().cancel() || attempt.stopReason().isPresent()) {
      return Decision.doing(new Effect.StopPod(pod));
    }
    if (pod.gated()) {
      return Decision.doing(new Effect.OpenGate(pod));
    }
    return pod.startedAt().isPresent()
        ? Decision.waiting()
        : opened(row, attempt, binding, pod, now);
  }

  /** Opened, and no container has started yet. */
  private static Decision opened(
      Row row, Attempt attempt, Attempt.Binding binding, ObservedPod pod, Instant now) {
    Optional<StartFailure> startFailure = pod.startFailure();
    if (startFailure
        .map(StartFailure::cause)
        .filter(c -> c == FailureCause.IMAGE_USER)
        .isPresent()) {
      return markForStop(attempt, pod, startFailure.get().cause(), startFailure.get().message());
    }
    int startSeconds = row.pipeline().timeouts().startSeconds();
    Instant deadline = binding.boundAt().plusSeconds(startSeconds);
    if (now.isBefore(deadline)) {
      return Decision.waitingUntil(deadline);
    }
    String words = startFailure.map(StartFailure::message).orElse("no container was started");
    return markForStop(
        attempt,
        pod,
        startFailure.map(StartFailure::cause).orElse(FailureCause.START_TIMEOUT),
        "not started within startSeconds (%d): %s".formatted(startSeconds, words));
  }

  private static Decision markForStop(
      Attempt attempt, ObservedPod pod, FailureCause cause, String message) {
    return Decision.doing(new Effect.MarkForStop(attempt.ref(), pod.uid(), cause, message));
  }

  /**
   * The bound pod is not to be seen, or ended without saying how: only a live read, the state of
   * its node, and time can tell.
   */
  private Decision unclean(
      RunSnapshot s,
      Attempt attempt,
      Attempt.Binding binding,
      Optional<ObservedPod> pod,
      Instant now) {
    if (!s.seen().orElseThrow().live()) {
      return Decision.doing(new Effect.ReadLive());
    }
    // a pod never seen on a node counts as one on a node that does not answer
    ObservedNode node = s.node().orElse(new ObservedNode(Health.NOT_READY, Instant.EPOCH));
    boolean terminal = pod.filter(p -> p.terminal() && !p.gone()).isPresent();
    if (terminal && node.is(Health.READY)) {
      return Decision.doing(
          new Effect.Finish(
              attempt.ref(),
              binding.podUid(),
              pod.get()
                  .startFailure()
                  .map(t -> Ending.of(t.cause(), t.message()))
                  .orElse(Ending.of(FailureCause.KILLED, "its pod ended without an exit status"))));
    }
    if (attempt.missingSince().isEmpty()) {
      return Decision.doing(new Effect.MarkPodMissing(attempt.ref(), binding.podUid()));
    }
    Instant over = heldUntil(s, attempt.missingSince().get(), node);
    if (now.isBefore(over)) {
      return Decision.waitingUntil(over);
    }
    Ending ending =
        node.is(Health.READY)
            ? Ending.of(FailureCause.POD_DELETED, "its pod was deleted, on node " + where(attempt))
            : Ending.of(FailureCause.NODE_LOST, "its pod was lost with node " + where(attempt));
    return Decision.doing(new Effect.Finish(attempt.ref(), binding.podUid(), ending));
  }

  /** Until when the mutex is kept for a pod whose end nothing proves. */
  private Instant heldUntil(RunSnapshot s, Instant missingSince, ObservedNode node) {
    return switch (node.health()) {
      case READY -> {
        // a kubelet that was away stops the pod only once it is back
        Instant from = node.since().isAfter(missingSince) ? node.since() : missingSince;
        int grace = s.row().orElseThrow().pipeline().timeouts().graceSeconds();
        yield from.plus(limits.deletionMargin()).plusSeconds(grace);
      }
      case OUT_OF_SERVICE -> missingSince;
      case NOT_READY, GONE -> missingSince.plus(limits.nodeLossHold());
    };
  }

  private static Instant later(Optional<Instant> a, Instant b) {
    return a.filter(t -> t.isAfter(b)).orElse(b);
  }

  private static String where(Attempt attempt) {
    return attempt.node().orElse("unknown");
  }
}
