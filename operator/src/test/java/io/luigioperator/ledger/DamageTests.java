/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.run.Attempt;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import io.luigioperator.schedule.SkipReason;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** A ledger with damaged rows, and one whose barrier is raised. */
interface DamageTests extends SqlFixture {

  @Test
  default void aRaisedBarrierStopsEveryChangeButTheHeartbeat() {
    Run ready = accepted(RunBuilder.named("ready").client("a"));
    Run held = accepted(RunBuilder.named("held").client("b"));
    ledger().runs().hold(held.key(), Reasons.NAMESPACE_MISSING, "");
    Attempt claimed = claimed(accepted(RunBuilder.named("claimed").client("c")));
    Attempt bound = bound(accepted(RunBuilder.named("bound").client("d")));
    Attempt missing =
        ledger()
            .attempts()
            .markPodMissing(bound(accepted(RunBuilder.named("missing").client("j"))))
            .orElseThrow();
    Run done = tried(accepted(RunBuilder.named("done").client("e")), Verdict.SUCCEEDED);
    finish(bound(accepted(RunBuilder.named("delayed").client("f"))), Verdict.TASK_FAILED);
    accepted(RunBuilder.named("late").client("g").startDeadline(0));
    ledger().clusters().register(ONE, true);
    damageHolderOf(accepted(RunBuilder.named("stale").client("h")));
    damageCachedStartOf(accepted(RunBuilder.named("wrong").client("i")), "NULL");
    ScheduleKey nightly = ScheduleContract.NIGHTLY;
    ledger().schedules().own(nightly, CLUSTER);
    BackfillLedger.Backfill backfill = ledger().backfills().beginBackfill(nightly, "q3", "{}");
    ScheduleKey limited = new ScheduleKey("team-a", "limited");
    ledger().schedules().limit(limited, Optional.of(1));
    accepted(RunBuilder.named("waiting").client("k").schedule("limited"));
    pass(Duration.ofMillis(1));
    sql().handle().execute("UPDATE meta SET barrier = 1");
    String pod = podOf(bound);
    RunBuilder fresh = RunBuilder.named("fresh");
    Map<String, ThrowingCallable> changes =
        Map.ofEntries(
            Map.entry("accept", () -> accept(fresh)),
            Map.entry(
                "recordObject",
                () -> ledger().runs().recordObject(ready.key(), object(ready.key()))),
            Map.entry(
                "restoreOutcome",
                () ->
                    ledger()
                        .runs()
                        .restoreOutcome(
                            ready.key(),
                            new RecordedOutcome(
                                RunState.FAILED,
                                "",
                                "",
                                0,
                                0,
                                Optional.empty(),
                                Optional.empty()))),
            Map.entry("retire", () -> ledger().clusters().retire("uid-1", Duration.ZERO)),
            Map.entry(
                "amend", () -> ledger().runs().amend(ready.key(), CLUSTER, 2, fresh.amendment())),
            Map.entry("claim", () -> claim(ready)),
            Map.entry("bind", () -> bound(claimed)),
            Map.entry("recordNode", () -> ledger().attempts().recordNode(bound, "node")),
            Map.entry(
                "markForStop",
                () -> ledger().attempts().markForStop(bound, FailureCause.KILLED, "")),
            Map.entry("markPodMissing", () -> ledger().attempts().markPodMissing(bound)),
            Map.entry("clearPodMissing", () -> ledger().attempts().clearPodMissing(missing)),
            Map.entry("finish", () -> finish(bound, Verdict.SUCCEEDED)),
            Map.entry(
                "abandon",
                () ->
                    ledger()
                        .attempts()
                        .abandon(claimed.ref(), AbandonContract.WITHOUT_CHARGE, AT_ONCE)),
            Map.entry("cancel", () -> ledger().runs().cancel(ready.key(), Reasons.CANCELED, "")),
            Map.entry(
                "cancelWaiting",
                () -> ledger().runs().cancelWaiting(ready.key(), Reasons.CANCELED, "")),
            Map.entry(
                "hold", () -> ledger().runs().hold(ready.key(), Reasons.NAMESPACE_MISSING, "")),
            Map.entry(
                "release", () -> ledger().runs().release(held.key(), Reasons.NAMESPACE_MISSING)),
            Map.entry(
                "forgetObject",
                () -> ledger().runs().forgetObject(ready.key(), object(ready.key()))),
            Map.entry("objectRefused", () -> ledger().runs().objectRefused(ready.key(), "")),
            Map.entry(
                "applied",
                () ->
                    ledger()
                        .schedules()
                        .applied(nightly, CLUSTER, ScheduleDeletionContract.CANCELS)),
            Map.entry("deleted", () -> ledger().schedules().deleted(nightly, CLUSTER, "", "")),
            Map.entry("own", () -> ledger().schedules().own(nightly, CLUSTER)),
            Map.entry("disown", () -> ledger().schedules().disown(nightly, CLUSTER)),
            Map.entry("limit", () -> ledger().schedules().limit(nightly, Optional.of(1))),
            Map.entry("enforceLimit", () -> ledger().schedules().enforceLimit(limited)),
            Map.entry(
                "decide",
                () ->
                    ledger()
                        .schedules()
                        .decide(nightly, CLUSTER, List.of(ScheduleContract.first("acme")))),
            Map.entry(
                "beginBackfill", () -> ledger().backfills().beginBackfill(nightly, "q4", "{}")),
            Map.entry(
                "advanceBackfill",
                () ->
                    ledger()
                        .backfills()
                        .advanceBackfill(nightly, CLUSTER, BackfillLedger.Step.count(backfill))),
            Map.entry(
                "moveBackfill",
                () ->
                    ledger()
                        .backfills()
                        .moveBackfill(
                            nightly,
                            "q3",
                            BackfillLedger.State.RUNNING,
                            BackfillLedger.State.COMPLETED)),
            Map.entry("due", () -> ledger().maintenance().due(10)),
            Map.entry("expire", () -> ledger().maintenance().expire(10)),
            Map.entry("purge", () -> ledger().maintenance().purge(ledger().queries().now(), 10)),
            Map.entry("freeStaleHolders", () -> ledger().maintenance().freeStaleHolders(10)),
            Map.entry("auditHeads", () -> ledger().maintenance().auditHeads(Optional.empty(), 10)));
    Set<String> all = namesOfChanges();
    all.remove("register");
    assertThat(changes).containsOnlyKeys(all);
    changes.forEach(
        (name, change) ->
            assertThatThrownBy(change)
                .as(name)
                .isInstanceOf(LedgerUnavailable.class)
                .hasMessageContaining("barrier"));
    assertThat(ledger().clusters().register(ONE, true)).isEqualTo(REGISTERED);
    assertThat(load(done).state()).isEqualTo(RunState.SUCCEEDED);
    assertThat(load(ready)).isEqualTo(ready);
    sql().handle().execute("UPDATE meta SET barrier = 0");
    assertThat(
            ledger()
                .attempts()
                .finish(bound.ref(), pod, ending(Verdict.SUCCEEDED), AT_ONCE, Presence.PRESENT))
        .isPresent();
  }

