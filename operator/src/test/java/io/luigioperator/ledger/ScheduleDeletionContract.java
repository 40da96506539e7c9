/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.api.Reprocess;
import io.luigioperator.ledger.BackfillLedger.Answer;
import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.DateRuns;
import io.luigioperator.ledger.ScheduleLedger.AppliedSpec;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.Deletion;
import io.luigioperator.ledger.ScheduleLedger.OwnedSchedule;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A schedule whose object was deleted: which of its runs are canceled, and who owns it then. */
interface ScheduleDeletionContract extends LedgerFixture {

  ScheduleKey NIGHTLY = ScheduleContract.NIGHTLY;
  AppliedSpec CANCELS = new AppliedSpec(DeletionPolicy.CancelQueued, CREATED);
  RetryPolicy LATER = new RetryPolicy(Duration.ofHours(1), Duration.ofHours(1));
  AppliedSpec RETAINS = new AppliedSpec(DeletionPolicy.Retain, CREATED);

  private void begin(AppliedSpec spec) {
    ledger().schedules().own(NIGHTLY, CLUSTER);
    ledger().schedules().applied(NIGHTLY, CLUSTER, spec);
  }

  /** A cron of the schedule creates this run. */
  private Run fired(ScheduleKey schedule, RunBuilder run) {
    String client = run.run().client() + "-" + run.key().name();
    Tick tick = new Tick("2026-11-01", ScheduleContract.day(1), "", Optional.of(run.run()));
    assertThat(
            ledger().schedules().decide(schedule, CLUSTER, List.of(ScheduleContract.first(client))))
        .containsExactly(new TickAnswer.Decided(0));
    ClientDecision decision =
        new ClientDecision(
            client,
            Optional.of(ScheduleContract.T0),
            ScheduleContract.day(1),
            Optional.of("{}"),
            List.of(tick),
            List.of());
    assertThat(ledger().schedules().decide(schedule, CLUSTER, List.of(decision)))
        .containsExactly(new TickAnswer.Decided(1));
    return load(run.key());
  }

  private Run fired(RunBuilder run) {
    return fired(NIGHTLY, run);
  }

  private Deletion deleted(String cluster) {
    return ledger().schedules().deleted(NIGHTLY, cluster, Reasons.SCHEDULE_DELETED, "it is gone");
  }

  private List<OwnedSchedule> owned(String cluster) {
    return ledger().schedules().owned(cluster, Optional.empty(), 10);
  }

  @Test
  default void waitingRunsOfItsTicksAreCanceled() {
    begin(CANCELS);
    Instant later = ledger().queries().now().plusSeconds(3600);
    Run ready = fired(RunBuilder.named("ready").client("a"));
    Run behind = accepted(RunBuilder.named("behind").client("a"));
    Run delayed = fired(RunBuilder.named("delayed").client("b").notBefore(later));
    Run held = fired(RunBuilder.named("held").client("c").withoutMutex());
    ledger().runs().hold(held.key(), Reasons.NAMESPACE_MISSING, "");
    Run abandoned = fired(RunBuilder.named("abandoned").client("d"));
    ledger().attempts().abandon(claimed(abandoned).ref(), AbandonContract.REFUSED, LATER);

    Deletion deletion = deleted(CLUSTER);

    assertThat(deletion.complete()).isTrue();
    assertThat(deletion.canceled())
        .extracting(Run::key)
        .containsExactlyInAnyOrder(ready.key(), delayed.key(), held.key(), abandoned.key());
    for (Run run : List.of(ready, delayed, held, abandoned)) {
      assertThat(load(run).state()).isEqualTo(RunState.CANCELED);
      assertThat(load(run).stateDetails().reason()).isEqualTo(Reasons.SCHEDULE_DELETED);
      assertThat(load(run).stateDetails().message()).isEqualTo("it is gone");
    }
    assertThat(owned(CLUSTER)).isEmpty();
    assertThat(heads()).containsExactly(behind.key());
    assertThat(ledger().maintenance().auditHeads(Optional.empty(), 100).corrected()).isEmpty();
  }

