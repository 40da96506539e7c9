/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The evidence, the freed key and the decision about a retry: one commit. */
interface FinishContract extends LedgerFixture {

  static Stream<EndCause> causes() {
    return Stream.concat(Arrays.stream(Verdict.values()), Arrays.stream(FailureCause.values()));
  }

  @ParameterizedTest
  @MethodSource("io.luigioperator.ledger.FinishContract#causes")
  default void eachCauseHasItsTreatment(EndCause cause) {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    Run after = finish(bound, cause).orElseThrow();
    RunState expected =
        switch (cause.treatment()) {
          case DONE -> RunState.SUCCEEDED;
          case STOP -> RunState.FAILED;
          case RETRY, RETRY_ONCE, RETRY_UNCOUNTED, CONTINUE, INFRASTRUCTURE -> RunState.DELAYED;
        };
    Run.Budget budget =
        switch (cause.treatment()) {
          case DONE, STOP, RETRY, RETRY_ONCE -> new Run.Budget(1, 1, 0, 0, 3, 3);
          case RETRY_UNCOUNTED, CONTINUE -> new Run.Budget(1, 0, 0, 1, 3, 3);
          case INFRASTRUCTURE -> new Run.Budget(1, 0, 1, 0, 3, 3);
        };
    assertThat(after.state()).isEqualTo(expected);
    assertThat(after.budget()).isEqualTo(budget);
    assertThat(after.times().finishedAt().isPresent()).isEqualTo(expected.isFinal());
    assertThat(load(run)).isEqualTo(after);
    assertThat(record(run).holder()).isEmpty();
    Attempt ended = reload(bound);
    assertThat(ended.state()).isEqualTo(AttemptState.ENDED);
    Attempt.End end = ended.end().orElseThrow();
    assertThat(end.reason()).isEqualTo(cause.reason());
    assertThat(end.message()).isEqualTo("it ended");
    assertThat(end.exitCode()).hasValue(1);
    assertThat(end.terminationMessage()).isEqualTo("{\"report\":1}");
    assertThat(ledger().queries().liveAttempts(CLUSTER)).isEmpty();
  }

