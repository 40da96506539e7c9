/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The only pod that may start, and what is recorded about it while it runs. */
interface BindContract extends LedgerFixture {

  @Test
  default void bindingChoosesAPod() {
    Attempt claimed = claimed(accepted(RunBuilder.named("r")));
    Attempt bound = ledger().attempts().bind(claimed.ref(), "job", "pod").orElseThrow().attempt();
    assertThat(bound.state()).isEqualTo(AttemptState.BOUND);
    assertThat(bound.binding().orElseThrow().jobUid()).isEqualTo("job");
    assertThat(bound.binding().orElseThrow().podUid()).isEqualTo("pod");
    assertThat(reload(claimed)).isEqualTo(bound);
  }

  @Test
  default void theStartIsTheFirstBinding() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt first = bound(run);
    Instant started = load(run).times().startedAt().orElseThrow();
    assertThat(started).isEqualTo(first.binding().orElseThrow().boundAt());
    finish(first, Verdict.TASK_FAILED);
    pass(Duration.ofMillis(1));
    ledger().maintenance().due(10);
    bound(run);
    assertThat(load(run).times().startedAt()).contains(started);
  }

  @Test
  default void bindingTheSamePodAgainGivesTheSameAttempt() {
    Attempt claimed = claimed(accepted(RunBuilder.named("r")));
    Attempt bound = bound(claimed);
    pass(Duration.ofMillis(1));
    assertThat(bound(claimed)).isEqualTo(bound);
  }

  @Test
  default void aSecondPodIsNotBound() {
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    assertThat(ledger().attempts().bind(bound.ref(), "job", "another")).isEmpty();
    assertThat(reload(bound)).isEqualTo(bound);
  }

  @Test
  default void anotherFenceOrNumberIsAnotherAttempt() {
    Attempt claimed = claimed(accepted(RunBuilder.named("r")));
    AttemptRef ref = claimed.ref();
    assertThat(ledger().attempts().bind(new AttemptRef(ref.run(), 1, ref.fence() + 1), "j", "p"))
        .isEmpty();
    assertThat(ledger().attempts().bind(new AttemptRef(ref.run(), 2, ref.fence()), "j", "p"))
        .isEmpty();
    assertThat(reload(claimed)).isEqualTo(claimed);
  }

  @Test
  default void noPodIsBoundAfterACancel() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    ledger().runs().cancel(run.key(), Reasons.CANCELED, "enough");
    assertThat(ledger().attempts().bind(claimed.ref(), "j", "p")).isEmpty();
    assertThat(reload(claimed)).isEqualTo(claimed);
  }

  @Test
  default void aBoundPodIsNotConfirmedAfterACancel() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    ledger().runs().cancel(run.key(), Reasons.CANCELED, "enough");
    assertThat(ledger().attempts().bind(bound.ref(), "job-" + bound.token(), podOf(bound)))
        .isEmpty();
    assertThat(reload(bound).state()).isEqualTo(AttemptState.BOUND);
  }

  @Test
  default void anEndedAttemptIsNotBound() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    finish(bound, Verdict.TASK_FAILED);
    Attempt ended = reload(bound);
    assertThat(ledger().attempts().bind(bound.ref(), "job-" + bound.token(), podOf(bound)))
        .isEmpty();
    assertThat(reload(bound)).isEqualTo(ended);
  }

  @Test
  default void aPodIsBoundToOneAttemptOnly() {
    Attempt bound = bound(accepted(RunBuilder.named("r1").client("a")));
    Attempt claimed = claimed(accepted(RunBuilder.named("r2").client("b")));
    assertThat(ledger().attempts().bind(claimed.ref(), "job", podOf(bound))).isEmpty();
    assertThat(reload(claimed)).isEqualTo(claimed);
  }

  /** The attempt as known to a caller that takes another pod for the bound one. */
  default Attempt boundToAnother(Attempt a) {
    Attempt.Binding b = a.binding().orElseThrow();
    return a.with(
        new Attempt.Binding(
            b.jobUid(), "another", b.boundAt(), b.node(), b.stopReason(), b.missingSince()));
  }

  default Attempt withFence(Attempt a, long fence) {
    Attempt.Claim c = a.claim();
    Attempt.Claim claim =
        new Attempt.Claim(
            new AttemptRef(a.run(), a.number(), fence),
            c.kind(),
            c.admitKey(),
            c.cluster(),
            c.token(),
            c.jobName(),
            c.claimedAt());
    return new Attempt(claim, a.binding(), a.end());
  }

  @Test
  default void theNodeOfTheBoundPodIsRecorded() {
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    assertThat(ledger().attempts().recordNode(boundToAnother(bound), "node-9")).isEmpty();
    assertThat(reload(bound)).isEqualTo(bound);
    Attempt placed = ledger().attempts().recordNode(bound, "node-1").orElseThrow();
    assertThat(placed.node()).contains("node-1");
    assertThat(reload(bound)).isEqualTo(placed);
    assertThat(ledger().attempts().recordNode(placed, "node-1")).isEmpty();
    assertThat(ledger().attempts().recordNode(bound, "node-2")).as("changed since").isEmpty();
    assertThat(reload(bound)).isEqualTo(placed);
  }

  @Test
  default void aHoldBeginsOnceAndStopsWhenThePodIsBack() {
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    Attempt missing = ledger().attempts().markPodMissing(bound).orElseThrow();
    assertThat(reload(bound)).isEqualTo(missing);
    Instant since = missing.missingSince().orElseThrow();
    pass(Duration.ofMillis(1));
    assertThat(ledger().attempts().markPodMissing(missing)).isEmpty();
    assertThat(ledger().attempts().markPodMissing(bound)).as("changed since").isEmpty();
    assertThat(ledger().attempts().clearPodMissing(boundToAnother(missing))).isEmpty();
    assertThat(reload(bound).missingSince()).contains(since);
    Attempt back = ledger().attempts().clearPodMissing(missing).orElseThrow();
    assertThat(back).isEqualTo(bound);
    assertThat(reload(bound)).isEqualTo(bound);
    assertThat(ledger().attempts().clearPodMissing(back)).isEmpty();
    assertThat(ledger().attempts().clearPodMissing(missing)).as("changed since").isEmpty();
    Attempt again = ledger().attempts().markPodMissing(back).orElseThrow();
    assertThat(again.missingSince().orElseThrow()).isAfter(since);
  }

  @Test
  default void onlyTheBoundPodCanBeMissing() {
    Attempt claimed = claimed(accepted(RunBuilder.named("r")));
    assertThat(ledger().attempts().markPodMissing(claimed)).isEmpty();
    assertThat(reload(claimed)).isEqualTo(claimed);
    Attempt bound = bound(claimed);
    assertThat(ledger().attempts().markPodMissing(boundToAnother(bound))).isEmpty();
    Attempt wrong = withFence(bound, bound.ref().fence() + 1);
    assertThat(ledger().attempts().markPodMissing(wrong)).isEmpty();
    assertThat(reload(bound)).isEqualTo(bound);
  }

  @Test
  default void theFirstReasonOfAStopStaysAndExplainsTheEnd() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    assertThat(
            ledger()
                .attempts()
                .markForStop(boundToAnother(bound), FailureCause.IMAGE_PULL, "not this pod"))
        .isEmpty();
    assertThat(reload(bound)).isEqualTo(bound);
    Attempt stopping =
        ledger()
            .attempts()
            .markForStop(bound, FailureCause.UNSCHEDULABLE, "no node has room")
            .orElseThrow();
    for (Attempt known : List.of(bound, stopping)) {
      assertThat(ledger().attempts().markForStop(known, FailureCause.IMAGE_PULL, "too late"))
          .isEmpty();
    }
    assertThat(reload(bound)).isEqualTo(stopping);
    assertThat(stopping.stopReason())
        .contains(new Attempt.StopReason(FailureCause.UNSCHEDULABLE, "no node has room"));
    finish(bound, FailureCause.POD_DELETED);
    Attempt.End end = reload(bound).end().orElseThrow();
    assertThat(end.reason()).isEqualTo(FailureCause.UNSCHEDULABLE.reason());
    assertThat(end.message()).isEqualTo("no node has room");
    assertThat(load(run).budget().infra()).isEqualTo(1);
  }

  @Test
  default void nothingIsRecordedAboutAnEndedAttempt() {
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    finish(bound, Verdict.TASK_FAILED);
    Attempt ended = reload(bound);
    for (Attempt known : List.of(bound, ended)) {
      assertThat(ledger().attempts().recordNode(known, "node-1")).isEmpty();
      assertThat(ledger().attempts().markForStop(known, FailureCause.IMAGE_PULL, "too late"))
          .isEmpty();
      assertThat(ledger().attempts().clearPodMissing(known)).isEmpty();
      assertThat(ledger().attempts().markPodMissing(known)).isEmpty();
    }
    assertThat(reload(bound)).isEqualTo(ended);
  }

  @Test
  default void bindingMarksTheRunAsStarted() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    isLateFromNowOn(run);
    Attempt bound = bound(claimed);
    assertThat(load(run).times().startedAt())
        .isPresent()
        .isEqualTo(bound.binding().map(Attempt.Binding::boundAt));
    assertThat(ledger().maintenance().expire(10)).isEmpty();
    assertThat(load(run).state()).isEqualTo(RunState.ACTIVE);
    assertThat(reload(bound).isLive()).isTrue();
  }
}
