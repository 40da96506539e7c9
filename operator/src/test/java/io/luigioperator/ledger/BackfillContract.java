/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Reprocess;
import io.luigioperator.ledger.BackfillLedger.Answer;
import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.DateRuns;
import io.luigioperator.ledger.BackfillLedger.State;
import io.luigioperator.ledger.BackfillLedger.Step;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import io.luigioperator.schedule.BackfillCursor.Position;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Backfills: each date is processed once, and runs once at most. */
interface BackfillContract extends LedgerFixture {

  ScheduleKey NIGHTLY = ScheduleContract.NIGHTLY;
  String DEFINITION = "{\"start\":\"2026-11-01\"}";

  static Position position(int day, String client) {
    return new Position(ScheduleContract.date(day), client);
  }

  /** The runs of a date: {@code nightly-acme-2026-11-01}, or with {@code -again}. */
  static DateRuns date(int day, String client) {
    String name = "nightly-%s-%s".formatted(client, ScheduleContract.date(day));
    return new DateRuns(
        position(day, client), run(name, day, client), run(name + "-again", day, client));
  }

  private static NewRun run(String name, int day, String client) {
    return RunBuilder.named(name).client(client).date(ScheduleContract.date(day)).run();
  }

  static Step step(Backfill from, Reprocess reprocess, DateRuns... dates) {
    Optional<Position> to =
        dates.length == 0 ? from.position() : Optional.of(dates[dates.length - 1].position());
    return new Step(from.name(), from.position(), to, reprocess, 0, Arrays.asList(dates));
  }

  private Backfill begin(String name) {
    assertThat(ledger().schedules().own(NIGHTLY, CLUSTER)).isEqualTo(CLUSTER);
    return ledger().backfills().beginBackfill(NIGHTLY, name, DEFINITION);
  }

  private Answer advance(Step step) {
    return ledger().backfills().advanceBackfill(NIGHTLY, CLUSTER, step);
  }

  private Backfill advanced(Step step, int begun) {
    Answer answer = advance(step);
    assertThat(answer).isInstanceOf(Answer.Advanced.class);
    assertThat(((Answer.Advanced) answer).begun()).isEqualTo(begun);
    Backfill after = ((Answer.Advanced) answer).backfill();
    assertThat(ledger().backfills().loadBackfills(NIGHTLY, List.of())).contains(after);
    return after;
  }

  private Run load(DateRuns date) {
    return load(date.first().key());
  }

  private void end(DateRuns date, Verdict verdict) {
    tried(load(date), verdict);
  }

  @Test
  default void aBackfillBeginsOnce() {
    Backfill first = begin("q3");
    assertThat(first)
        .isEqualTo(new Backfill("q3", DEFINITION, State.RUNNING, Optional.empty(), 0, 0, 0, 0));
    assertThat(ledger().backfills().beginBackfill(NIGHTLY, "q3", "{}")).isEqualTo(first);
    assertThat(ledger().backfills().beginBackfill(NIGHTLY, "q4", "{}").definition())
        .isEqualTo("{}");
    assertThat(ledger().backfills().loadBackfills(NIGHTLY, List.of()))
        .extracting(Backfill::name)
        .containsExactlyInAnyOrder("q3", "q4");
    assertThat(
            ledger().backfills().loadBackfills(new ScheduleKey("team-a", "other"), List.of("q3")))
        .isEmpty();
  }

  @Test
  default void aDateThatHasNotFiredGetsItsFirstRun() {
    Backfill after =
        advanced(step(begin("q3"), Reprocess.Missing, date(1, "acme"), date(1, "globex")), 2);
    assertThat(after.position()).contains(position(1, "globex"));
    assertThat(after.active()).isEqualTo(2);
    assertThat(load(date(1, "acme")).state()).isEqualTo(RunState.READY);
    assertThat(record(date(1, "acme").again().key())).isEmpty();
    assertThat(ledger().schedules().firedDates(NIGHTLY, List.of("acme", "globex"), ""))
        .containsOnlyKeys("acme", "globex");
    assertThat(ledger().backfills().openRunsOfBackfill(NIGHTLY, "q3"))
        .containsExactlyInAnyOrder(date(1, "acme").first().key(), date(1, "globex").first().key());
    assertThat(claim(load(date(1, "acme")))).isPresent();
  }