  @Test
  default void runsThatHaveStartedAndRunsOfUsersGoOn() {
    begin(CANCELS);
    ScheduleKey other = new ScheduleKey("team-a", "weekly");
    ledger().schedules().own(other, CLUSTER);
    Run live = fired(RunBuilder.named("live").client("a"));
    bound(live);
    Run claimed = fired(RunBuilder.named("claimed").client("b"));
    claimed(claimed);
    Run retried = fired(RunBuilder.named("retried").client("c"));
    finish(bound(retried), Verdict.TASK_FAILED, LATER);
    Run next = tried(fired(RunBuilder.named("next").client("d")), Verdict.TASK_FAILED);
    Run ofUser = accepted(RunBuilder.named("of-user").client("e"));
    Run ofOther = fired(other, RunBuilder.named("of-other").client("f"));
    RunBuilder applied = RunBuilder.named("applied").client("g");
    Run appliedBefore = accepted(applied); // a user applied the PipelineRun of the date
    fired(applied);
    assertThat(load(retried).state()).isEqualTo(RunState.DELAYED);
    assertThat(next.state()).isEqualTo(RunState.READY);
    List<Run> before =
        List.of(live, claimed, retried, next, ofUser, ofOther, appliedBefore).stream()
            .map(this::load)
            .toList();

    assertThat(deleted(CLUSTER)).isEqualTo(new Deletion(List.of(), true));

    assertThat(before).allSatisfy(run -> assertThat(load(run)).isEqualTo(run));
    assertThat(owned(CLUSTER)).extracting(OwnedSchedule::key).containsExactly(other);
  }

  @Test
  default void aRetryThatWaitsForTheLimitGoesOn() {
    begin(CANCELS);
    bound(fired(RunBuilder.named("live").client("a")));
    Run retried = tried(fired(RunBuilder.named("retried").client("b")), Verdict.TASK_FAILED);
    Run waiting = fired(RunBuilder.named("waiting").client("c"));
    ledger().schedules().limit(NIGHTLY, Optional.of(1));
    assertThat(ledger().schedules().enforceLimit(NIGHTLY).changed())
        .extracting(Run::key)
        .containsExactlyInAnyOrder(retried.key(), waiting.key());

    assertThat(deleted(CLUSTER).canceled()).extracting(Run::key).containsExactly(waiting.key());
    assertThat(load(retried).waitsForLimit()).isTrue();
  }

  private void backfilled(String name, DateRuns... dates) {
    BackfillLedger backfills = ledger().backfills();
    Backfill begun = backfills.beginBackfill(NIGHTLY, name, "{}");
    assertThat(
            backfills.advanceBackfill(
                NIGHTLY, CLUSTER, BackfillContract.step(begun, Reprocess.All, dates)))
        .isInstanceOf(Answer.Advanced.class);
  }

  @Test
  default void theRunsOfItsBackfillsAreItsOwn() {
    begin(CANCELS);
    DateRuns waiting = BackfillContract.date(1, "acme");
    DateRuns applied = BackfillContract.date(2, "initech");
    DateRuns ended = BackfillContract.date(3, "globex");
    Run ofUser =
        accepted(
            RunBuilder.named(applied.first().key().name())
                .client("initech")
                .date(applied.position().date()));
    backfilled("q3", waiting, applied, ended);
    tried(load(ended.first().key()), Verdict.SUCCEEDED);
    backfilled("again", ended);
    assertThat(
            ledger()
                .schedules()
                .endedRuns(
                    NIGHTLY,
                    "globex",
                    List.of(ended.first().key(), ended.again().key(), ofUser.key())))
        .containsExactly(ended.first().key());

    assertThat(deleted(CLUSTER).canceled())
        .extracting(Run::key)
        .containsExactlyInAnyOrder(waiting.first().key(), ended.again().key());
    assertThat(load(ofUser)).isEqualTo(ofUser);
  }

