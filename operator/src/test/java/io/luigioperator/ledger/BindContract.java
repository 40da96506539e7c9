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
import org.junit.jupiter.api.Test;

/** The one pod that may start, and what is noted about it while it runs. */
interface BindContract extends LedgerFixture {

  @Test
  default void bindingChoosesAPod() {
    Attempt claimed = claimed(accepted(RunBuilder.named("r")));
    Attempt bound = ledger().bind(claimed.ref(), "job", "pod").orElseThrow();
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
    ledger().due(10);
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
    assertThat(ledger().bind(bound.ref(), "job", "another")).isEmpty();
    assertThat(reload(bound)).isEqualTo(bound);
  }

  @Test
  default void anotherFenceOrNumberIsAnotherAttempt() {
    Attempt claimed = claimed(accepted(RunBuilder.named("r")));
    AttemptRef ref = claimed.ref();
    assertThat(ledger().bind(new AttemptRef(ref.run(), 1, ref.fence() + 1), "j", "p")).isEmpty();
    assertThat(ledger().bind(new AttemptRef(ref.run(), 2, ref.fence()), "j", "p")).isEmpty();
    assertThat(reload(claimed)).isEqualTo(claimed);
  }

  @Test
  default void noPodIsBoundAfterACancel() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    ledger().cancel(run.key(), Reasons.CANCELED, "enough");
    assertThat(ledger().bind(claimed.ref(), "j", "p")).isEmpty();
    assertThat(reload(claimed)).isEqualTo(claimed);
  }

  @Test
  default void aBoundPodIsNotConfirmedAfterACancel() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    ledger().cancel(run.key(), Reasons.CANCELED, "enough");
    assertThat(ledger().bind(bound.ref(), "job-" + bound.token(), podOf(bound))).isEmpty();
    assertThat(reload(bound).state()).isEqualTo(AttemptState.BOUND);
  }

  @Test
  default void anEndedAttemptIsNotBound() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    finish(bound, Verdict.TASK_FAILED);
    Attempt ended = reload(bound);
    assertThat(ledger().bind(bound.ref(), "job-" + bound.token(), podOf(bound))).isEmpty();
    assertThat(reload(bound)).isEqualTo(ended);
  }

  @Test
  default void aPodIsBoundToOneAttemptOnly() {
    Attempt bound = bound(accepted(RunBuilder.named("r1").client("a")));
    Attempt claimed = claimed(accepted(RunBuilder.named("r2").client("b")));
    assertThat(ledger().bind(claimed.ref(), "job", podOf(bound))).isEmpty();
    assertThat(reload(claimed)).isEqualTo(claimed);
  }

  @Test
  default void aPodIsLocatedOnANode() {
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    ledger().recordNode(bound.ref(), "another", "node-9");
    assertThat(reload(bound)).isEqualTo(bound);
    ledger().recordNode(bound.ref(), podOf(bound), "node-1");
    ledger().recordNode(bound.ref(), podOf(bound), "node-1");
    assertThat(reload(bound).node()).contains("node-1");
  }

  @Test
  default void aHoldBeginsOnceAndStopsWhenThePodIsBack() {
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    ledger().markPodMissing(bound.ref(), podOf(bound));
    Instant since = reload(bound).missingSince().orElseThrow();
    pass(Duration.ofMillis(1));
    ledger().markPodMissing(bound.ref(), podOf(bound));
    assertThat(reload(bound).missingSince()).contains(since);
    ledger().clearPodMissing(bound.ref(), "another");
    assertThat(reload(bound).missingSince()).contains(since);
    ledger().clearPodMissing(bound.ref(), podOf(bound));
    ledger().clearPodMissing(bound.ref(), podOf(bound));
    assertThat(reload(bound).missingSince()).isEmpty();
    ledger().markPodMissing(bound.ref(), podOf(bound));
    assertThat(reload(bound).missingSince().orElseThrow()).isAfter(since);
  }

  @Test
  default void onlyTheBoundPodIsSuspected() {
    Attempt claimed = claimed(accepted(RunBuilder.named("r")));
    ledger().markPodMissing(claimed.ref(), podOf(claimed));
    assertThat(reload(claimed)).isEqualTo(claimed);
    Attempt bound = bound(claimed);
    ledger().markPodMissing(bound.ref(), "another");
    AttemptRef wrong = new AttemptRef(bound.run(), bound.number(), bound.ref().fence() + 1);
    ledger().markPodMissing(wrong, podOf(bound));
    assertThat(reload(bound)).isEqualTo(bound);
  }

  @Test
  default void theFirstReasonOfAStopStaysAndExplainsTheEnd() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    ledger().markForStop(bound.ref(), "another", FailureCause.IMAGE_PULL, "not this pod");
    assertThat(reload(bound)).isEqualTo(bound);
    ledger().markForStop(bound.ref(), podOf(bound), FailureCause.UNSCHEDULABLE, "no node has room");
    ledger().markForStop(bound.ref(), podOf(bound), FailureCause.IMAGE_PULL, "too late");
    assertThat(reload(bound).stopReason())
        .contains(new Attempt.StopReason(FailureCause.UNSCHEDULABLE, "no node has room"));
    finish(bound, FailureCause.POD_DELETED);
    Attempt.End end = reload(bound).end().orElseThrow();
    assertThat(end.reason()).isEqualTo(FailureCause.UNSCHEDULABLE.reason());
    assertThat(end.message()).isEqualTo("no node has room");
    assertThat(load(run).budget().infra()).isEqualTo(1);
  }

  @Test
  default void nothingIsNotedAboutAnEndedAttempt() {
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    finish(bound, Verdict.TASK_FAILED);
    Attempt ended = reload(bound);
    ledger().recordNode(bound.ref(), podOf(bound), "node-1");
    ledger().markForStop(bound.ref(), podOf(bound), FailureCause.IMAGE_PULL, "too late");
    ledger().clearPodMissing(bound.ref(), podOf(bound));
    ledger().markPodMissing(bound.ref(), podOf(bound));
    assertThat(reload(bound)).isEqualTo(ended);
  }

  @Test
  default void bindingTellsTheRunThatItStarted() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    isLateFromNowOn(run);
    Attempt bound = bound(claimed);
    assertThat(load(run).times().startedAt())
        .isPresent()
        .isEqualTo(bound.binding().map(Attempt.Binding::boundAt));
    assertThat(ledger().expire(10)).isEmpty();
    assertThat(load(run).state()).isEqualTo(RunState.ACTIVE);
    assertThat(reload(bound).isLive()).isTrue();
  }
}