  @Test
  default void runsOfOneStepStartInTheOrderOfTheirDates() {
    DateRuns[] dates =
        IntStream.rangeClosed(1, 10).mapToObj(day -> date(day, "acme")).toArray(DateRuns[]::new);
    advanced(step(begin("q3"), Reprocess.Missing, dates), 10);
    List<RunKey> started = new ArrayList<>();
    for (int i = 0; i < dates.length; i++) {
      RunKey head = heads().getFirst();
      started.add(head);
      finish(bound(load(head)), Verdict.SUCCEEDED);
    }
    assertThat(started).isEqualTo(Arrays.stream(dates).map(date -> date.first().key()).toList());
  }

  /** Two leaders, or a repetition: the second one finds another position. */
  @Test
  default void aStepIsTakenOnce() {
    Step step = step(begin("q3"), Reprocess.All, date(1, "acme"));
    advanced(step, 1);
    assertThat(advance(step)).isEqualTo(new Answer.Stale());
    assertThat(record(date(1, "acme").again().key())).isEmpty();
  }

  @Test
  default void onlyTheOwnerTakesSteps() {
    Step step = step(begin("q3"), Reprocess.Missing, date(1, "acme"));
    assertThat(ledger().backfills().advanceBackfill(NIGHTLY, OTHER_CLUSTER, step))
        .isEqualTo(new Answer.NotOwner());
    assertThat(record(date(1, "acme").first().key())).isEmpty();
  }

  @Test
  default void aCronDoesNotFireADateThatABackfillHasRun() {
    advanced(step(begin("q3"), Reprocess.Missing, date(1, "acme")), 1);
    ledger().schedules().decide(NIGHTLY, CLUSTER, List.of(ScheduleContract.first("acme")));

    assertThat(
            ledger()
                .schedules()
                .decide(
                    NIGHTLY,
                    CLUSTER,
                    List.of(
                        ScheduleContract.decision(
                            "acme", 0, 1, ScheduleContract.fires("acme", 1)))))
        .containsExactly(new TickAnswer.Decided(0));
  }

  @Test
  default void missingSkipsWhatHasSucceededOrIsOnItsWay() {
    Backfill first =
        advanced(step(begin("q3"), Reprocess.Missing, date(1, "a"), date(1, "b"), date(1, "c")), 3);
    end(date(1, "a"), Verdict.SUCCEEDED);
    end(date(1, "b"), Verdict.INVALID_SPEC);
    assertThat(load(date(1, "b")).state()).isEqualTo(RunState.FAILED);

    Backfill second =
        advanced(
            step(
                begin("again"),
                Reprocess.Missing,
                date(1, "a"),
                date(1, "b"),
                date(1, "c"),
                date(1, "d")),
            2);
    assertThat(second.skipped()).isEqualTo(2);
    assertThat(record(date(1, "a").again().key())).isEmpty();
    assertThat(record(date(1, "b").again().key())).isPresent();
    assertThat(record(date(1, "c").again().key())).isEmpty();
    assertThat(record(date(1, "d").first().key())).isPresent();

    Backfill counted = advanced(Step.count(first), 0);
    assertThat(counted.succeeded()).isEqualTo(1);
    assertThat(counted.failed()).isEqualTo(1);
    assertThat(counted.active()).isEqualTo(1);
    assertThat(counted.processed()).isEqualTo(3);
    assertThat(advanced(Step.count(counted), 0)).isEqualTo(counted);
  }

  @Test
  default void theRunOfAUserCountsForItsDate() {
    RunBuilder ofUser = RunBuilder.named("rerun").date(ScheduleContract.date(1));
    tried(accepted(ofUser), Verdict.SUCCEEDED);
    Backfill after =
        advanced(step(begin("q3"), Reprocess.Missing, date(1, "acme"), date(2, "acme")), 1);
    assertThat(after.skipped()).isEqualTo(1);
    assertThat(record(date(1, "acme").first().key())).isEmpty();
  }

  @Test
  default void failedTakesDatesWhoseNewestRunHasFailedOnly() {
    advanced(step(begin("q3"), Reprocess.Missing, date(1, "a"), date(1, "b")), 2);
    end(date(1, "a"), Verdict.SUCCEEDED);
    end(date(1, "b"), Verdict.INVALID_SPEC);
    advanced(step(begin("f"), Reprocess.Failed, date(1, "a"), date(1, "b"), date(1, "c")), 1);
    assertThat(record(date(1, "b").again().key())).isPresent();
  }

