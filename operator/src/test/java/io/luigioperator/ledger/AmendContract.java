/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The mutable fields of a PipelineRun. */
interface AmendContract extends LedgerFixture {

  default Optional<Run> amend(Run run, long generation, RunBuilder asking) {
    return ledger().runs().amend(run.key(), CLUSTER, generation, asking.amendment());
  }

  @Test
  default void eachGenerationIsAppliedOnce() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    Run held = amend(run, 3, asking.desired(DesiredState.Held)).orElseThrow();
    assertThat(held.state()).isEqualTo(RunState.HELD);
    assertThat(record(run).object().orElseThrow().appliedGeneration()).isEqualTo(3);
    assertThat(amend(run, 3, asking)).isEmpty();
    assertThat(amend(run, 2, asking)).isEmpty();
    assertThat(load(run)).isEqualTo(held);
    assertThat(amend(run, 4, asking).orElseThrow().state()).isEqualTo(RunState.READY);
  }

  @Test
  default void theAcceptedGenerationIsAppliedAlready() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    assertThat(amend(run, 1, asking.desired(DesiredState.Held))).isEmpty();
    assertThat(load(run)).isEqualTo(run);
  }

  @Test
  default void withoutARecordedObjectNothingIsApplied() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    assertThat(
            ledger()
                .runs()
                .amend(run.key(), OTHER_CLUSTER, 9, asking.desired(DesiredState.Held).amendment()))
        .isEmpty();
    assertThat(
            ledger().runs().amend(new RunKey("team-a", "unknown"), CLUSTER, 9, asking.amendment()))
        .isEmpty();
    assertThat(load(run)).isEqualTo(run);
  }

  @Test
  default void aGenerationThatChangesNothingIsAppliedToo() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    assertThat(amend(run, 2, asking)).contains(run);
    assertThat(amend(run, 2, asking)).isEmpty();
    Run done = finish(bound(run), Verdict.SUCCEEDED).orElseThrow();
    assertThat(amend(run, 3, asking.desired(DesiredState.Canceled))).contains(done);
    assertThat(amend(run, 3, asking.desired(DesiredState.Canceled))).isEmpty();
    assertThat(load(run)).isEqualTo(done);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void anotherPriorityChangesTheOrder() {
    Run first = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    Run second = accepted(RunBuilder.named("r2"));
    assertThat(heads()).containsExactly(first.key());
    Run raised = amend(second, 2, RunBuilder.named("r2").priority(Priority.High)).orElseThrow();
    assertThat(raised.times().admitAt())
        .isEqualTo(AGEING.admitAt(Priority.High, second.times().acceptedAt()));
    assertThat(heads()).containsExactly(second.key());
    amend(second, 3, RunBuilder.named("r2").priority(Priority.Low));
    assertThat(heads()).containsExactly(first.key());
  }

  @Test
  default void desiredHeldHoldsAndDesiredRunningReleases() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    amend(run, 2, asking.desired(DesiredState.Held));
    assertThat(heads()).isEmpty();
    pass(Duration.ofMillis(1));
    Run released = amend(run, 3, asking).orElseThrow();
    assertThat(released.state()).isEqualTo(RunState.READY);
    assertThat(released.times().admitAt()).isAfter(run.times().admitAt());
    assertThat(heads()).containsExactly(run.key());
  }

  @Test
  default void desiredRunningDoesNotReleaseWhatIsHeldForAnotherReason() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    ledger().runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "gone");
    assertThat(amend(run, 2, asking.priority(Priority.High)).orElseThrow().state())
        .isEqualTo(RunState.HELD);
    assertThat(load(run).stateDetails().reason()).isEqualTo(Reasons.NAMESPACE_MISSING);
  }

  @Test
  default void aReleasedRunWithDesiredHeldStaysHeld() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    ledger().runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "gone");
    amend(run, 2, asking.desired(DesiredState.Held));
    Run still = ledger().runs().release(run.key(), Reasons.NAMESPACE_MISSING).orElseThrow();
    assertThat(still.state()).isEqualTo(RunState.HELD);
    assertThat(still.stateDetails().reason()).isEqualTo(Reasons.HELD);
  }

  @Test
  default void desiredCanceledCancels() {
    RunBuilder waiting = RunBuilder.named("r1").client("a");
    Run run = accepted(waiting);
    Run canceled = amend(run, 2, waiting.desired(DesiredState.Canceled)).orElseThrow();
    assertThat(canceled.state()).isEqualTo(RunState.CANCELED);
    assertThat(heads()).isEmpty();
    RunBuilder running = RunBuilder.named("r2").client("b");
    Run active = accepted(running);
    Attempt bound = bound(active);
    Run flagged = amend(active, 2, running.desired(DesiredState.Canceled)).orElseThrow();
    assertThat(flagged.state()).isEqualTo(RunState.ACTIVE);
    assertThat(flagged.cancel()).isTrue();
    assertThat(amend(active, 3, running).orElseThrow().cancel()).isTrue();
    assertThat(finish(bound, Verdict.TASK_FAILED).orElseThrow().state())
        .isEqualTo(RunState.CANCELED);
  }

  @Test
  default void loweringMaxAttemptsToTheAttemptsMadeEndsTheRun() {
    RunBuilder asking = RunBuilder.named("r").maxAttempts(5);
    Run run = accepted(asking);
    tried(run, Verdict.TASK_FAILED);
    tried(run, Verdict.TASK_FAILED);
    Run failed = amend(run, 2, asking.maxAttempts(1)).orElseThrow();
    assertThat(failed.state()).isEqualTo(RunState.FAILED);
    assertThat(failed.stateDetails().reason()).isEqualTo(Reasons.ATTEMPTS_EXHAUSTED);
    assertThat(failed.budget().maxAttempts()).isEqualTo(2);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void afterLoweringMaxAttemptsTheLiveAttemptIsTheLast() {
    RunBuilder asking = RunBuilder.named("r").maxAttempts(5);
    Run run = accepted(asking);
    tried(run, Verdict.TASK_FAILED);
    Attempt bound = bound(run);
    assertThat(amend(run, 2, asking.maxAttempts(1)).orElseThrow().state())
        .isEqualTo(RunState.ACTIVE);
    assertThat(finish(bound, Verdict.TASK_FAILED).orElseThrow().state()).isEqualTo(RunState.FAILED);
  }

  @Test
  default void moreAttemptsAreMade() {
    RunBuilder asking = RunBuilder.named("r").maxAttempts(1);
    Run run = accepted(asking);
    Attempt bound = bound(run);
    amend(run, 2, asking.maxAttempts(2));
    assertThat(finish(bound, Verdict.TASK_FAILED).orElseThrow().state())
        .isEqualTo(RunState.DELAYED);
  }

  @Test
  default void aLaterTimeDelaysAndAnEarlierOneFrees() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    Instant later = ledger().queries().now().plusSeconds(3600);
    Run delayed = amend(run, 2, asking.notBefore(later)).orElseThrow();
    assertThat(delayed.state()).isEqualTo(RunState.DELAYED);
    assertThat(delayed.times().admitAt()).isEqualTo(AGEING.admitAt(Priority.Normal, later));
    assertThat(heads()).isEmpty();
    Run ready = amend(run, 3, asking).orElseThrow();
    assertThat(ready.state()).isEqualTo(RunState.READY);
    assertThat(ready.times().admitAt()).isEqualTo(run.times().admitAt());
    assertThat(heads()).containsExactly(run.key());
  }

  @Test
  default void aBackoffIsNotShortenedByAnAmendment() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    Run delayed =
        ledger()
            .attempts()
            .abandon(claimed(run).ref(), AbandonContract.WITHOUT_CHARGE, AbandonContract.A_SECOND)
            .orElseThrow()
            .run();
    Run amended = amend(run, 2, asking.priority(Priority.High)).orElseThrow();
    assertThat(amended.state()).isEqualTo(RunState.DELAYED);
    assertThat(amended.times().notBefore()).isEqualTo(delayed.times().notBefore());
  }
}