  @Test
  default void onlyTheBoundPodFinishesAndOnlyOnce() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    assertThat(finish(claimed, Verdict.SUCCEEDED)).isEmpty();
    Attempt bound = bound(claimed);
    AttemptRef wrong = new AttemptRef(run.key(), 1, bound.ref().fence() + 1);
    assertThat(
            ledger()
                .attempts()
                .finish(
                    bound.ref(), "another", ending(Verdict.SUCCEEDED), AT_ONCE, Presence.PRESENT))
        .isEmpty();
    assertThat(
            ledger()
                .attempts()
                .finish(wrong, podOf(bound), ending(Verdict.SUCCEEDED), AT_ONCE, Presence.PRESENT))
        .isEmpty();
    assertThat(reload(bound)).isEqualTo(bound);
    Run failed = finish(bound, Verdict.TASK_FAILED).orElseThrow();
    assertThat(finish(bound, Verdict.SUCCEEDED)).isEmpty();
    assertThat(load(run)).isEqualTo(failed);
  }

  @Test
  default void aLateFinishOfAnEarlierAttemptChangesNothing() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt first = bound(run);
    finish(first, Verdict.TASK_FAILED);
    ledger().maintenance().due(10);
    Attempt second = bound(run);
    Run active = load(run);
    assertThat(finish(first, Verdict.SUCCEEDED)).isEmpty();
    assertThat(load(run)).isEqualTo(active);
    assertThat(reload(second)).isEqualTo(second);
    assertThat(record(run).holder()).contains(run.key());
  }

  @Test
  default void theNextRunOfTheClientFollows() {
    Run first = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    Run second = accepted(RunBuilder.named("r2"));
    Attempt bound = bound(first);
    assertThat(heads()).isEmpty();
    finish(bound, Verdict.SUCCEEDED);
    assertThat(heads()).containsExactly(second.key());
    assertThat(claim(second)).isPresent();
  }

  @Test
  default void theBackoffDoublesUpToItsBound() {
    RetryPolicy policy = new RetryPolicy(Duration.ofMillis(4), Duration.ofMillis(10));
    Run run = accepted(RunBuilder.named("r").maxAttempts(9));
    for (Duration expected :
        List.of(Duration.ofMillis(4), Duration.ofMillis(8), Duration.ofMillis(10))) {
      Attempt bound = bound(run);
      Run delayed = finish(bound, Verdict.TASK_FAILED, policy).orElseThrow();
      assertThat(delayed.state()).isEqualTo(RunState.DELAYED);
      assertThat(delayed.stateDetails().reason()).isEqualTo(Reasons.BACKING_OFF);
      Instant ended = reload(bound).end().orElseThrow().endedAt();
      assertThat(delayed.times().notBefore()).contains(ended.plus(expected));
      assertThat(ledger().queries().nextDue()).contains(ended.plus(expected));
      pass(expected);
      ledger().maintenance().due(10);
    }
  }

  @Test
  default void countedAttemptsRunOut() {
    Run run = accepted(RunBuilder.named("r").maxAttempts(2));
    assertThat(tried(run, Verdict.TASK_FAILED).state()).isEqualTo(RunState.READY);
    Run failed = tried(run, Verdict.MISSING_DATA);
    assertThat(failed.state()).isEqualTo(RunState.FAILED);
    assertThat(failed.stateDetails().reason()).isEqualTo(Verdict.MISSING_DATA.reason());
    assertThat(failed.budget().counted()).isEqualTo(2);
  }

  @Test
  default void infrastructureHasItsOwnBudget() {
    Run run = accepted(RunBuilder.named("r").maxAttempts(1).maxInfra(2));
    assertThat(tried(run, FailureCause.EVICTED).state()).isEqualTo(RunState.READY);
    assertThat(tried(run, FailureCause.NODE_LOST).state()).isEqualTo(RunState.READY);
    Run failed = tried(run, FailureCause.DISRUPTED);
    assertThat(failed.state()).isEqualTo(RunState.FAILED);
    assertThat(failed.stateDetails().reason()).isEqualTo(FailureCause.DISRUPTED.reason());
    assertThat(failed.budget()).isEqualTo(new Run.Budget(3, 1, 2, 0, 1, 2));
  }

  @Test
  default void infrastructureFaultsLeaveTheCountedAttempts() {
    Run run = accepted(RunBuilder.named("r").maxAttempts(2));
    tried(run, FailureCause.EVICTED);
    assertThat(tried(run, Verdict.TASK_FAILED).state()).isEqualTo(RunState.READY);
    assertThat(tried(run, Verdict.SUCCEEDED).state()).isEqualTo(RunState.SUCCEEDED);
  }

  @Test
  default void uncountedVerdictsAreBounded() {
    Run run = accepted(RunBuilder.named("r").maxAttempts(1));
    for (int i = 0; i < EndTransitions.MAX_UNCOUNTED; i++) {
      assertThat(tried(run, Verdict.DRAINED).state()).isEqualTo(RunState.READY);
    }
    Run failed = tried(run, Verdict.DRAINED);
    assertThat(failed.state()).isEqualTo(RunState.FAILED);
    assertThat(failed.budget().uncounted()).isEqualTo(EndTransitions.MAX_UNCOUNTED);
  }

  @Test
  default void anInternalErrorIsRetriedOnceInTheWholeRun() {
    Run run = accepted(RunBuilder.named("r").maxAttempts(9));
    assertThat(tried(run, Verdict.INTERNAL_ERROR).state()).isEqualTo(RunState.READY);
    assertThat(tried(run, Verdict.TASK_FAILED).state()).isEqualTo(RunState.READY);
    Run failed = tried(run, Verdict.INTERNAL_ERROR);
    assertThat(failed.state()).isEqualTo(RunState.FAILED);
    assertThat(failed.stateDetails().reason()).isEqualTo(Verdict.INTERNAL_ERROR.reason());
  }

  @Test
  default void internalErrorsOfOtherRunsDoNotCount() {
    tried(accepted(RunBuilder.named("r1").client("a")), Verdict.INTERNAL_ERROR);
    Run run = accepted(RunBuilder.named("r2").client("b"));
    assertThat(tried(run, Verdict.INTERNAL_ERROR).state()).isEqualTo(RunState.READY);
  }

  @Test
  default void aCanceledAttemptIsNotRetried() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    ledger().runs().cancel(run.key(), Reasons.DELETED, "the object was deleted");
    Run canceled = finish(bound, FailureCause.POD_DELETED).orElseThrow();
    assertThat(canceled.state()).isEqualTo(RunState.CANCELED);
    assertThat(canceled.stateDetails().reason()).isEqualTo(Reasons.DELETED);
    assertThat(canceled.stateDetails().message()).isEqualTo("the object was deleted");
  }

  @Test
  default void aSuccessBeatsACancelThatCameTooLate() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    ledger().runs().cancel(run.key(), Reasons.CANCELED, "too late");
    Run done = finish(bound, Verdict.SUCCEEDED).orElseThrow();
    assertThat(done.state()).isEqualTo(RunState.SUCCEEDED);
    assertThat(done.stateDetails().reason()).isEqualTo(Reasons.COMPLETED);
  }

  @Test
  default void withoutItsObjectARunIsHeldInsteadOfRetried() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    Run held =
        ledger()
            .attempts()
            .finish(
                bound.ref(),
                podOf(bound),
                ending(FailureCause.POD_DELETED),
                AT_ONCE,
                Presence.MISSING)
            .orElseThrow()
            .run();
    assertThat(held.state()).isEqualTo(RunState.HELD);
    assertThat(held.stateDetails().reason()).isEqualTo(Reasons.DELETION_UNCONFIRMED);
    assertThat(ledger().queries().heldFor(Reasons.DELETION_UNCONFIRMED, Optional.empty(), 10))
        .containsExactly(held);
    Run released = ledger().runs().release(run.key(), Reasons.DELETION_UNCONFIRMED).orElseThrow();
    assertThat(released.state()).isEqualTo(RunState.READY);
    assertThat(claim(run)).isPresent();
  }

  @Test
  default void aFailureIsFinalWithoutTheObjectToo() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    assertThat(
            ledger()
                .attempts()
                .finish(
                    bound.ref(),
                    podOf(bound),
                    ending(Verdict.UNVERIFIED),
                    AT_ONCE,
                    Presence.MISSING)
                .orElseThrow()
                .run()
                .state())
        .isEqualTo(RunState.FAILED);
  }

  @Test
  default void desiredHeldAppliesAfterTheAttempt() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    ledger()
        .runs()
        .amend(run.key(), CLUSTER, 2, RunBuilder.named("r").desired(DesiredState.Held).amendment());
    assertThat(load(run).state()).isEqualTo(RunState.ACTIVE);
    Run held = finish(bound, Verdict.TASK_FAILED).orElseThrow();
    assertThat(held.state()).isEqualTo(RunState.HELD);
    assertThat(held.stateDetails().reason()).isEqualTo(Reasons.HELD);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void longMessagesAreTruncated() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    ledger()
        .attempts()
        .finish(
            bound.ref(),
            podOf(bound),
            new io.luigioperator.run.Ending(
                Verdict.UNVERIFIED, java.util.OptionalInt.empty(), "ä".repeat(5000), ""),
            AT_ONCE,
            Presence.PRESENT);
    assertThat(load(run).stateDetails().message()).hasSize(1024).startsWith("ää");
    assertThat(reload(bound).end().orElseThrow().message()).hasSize(1024);
    assertThat(reload(bound).end().orElseThrow().exitCode()).isEmpty();
  }
}