  @Test
  default void allRunsEachDateAgain() {
    advanced(step(begin("q3"), Reprocess.Missing, date(1, "a")), 1);
    end(date(1, "a"), Verdict.SUCCEEDED);
    Backfill after = advanced(step(begin("all"), Reprocess.All, date(1, "a"), date(1, "b")), 2);
    assertThat(after.skipped()).isZero();
    assertThat(record(date(1, "a").again().key())).isPresent();
    assertThat(record(date(1, "b").first().key())).isPresent();
  }

  /** The same request under the same name is the same run. */
  @Test
  default void aRunThatAUserHasAppliedUnderTheNameIsTaken() {
    Run ofUser =
        accepted(
            RunBuilder.named(date(1, "acme").first().key().name()).date(ScheduleContract.date(1)));
    Backfill after = advanced(step(begin("q3"), Reprocess.All, date(1, "acme")), 1);
    assertThat(after.active()).isEqualTo(1);
    assertThat(record(date(1, "acme").again().key())).isEmpty();
    finish(bound(ofUser), Verdict.INVALID_SPEC);
    assertThat(advanced(Step.count(after), 0).failed()).isEqualTo(1);
  }

  /** It has ended, so only another run can run the date again. */
  @Test
  default void anEndedRunOfAUserUnderTheNameIsNotTaken() {
    Run ofUser =
        accepted(
            RunBuilder.named(date(1, "acme").first().key().name()).date(ScheduleContract.date(1)));
    finish(bound(ofUser), Verdict.INVALID_SPEC);
    Backfill after = advanced(step(begin("q3"), Reprocess.Failed, date(1, "acme")), 1);
    assertThat(after.active()).isEqualTo(1);
    assertThat(load(date(1, "acme").again().key()).state()).isEqualTo(RunState.READY);
  }

  @Test
  default void aNameThatBelongsToAnotherRunIsAvoided() {
    accepted(RunBuilder.named(date(1, "acme").first().key().name()).another().client("x"));
    advanced(step(begin("q3"), Reprocess.Missing, date(1, "acme")), 1);
    assertThat(load(date(1, "acme").again().key()).definition().client()).isEqualTo("acme");

    accepted(RunBuilder.named(date(2, "acme").first().key().name()).another().client("x"));
    accepted(RunBuilder.named(date(2, "acme").again().key().name()).another().client("x"));
    Backfill after = advanced(step(begin("q4"), Reprocess.Missing, date(2, "acme")), 0);
    assertThat(after.skipped()).isEqualTo(1);
  }

  @Test
  default void aStateChangesOnlyFromTheExpectedOne() {
    Backfill begun = advanced(step(begin("q3"), Reprocess.Missing, date(1, "acme")), 1);
    BackfillLedger backfills = ledger().backfills();
    assertThat(backfills.moveBackfill(NIGHTLY, "q3", State.CANCELING, State.CANCELED)).isEmpty();
    assertThat(backfills.moveBackfill(NIGHTLY, "none", State.RUNNING, State.COMPLETED)).isEmpty();
    assertThat(backfills.moveBackfill(NIGHTLY, "q3", State.RUNNING, State.CANCELING))
        .hasValueSatisfying(b -> assertThat(b.active()).isEqualTo(1));
    assertThat(advance(step(begun, Reprocess.Missing, date(2, "acme"))))
        .as("it takes no step any more")
        .isEqualTo(new Answer.Stale());
    assertThat(backfills.loadBackfills(NIGHTLY, List.of())).hasSize(1);
    assertThat(backfills.moveBackfill(NIGHTLY, "q3", State.CANCELING, State.CANCELED)).isPresent();
    assertThat(backfills.loadBackfills(NIGHTLY, List.of())).isEmpty();
    assertThat(backfills.loadBackfills(NIGHTLY, List.of("q3")))
        .extracting(Backfill::state)
        .containsExactly(State.CANCELED);
  }

  @Test
  default void onlyAWaitingRunIsCanceledWithItsBackfill() {
    Run waiting = accepted(RunBuilder.named("waiting").client("a"));
    Run live = accepted(RunBuilder.named("live").client("b"));
    bound(live);
    assertThat(ledger().runs().cancelWaiting(waiting.key(), Reasons.BACKFILL_REMOVED, "removed"))
        .hasValueSatisfying(r -> assertThat(r.state()).isEqualTo(RunState.CANCELED));
    assertThat(ledger().runs().cancelWaiting(live.key(), Reasons.BACKFILL_REMOVED, "removed"))
        .isEmpty();
    assertThat(load(live).cancel()).isFalse();
    assertThat(load(waiting).stateDetails().reason()).isEqualTo("BackfillRemoved");
  }
}