  @Test
  default void manyRunsAreCanceledInSeveralCommitsOfItsOwner() {
    begin(CANCELS);
    List<RunKey> runs = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      runs.add(fired(RunBuilder.named("r" + i).client("c" + i % 7)).key());
    }
    List<Integer> canceled = new ArrayList<>();
    for (Deletion d = deleted(CLUSTER); ; d = deleted(CLUSTER)) {
      canceled.add(d.canceled().size());
      if (d.complete()) {
        break;
      }
      assertThat(owned(CLUSTER)).as("the next leader continues").hasSize(1);
    }
    assertThat(canceled).containsExactly(50, 50, 20);
    assertThat(runs).allSatisfy(run -> assertThat(load(run).state()).isEqualTo(RunState.CANCELED));
    assertThat(owned(CLUSTER)).isEmpty();
  }

  @Test
  default void withoutThePolicyRunsGoOn() {
    begin(RETAINS);
    Run run = fired(RunBuilder.named("r"));

    assertThat(deleted(CLUSTER)).isEqualTo(new Deletion(List.of(), true));
    assertThat(owned(CLUSTER)).isEmpty();

    ledger().schedules().own(NIGHTLY, CLUSTER); // no spec is applied yet
    assertThat(deleted(CLUSTER)).isEqualTo(new Deletion(List.of(), true));
    assertThat(load(run)).isEqualTo(run);
  }

  @Test
  default void onlyTheOwnerCancels() {
    begin(CANCELS);
    Run run = fired(RunBuilder.named("r"));

    assertThat(deleted(OTHER_CLUSTER)).isEqualTo(new Deletion(List.of(), true));
    ledger().schedules().applied(NIGHTLY, OTHER_CLUSTER, RETAINS);

    assertThat(load(run)).isEqualTo(run);
    assertThat(owned(CLUSTER)).containsExactly(new OwnedSchedule(NIGHTLY, Optional.of(CANCELS)));
  }

  @Test
  default void whatOneOwnerHasAppliedSaysNothingAboutTheNext() {
    ledger().clusters().register(new ClusterIdentity("one", "uid-1"), true);
    begin(CANCELS);
    ledger().schedules().own(NIGHTLY, CLUSTER);
    assertThat(owned(CLUSTER)).containsExactly(new OwnedSchedule(NIGHTLY, Optional.of(CANCELS)));
    ledger().schedules().applied(NIGHTLY, CLUSTER, RETAINS);
    assertThat(owned(CLUSTER)).containsExactly(new OwnedSchedule(NIGHTLY, Optional.of(RETAINS)));

    ledger().clusters().retire("uid-1", Duration.ZERO);
    ledger().schedules().own(NIGHTLY, OTHER_CLUSTER);
    assertThat(owned(OTHER_CLUSTER)).containsExactly(new OwnedSchedule(NIGHTLY, Optional.empty()));

    ledger().schedules().applied(NIGHTLY, OTHER_CLUSTER, CANCELS);
    ledger().schedules().disown(NIGHTLY, OTHER_CLUSTER);
    ledger().schedules().own(NIGHTLY, OTHER_CLUSTER);
    assertThat(owned(OTHER_CLUSTER)).containsExactly(new OwnedSchedule(NIGHTLY, Optional.empty()));
  }

  @Test
  default void theEndedRunsThatItCreatedForAClientAreFound() {
    begin(CANCELS);
    RunBuilder ended = RunBuilder.named("ended").client("acme");
    finish(bound(fired(ended)), Verdict.SUCCEEDED);
    Run waiting = fired(RunBuilder.named("waiting").client("acme"));
    RunBuilder ofUser = RunBuilder.named("of-user").client("globex");
    finish(bound(accepted(ofUser)), Verdict.SUCCEEDED);
    List<RunKey> all =
        List.of(ended.key(), waiting.key(), ofUser.key(), new RunKey("team-a", "unknown"));

    ScheduleLedger schedules = ledger().schedules();
    assertThat(schedules.endedRuns(NIGHTLY, "acme", all)).isEqualTo(Set.of(ended.key()));
    assertThat(schedules.endedRuns(NIGHTLY, "globex", all)).isEmpty();
    assertThat(schedules.endedRuns(new ScheduleKey("team-a", "weekly"), "acme", all)).isEmpty();
  }
}