  default void damageHolderOf(Run run) {
    sql()
        .handle()
        .execute(
            "UPDATE client_mutex SET holder_run = 'nobody' WHERE admit_key = ?",
            run.admitKey().value());
  }

  /**
   * @param next as SQL
   */
  default void damageCachedStartOf(Run run, String next) {
    sql()
        .handle()
        .execute(
            "UPDATE client_mutex SET next_admit_at = " + next + " WHERE admit_key = ?",
            run.admitKey().value());
  }

  @Test
  default void aHeldKeyIsNotClaimed() {
    Run first = accepted(RunBuilder.named("r1"));
    Run second = accepted(RunBuilder.named("r2"));
    claimed(first);
    assertThat(claim(second)).isEmpty();
    assertThat(brokenInvariants(metrics())).as("left to the unique key").isZero();
  }

  @Test
  default void aLiveAttemptWithoutHolderPreventsTheClaimAndIsReported() {
    Run first = accepted(RunBuilder.named("r1"));
    Attempt live = bound(first);
    Run second = accepted(RunBuilder.named("r2"));
    sql()
        .handle()
        .execute("UPDATE client_mutex SET holder_run = NULL, next_admit_at = UTC_TIMESTAMP(6)");
    assertThat(claim(second)).isEmpty();
    assertThat(brokenInvariants(metrics())).isEqualTo(1);
    assertThat(reload(live)).isEqualTo(live);
    // the end of the attempt finds that it does not hold the key, reports that, and is written
    assertThat(finish(live, Verdict.SUCCEEDED)).isPresent();
    assertThat(brokenInvariants(metrics())).isEqualTo(2);
    assertThat(claim(second)).isPresent();
  }

