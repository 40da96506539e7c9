/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunState;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The end of attempts that were never bound, and therefore cannot run. */
interface AbandonContract extends LedgerFixture {

  Abandonment REFUSED =
      new Abandonment(Reasons.LAUNCH_REFUSED, "quota exceeded", BudgetCharge.INFRASTRUCTURE);
  Abandonment WITHOUT_CHARGE =
      new Abandonment(Reasons.CLUSTER_SILENT, "no word", BudgetCharge.NONE);
  RetryPolicy A_SECOND = new RetryPolicy(Duration.ofSeconds(1), Duration.ofSeconds(2));

  default Optional<Run> abandon(Attempt attempt, Abandonment why) {
    return abandon(attempt, why, AT_ONCE);
  }

  default Optional<Run> abandon(Attempt attempt, Abandonment why, RetryPolicy policy) {
    return ledger().attempts().abandon(attempt.ref(), why, policy).map(RunAndAttempt::run);
  }

  @Test
  default void aRefusedLaunchIsInfrastructure() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    Run after = abandon(claimed, REFUSED, A_SECOND).orElseThrow();
    Attempt ended = reload(claimed);
    assertThat(after.state()).isEqualTo(RunState.DELAYED);
    assertThat(after.stateDetails().message()).contains("LaunchRefused").contains("quota exceeded");
    assertThat(after.budget()).isEqualTo(new Run.Budget(1, 0, 1, 0, 3, 3));
    assertThat(after.times().notBefore())
        .contains(ended.end().orElseThrow().endedAt().plusSeconds(1));
    assertThat(after.times().startedAt()).isEmpty();
    assertThat(ended.state()).isEqualTo(AttemptState.ENDED);
    assertThat(ended.binding()).isEmpty();
    assertThat(ended.end().orElseThrow().reason()).isEqualTo(Reasons.LAUNCH_REFUSED);
    assertThat(record(run).holder()).isEmpty();
    assertThat(load(run)).isEqualTo(after);
  }

  @Test
  default void anAbandonmentWithoutChargeOnlyDelays() {
    Run run = accepted(RunBuilder.named("r"));
    Run after = abandon(claimed(run), WITHOUT_CHARGE, A_SECOND).orElseThrow();
    assertThat(after.state()).isEqualTo(RunState.DELAYED);
    assertThat(after.budget()).isEqualTo(new Run.Budget(1, 0, 0, 0, 3, 3));
    assertThat(after.times().notBefore().orElseThrow()).isAfter(ledger().queries().now());
    assertThat(heads()).isEmpty();
  }

  @Test
  default void refusedLaunchesAreBounded() {
    Run run = accepted(RunBuilder.named("r").maxInfra(1));
    abandon(claimed(run), REFUSED);
    ledger().maintenance().due(10);
    Run failed = abandon(claimed(run), REFUSED).orElseThrow();
    assertThat(failed.state()).isEqualTo(RunState.FAILED);
    assertThat(failed.stateDetails().reason()).isEqualTo(Reasons.LAUNCH_REFUSED);
    assertThat(failed.stateDetails().message()).isEqualTo("quota exceeded");
    assertThat(record(run).holder()).isEmpty();
  }

  @Test
  default void aBoundAttemptIsNeverAbandoned() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    assertThat(abandon(bound, WITHOUT_CHARGE)).isEmpty();
    assertThat(reload(bound)).isEqualTo(bound);
    assertThat(record(run).holder()).contains(run.key());
  }

  @Test
  default void anAttemptIsAbandonedOnceAndByItsFence() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    AttemptRef wrong = new AttemptRef(run.key(), 1, claimed.ref().fence() + 1);
    assertThat(ledger().attempts().abandon(wrong, WITHOUT_CHARGE, AT_ONCE)).isEmpty();
    Run after = abandon(claimed, WITHOUT_CHARGE).orElseThrow();
    assertThat(abandon(claimed, WITHOUT_CHARGE)).isEmpty();
    assertThat(load(run)).isEqualTo(after);
    ledger().maintenance().due(10);
    Attempt second = claimed(run);
    assertThat(abandon(claimed, WITHOUT_CHARGE)).isEmpty();
    assertThat(reload(second)).isEqualTo(second);
  }

  @Test
  default void anAbandonedClaimOfACanceledRunEndsIt() {
    Run run = accepted(RunBuilder.named("r").withoutMutex());
    Attempt claimed = claimed(run);
    ledger().runs().cancel(run.key(), Reasons.CANCELED, "enough");
    Run after = abandon(claimed, WITHOUT_CHARGE).orElseThrow();
    assertThat(after.state()).isEqualTo(RunState.CANCELED);
    assertThat(after.stateDetails().message()).isEqualTo("enough");
    assertThat(after.budget().counted()).isZero();
    assertThat(heads()).isEmpty();
  }

  @Test
  default void anAbandonedPodIsNotBoundLater() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt claimed = claimed(run);
    abandon(claimed, WITHOUT_CHARGE);
    assertThat(ledger().attempts().bind(claimed.ref(), "job", "pod")).isEmpty();
    ledger().maintenance().due(10);
    claimed(run);
    assertThat(ledger().attempts().bind(claimed.ref(), "job", "pod")).isEmpty();
  }
}
