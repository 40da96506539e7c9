/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import org.junit.jupiter.api.Test;

/** PLAN and CHECK attempts hold a key for their run only, and do not count. */
interface AttemptKindContract extends LedgerFixture {

  private RunBuilder check(String name) {
    return RunBuilder.named(name).firstKind(AttemptKind.CHECK);
  }

  @Test
  default void checkHoldsTheKeyOfItsRunOnlyAndDoesNotCount() {
    Run run = accepted(check("r"));

    Attempt claimed = claimed(run);

    assertThat(claimed.kind()).isEqualTo(AttemptKind.CHECK);
    assertThat(claimed.admitKey()).isEqualTo(AdmitKey.ofRun(run.key()));
    assertThat(reload(claimed)).isEqualTo(claimed);
    Run active = load(run);
    assertThat(active.budget()).isEqualTo(new Run.Budget(1, 0, 0, 0, 3, 3));
    assertThat(active.mutexKey()).isEqualTo(AdmitKey.ofClient("team-a", "acme", "default"));
    assertThat(record(run).holder()).contains(run.key());
  }

  @Test
  default void checkAndRunOfOneClientAreLiveTogether() {
    Run check = accepted(check("check"));
    Run other = accepted(RunBuilder.named("run"));

    claimed(check);

    assertThat(heads()).containsExactly(other.key());
    assertThat(claimed(other).kind()).isEqualTo(AttemptKind.RUN);
  }

  @Test
  default void endOfACheckFreesOnlyTheKeyThatItHolds() {
    Run check = accepted(check("check"));
    Run other = accepted(RunBuilder.named("run"));
    Attempt claimed = claimed(check);
    claimed(other);

    ledger()
        .attempts()
        .abandon(
            claimed.ref(),
            new Abandonment(
                Reasons.POD_GONE_BEFORE_START, "its pod was deleted", BudgetCharge.NONE),
            AT_ONCE)
        .orElseThrow();

    assertThat(record(check).holder()).isEmpty();
    assertThat(record(other).holder()).contains(other.key());
    assertThat(load(check).budget()).isEqualTo(new Run.Budget(1, 0, 0, 0, 3, 3));
    ledger().maintenance().due(100);
    assertThat(claimed(load(check)).kind()).isEqualTo(AttemptKind.CHECK);
  }

  @Test
  default void afterASuccessfulCheckTheRunWaitsForItsClient() {
    Run run = accepted(check("r"));
    Run other = accepted(RunBuilder.named("other"));
    Attempt live = bound(other);

    Run checked = finish(bound(run), Verdict.SUCCEEDED).orElseThrow();
    assertThat(checked.state()).isEqualTo(RunState.DELAYED);
    ledger().maintenance().due(100);
    assertThat(load(run).state()).isEqualTo(RunState.READY);
    assertThat(record(run).holder()).contains(other.key());
    assertThat(heads()).isEmpty();

    finish(live, Verdict.SUCCEEDED).orElseThrow();
    assertThat(heads()).containsExactly(run.key());
    Attempt attempt = bound(load(run));
    assertThat(attempt.kind()).isEqualTo(AttemptKind.RUN);
    assertThat(attempt.admitKey()).isEqualTo(run.mutexKey());
    assertThat(load(run).budget()).isEqualTo(new Run.Budget(2, 1, 0, 0, 3, 3));
    assertThat(finish(attempt, Verdict.SUCCEEDED).orElseThrow().state())
        .isEqualTo(RunState.SUCCEEDED);
  }
}