  @Test
  default void anEndFreesNoMutexOfAnotherFence() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt live = bound(run);
    sql().handle().execute("UPDATE client_mutex SET fence = fence + 1");
    assertThat(finish(live, Verdict.SUCCEEDED)).isPresent();
    assertThat(brokenInvariants(metrics())).isEqualTo(1);
    assertThat(record(run).holder()).contains(run.key());
  }

  @Test
  default void aRunWhoseClaimIsRefusedIsHeldWithTheReason() {
    Run poison = accepted(RunBuilder.named("poison"));
    pass(Duration.ofMillis(1));
    Run next = accepted(RunBuilder.named("next"));
    sql()
        .handle()
        .execute("ALTER TABLE attempt ADD CONSTRAINT no_poison CHECK (job_name <> 'poison-a1')");
    try {
      assertThat(claim(poison)).isEmpty();
    } finally {
      sql().handle().execute("ALTER TABLE attempt DROP CONSTRAINT no_poison");
    }
    Run held = load(poison);
    assertThat(held.state()).isEqualTo(RunState.HELD);
    assertThat(held.stateDetails().reason()).isEqualTo(Reasons.INTERNAL_ERROR);
    assertThat(held.stateDetails().message()).contains("no_poison");
    assertThat(held.budget().claims()).isZero();
    assertThat(record(poison).holder()).isEmpty();
    assertThat(heads()).containsExactly(next.key());
    assertThat(ledger().runs().release(poison.key(), Reasons.INTERNAL_ERROR)).isPresent();
    assertThat(claim(next)).isPresent();
  }

  @Test
  default void aReadyRunWithoutAttemptsLeftIsHeld() {
    Run run = accepted(RunBuilder.named("r"));
    sql().handle().execute("UPDATE run SET counted = max_attempts");
    assertThat(claim(run)).isEmpty();
    assertThat(load(run).state()).isEqualTo(RunState.HELD);
    assertThat(load(run).stateDetails().reason()).isEqualTo(Reasons.INTERNAL_ERROR);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void aHolderWithoutALiveAttemptIsFreed() {
    Run healthy = accepted(RunBuilder.named("healthy").client("a"));
    bound(healthy);
    Run run = accepted(RunBuilder.named("r").client("b"));
    damageHolderOf(run);
    assertThat(heads()).isEmpty();
    assertThat(ledger().maintenance().freeStaleHolders(10)).containsExactly(run.admitKey());
    assertThat(ledger().maintenance().freeStaleHolders(10)).isEmpty();
    assertThat(brokenInvariants(metrics())).isEqualTo(1);
    assertThat(record(healthy).holder()).contains(healthy.key());
    assertThat(claim(run)).isPresent();
  }

  @Test
  default void aWrongCachedStartIsCorrected() {
    Run run = accepted(RunBuilder.named("r").client("a"));
    accepted(RunBuilder.named("right").client("b"));
    for (String wrong : List.of("NULL", "'2001-01-01'")) {
      damageCachedStartOf(run, wrong);
      LedgerMaintenance.Audit audit = ledger().maintenance().auditHeads(Optional.empty(), 10);
      assertThat(audit.corrected()).containsExactly(run.admitKey());
      assertThat(ledger().maintenance().auditHeads(Optional.empty(), 10).corrected()).isEmpty();
      assertThat(heads()).contains(run.key());
    }
  }

  @Test
  default void aClaimCorrectsAKeyThatIsOpenByMistake() {
    Run run = accepted(RunBuilder.named("r"));
    ledger().runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "");
    sql().handle().execute("UPDATE client_mutex SET next_admit_at = UTC_TIMESTAMP(6)");
    assertThat(claim(run)).isEmpty();
    assertThat(sql().count("SELECT COUNT(*) FROM client_mutex WHERE open_at IS NOT NULL")).isZero();
  }

  private double brokenInvariants(String invariant) {
    return metrics()
        .counter("luigi.operator.ledger.invariants.broken", "invariant", invariant)
        .count();
  }

  private List<String> clientsWithBrokenTicks() {
    return ledger().maintenance().auditTicks(Optional.empty(), 100).broken().stream()
        .map(LedgerMaintenance.TickCursor::client)
        .toList();
  }

  /** Client a has a date that fired and one that was skipped; client b is never damaged. */
  private void decideTicksOfTwoClients() {
    ScheduleKey nightly = ScheduleContract.NIGHTLY;
    ledger().schedules().own(nightly, CLUSTER);
    ledger()
        .schedules()
        .decide(
            nightly, CLUSTER, List.of(ScheduleContract.first("a"), ScheduleContract.first("b")));
    ledger()
        .schedules()
        .decide(
            nightly,
            CLUSTER,
            List.of(
                ScheduleContract.decision(
                    "a",
                    0,
                    2,
                    ScheduleContract.fires("a", 1),
                    ScheduleContract.skipped(2, SkipReason.Suspended)),
                ScheduleContract.decision("b", 0, 1, ScheduleContract.fires("b", 1))));
    assertThat(clientsWithBrokenTicks()).isEmpty();
    assertThat(brokenInvariants(metrics())).isZero();
  }

  @Test
  default void aCronTimeThatIsNotAccountedForIsReported() {
    decideTicksOfTwoClients();
    sql().handle().execute("DELETE FROM tick WHERE decision = 'SKIPPED'");
    assertThat(clientsWithBrokenTicks()).containsExactly("a");
    assertThat(brokenInvariants("I12")).isEqualTo(1);
    assertThat(brokenInvariants("I6")).isZero();
  }

  @Test
  default void aDateWhoseRunIsMissingOrAnotherOneIsReported() {
    decideTicksOfTwoClients();
    sql().handle().execute("UPDATE run SET business_date = '2026-11-09' WHERE client = 'a'");
    assertThat(clientsWithBrokenTicks()).containsExactly("a");
    sql().handle().execute("DELETE FROM run WHERE client = 'a'");
    assertThat(clientsWithBrokenTicks()).containsExactly("a");
    assertThat(brokenInvariants("I6")).isEqualTo(2);
    assertThat(brokenInvariants("I12")).isZero();
  }

  /** A gap has many cron times in one row, so it does not count as many dates. */
  @Test
  default void aClientWithTooManyDatesIsLeftOutOfTheAudit() {
    decideTicksOfTwoClients();
    sql().handle().execute("UPDATE schedule_client SET cron_times = 1000000 WHERE client = 'a'");
    assertThat(clientsWithBrokenTicks()).isEmpty();
    sql()
        .handle()
        .execute(
            """
            INSERT INTO tick_gap SELECT schedule_id, client, '2026-12-01', '2026-12-02', 999997,
              'Suspended', '2026-12-02' FROM schedule_client WHERE client = 'a'
            """);
    assertThat(clientsWithBrokenTicks()).containsExactly("a");
    assertThat(brokenInvariants("I12")).isEqualTo(1);
  }
}
