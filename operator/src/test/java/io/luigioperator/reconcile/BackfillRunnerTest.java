/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.FakeKube;
import io.luigioperator.OperatorFixture;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.BackfillLedger.State;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Ending;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary;
import io.luigioperator.run.TickSummary.BackfillProgress;
import io.luigioperator.run.Verdict;
import io.luigioperator.sim.LedgerProxy;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Backfills of a schedule, from its spec to the runs and the progress. */
class BackfillRunnerTest {

  private static final String HERE = "here/uid-of-here";
  private static final ScheduleKey NIGHTLY = new ScheduleKey("data", "nightly");
  private static final String TWO = "clients: [{id: acme}, {id: globex}], backfills: [%s]";
  private static final String WEEK = "{name: w, start: '2026-02-02', end: '2026-02-08'%s}";

  private Instant now = Instant.parse("2026-03-01T12:00:00Z");

  /** Its next call fails. */
  private String failing = "";

  private final SimLedger ledger =
      new SimLedger(
          () -> now,
          new Ageing(
              Map.of(
                  Priority.Normal,
                  Duration.ZERO,
                  Priority.Low,
                  Duration.ZERO,
                  Priority.High,
                  Duration.ZERO,
                  Priority.Critical,
                  Duration.ZERO)));
  private final FakeKube kube = new FakeKube();
  private final Metrics metrics = new Metrics(BuildInfo.current());
  private final AtomicInteger accepted = new AtomicInteger();
  private final List<RunKey> canceled = new ArrayList<>();
  private final List<TickSummary> shown = new ArrayList<>();
  private TickLoop loop = newLeader();
  private long generation;
  private int tokens;

  private TickLoop newLeader() {
    Ledger faulty =
        LedgerProxy.of(
            ledger,
            (role, method, args) -> {
              if (method.getName().equals(failing)) {
                failing = "";
                throw new LedgerUnavailable("test", new IllegalStateException());
              }
              return LedgerProxy.invoke(role, method, args);
            });
    TickLoop leader =
        new TickLoop(
            faulty,
            kube,
            HERE,
            false,
            new Signal(),
            OperatorFixture.limits(faulty),
            accepted::incrementAndGet,
            canceled::add,
            metrics);
    leader.onChange(schedule -> shown.add(leader.summary(schedule)));
    leader.leadershipBegins();
    return leader;
  }

  @BeforeEach
  void register() {
    ledger.clusters().register(new ClusterIdentity("here", "uid-of-here"), true);
  }

  @AfterEach
  void close() {
    metrics.close();
  }

  private void apply(String spec) {
    generation++;
    kube.schedules.put(
        NIGHTLY,
        new ScheduleObject(
            NIGHTLY,
            "uid-nightly",
            now,
            generation,
            new ParsedSpec.Valid<>(
                Serialization.unmarshal(
                    "# YAML\n{pipeline: {image: i, task: {module: m, family: F}, mutex: {scope: None}, allow: {parameters: [p]}}, "
                        + spec
                        + "}",
                    PipelineScheduleSpec.class)),
            Optional.empty()));
    loop.changed(NIGHTLY);
    settle();
  }

  /** Passes until the loop waits for something else than its own work. */
  private void settle() {
    for (int i = 0; i < 1_000; i++) {
      try {
        if (loop.pass().compareTo(Duration.ofSeconds(1)) > 0) {
          return;
        }
      } catch (LedgerUnavailable e) {
        // the next pass tries again
      }
      now = now.plusSeconds(1);
    }
    throw new AssertionError("the loop does not come to rest");
  }

  private void becomesLeader() {
    loop = newLeader();
    kube.schedules.keySet().forEach(loop::changed);
    settle();
  }

  private List<String> runs() {
    TreeSet<String> names = new TreeSet<>();
    ledger.allRuns().forEach(run -> names.add(run.key().name().replace("nightly-", "")));
    return List.copyOf(names);
  }

  private Run run(String name) {
    return ledger.run(new RunKey("data", "nightly-" + name));
  }

  private List<Run> waiting() {
    return StreamSupport.stream(ledger.allRuns().spliterator(), false)
        .filter(run -> run.state() == RunState.READY)
        .toList();
  }

  private void end(String name, Verdict verdict) {
    Run run = run(name);
    var claimed =
        ledger
            .attempts()
            .claim(run.admitKey(), run.key(), "token-" + ++tokens, HERE)
            .orElseThrow()
            .attempt();
    ledger.attempts().bind(claimed.ref(), "job", "pod-" + tokens).orElseThrow();
    loop.runEnded(
        ledger
            .attempts()
            .finish(
                claimed.ref(),
                "pod-" + tokens,
                new Ending(verdict, OptionalInt.of(0), "", ""),
                new RetryPolicy(Duration.ZERO, Duration.ZERO),
                Presence.PRESENT)
            .orElseThrow()
            .run());
    settle();
  }

  /** Ends all runs that wait, until none is left. */
  private void runAll() {
    for (List<Run> open = waiting(); !open.isEmpty(); open = waiting()) {
      end(open.getFirst().key().name().replace("nightly-", ""), Verdict.SUCCEEDED);
    }
  }

  private BackfillProgress progress() {
    return loop.summary(NIGHTLY).backfills().getFirst();
  }

  private State state(String name) {
    return ledger.backfills().loadBackfills(NIGHTLY, List.of(name)).getFirst().state();
  }

  @Test
  void runsItsDatesInTheirOrderWithFewAtATime() {
    apply(TWO.formatted(WEEK.formatted(", maxConcurrentRuns: 3")));
    assertThat(runs()).containsExactly("acme-2026-02-02", "acme-2026-02-03", "globex-2026-02-02");
    assertThat(run("acme-2026-02-02").priority()).isEqualTo(Priority.Low);
    assertThat(progress())
        .isEqualTo(new BackfillProgress("w", "Running", 3, 14, 3, 0, 0, 0, Optional.empty()));

    end("globex-2026-02-02", Verdict.SUCCEEDED);
    assertThat(runs()).hasSize(4).contains("globex-2026-02-03");
    end("acme-2026-02-02", Verdict.INVALID_SPEC);
    assertThat(progress())
        .isEqualTo(new BackfillProgress("w", "Running", 5, 14, 3, 1, 1, 0, Optional.empty()));
    runAll();
    assertThat(runs()).hasSize(14).contains("acme-2026-02-08", "globex-2026-02-08");
    assertThat(progress())
        .isEqualTo(new BackfillProgress("w", "Completed", 14, 14, 0, 13, 1, 0, Optional.empty()));
    assertThat(state("w")).isEqualTo(State.COMPLETED);
    assertThat(kube.warnings).singleElement().asString().contains("BackfillFailed", "1 of its 14");
    assertThat(accepted.get()).isPositive();
  }

  @Test
  void runsTheNewestDatesFirst() {
    apply(TWO.formatted(WEEK.formatted(", order: NewestFirst, clients: [globex]")));
    assertThat(runs())
        .containsExactly(
            "globex-2026-02-05", "globex-2026-02-06", "globex-2026-02-07", "globex-2026-02-08");
  }

  /** However long it is, only what runs or waits has a row. */
  @Test
  void aMillionDatesCostOneRow() {
    apply(
        "businessDate: {unit: Minute}, clients: [{id: acme}], backfills: [{name: m,"
            + " start: '2024-01-01T0000', end: '2025-12-31T2359'}]");
    assertThat(runs()).hasSize(4);
    assertThat(progress().total()).isEqualTo(731L * 1440);
    becomesLeader();
    assertThat(runs()).hasSize(4);
  }

  @Test
  void skipsWhatNoCronNamesAndWhatHasNotBegun() {
    now = Instant.parse("2026-02-07T12:00:00Z");
    apply(
        "crons: ['0 2 * * 1-5'], businessDate: {offset: 0}, "
            + TWO.formatted(WEEK.formatted(", maxConcurrentRuns: 100")));
    assertThat(runs()).hasSize(10).doesNotContain("acme-2026-02-07", "acme-2026-02-08");
    assertThat(progress().skipped()).isEqualTo(4);
    assertThat(progress().processed()).isEqualTo(14);
  }

  @Test
  void aDateThatACronHasRunIsNotRunAgain() {
    apply("crons: ['0 2 * * *'], " + TWO.formatted(""));
    now = Instant.parse("2026-03-02T02:00:00Z");
    settle();
    assertThat(runs()).hasSize(2);
    apply(
        "crons: ['0 2 * * *'], "
            + TWO.formatted("{name: w, start: '2026-02-28', end: '2026-03-01'}"));
    assertThat(runs())
        .containsExactly(
            "acme-2026-02-28", "acme-2026-03-01", "globex-2026-02-28", "globex-2026-03-01");
    assertThat(progress().skipped()).isEqualTo(2);
  }

  @Test
  void repeatsDatesUnderItsOwnName() {
    apply(TWO.formatted(WEEK.formatted(", clients: [acme]")));
    runAll();
    apply(
        TWO.formatted(
            WEEK.formatted(", clients: [acme]")
                + ", {name: again, start: '2026-02-03', end: '2026-02-03', reprocess: All}"));
    assertThat(runs())
        .contains("acme-2026-02-03-again", "globex-2026-02-03")
        .doesNotContain("globex-2026-02-03-again");
  }

  @Test
  void aSuspendedBackfillCreatesNoRuns() {
    apply(TWO.formatted(WEEK.formatted(", suspend: true")));
    assertThat(runs()).isEmpty();
    assertThat(progress().state()).isEqualTo("Suspended");
    apply(TWO.formatted(WEEK.formatted("")));
    assertThat(runs()).hasSize(4);
    apply(TWO.formatted(WEEK.formatted(", suspend: true")));
    end("acme-2026-02-02", Verdict.SUCCEEDED);
    assertThat(runs()).hasSize(4);
    assertThat(progress().succeeded()).isEqualTo(1);
    apply(TWO.formatted(WEEK.formatted("")));
    assertThat(runs()).hasSize(5);
  }

  /** Its name belongs to the object of a user, which may be refused and never enter the ledger. */
  @Test
  void aDateWhoseObjectIsOfAnotherRunGetsTheOtherName() {
    RunKey taken = new RunKey("data", "nightly-acme-2026-02-03");
    kube.cachedRuns.put(
        taken,
        new RunObject(
            taken,
            "uid-1",
            1,
            now,
            false,
            false,
            new ParsedSpec.Unreadable<>("x"),
            Optional.empty()));
    apply(TWO.formatted(WEEK.formatted(", clients: [acme]")));
    assertThat(runs())
        .containsExactly(
            "acme-2026-02-02", "acme-2026-02-03-w", "acme-2026-02-04", "acme-2026-02-05");
  }

  /** Otherwise a status shows progress once a minute. */
  @Test
  void itsBeginAndItsEndShowAtOnce() {
    Instant begin = now;
    apply(TWO.formatted(WEEK.formatted("")));
    assertThat(shown.getLast().backfills().getFirst().state()).isEqualTo("Running");
    assertThat(shown.getLast().backfills().getFirst().active()).isEqualTo(4);
    runAll();
    assertThat(shown.getLast().backfills().getFirst().state()).isEqualTo("Completed");
    assertThat(now).isBefore(begin.plusSeconds(60));
  }

  @Test
  void removingItCancelsWhatWaits() {
    apply(TWO.formatted(WEEK.formatted("")));
    Run live = run("acme-2026-02-02");
    assertThat(ledger.attempts().claim(live.admitKey(), live.key(), "live", HERE)).isPresent();
    apply(TWO.formatted(""));
    assertThat(run("acme-2026-02-02").state()).isEqualTo(RunState.ACTIVE);
    assertThat(run("acme-2026-02-03").state()).isEqualTo(RunState.CANCELED);
    assertThat(run("globex-2026-02-02").stateDetails().reason()).isEqualTo("BackfillRemoved");
    assertThat(canceled)
        .extracting(RunKey::name)
        .containsExactlyInAnyOrder(
            "nightly-acme-2026-02-03", "nightly-globex-2026-02-02", "nightly-globex-2026-02-03");
    assertThat(state("w")).isEqualTo(State.CANCELED);
    assertThat(loop.summary(NIGHTLY).backfills()).isEmpty();

    apply(TWO.formatted(WEEK.formatted("")));
    assertThat(progress().state()).isEqualTo("Invalid");
    assertThat(progress().message().orElseThrow()).contains("choose another name");
    assertThat(runs()).hasSize(4);
  }

  @ParameterizedTest
  @CsvSource({"moveBackfill", "openRunsOfBackfill", "cancelWaiting"})
  void aRemovalThatWasInterruptedGoesOn(String call) {
    apply(TWO.formatted(WEEK.formatted("")));
    failing = call;
    apply(TWO.formatted(""));
    becomesLeader();
    assertThat(waiting()).isEmpty();
    assertThat(state("w")).isEqualTo(State.CANCELED);
  }

  @Test
  void aNameIsUsedOnce() {
    apply(TWO.formatted("{name: w, start: '2026-02-02', end: '2026-02-02'}"));
    runAll();
    assertThat(state("w")).isEqualTo(State.COMPLETED);
    becomesLeader();
    assertThat(progress().state()).isEqualTo("Completed");
    apply(TWO.formatted(WEEK.formatted("")));
    assertThat(progress().state()).isEqualTo("Invalid");
    assertThat(runs()).hasSize(2);
  }

  @Test
  void aRangeThatDoesNotFitTheUnitIsNamed() {
    apply("businessDate: {unit: Month}, " + TWO.formatted(WEEK.formatted("")));
    assertThat(progress().state()).isEqualTo("Invalid");
    assertThat(progress().message().orElseThrow())
        .contains("start \"2026-02-02\" is not a business date of unit Month, such as 2026-11");
    assertThat(runs()).isEmpty();
  }

  /** The others go on; the name of the backfill is not used up by an error that concerns all. */
  @Test
  void theDatesOfAnInvalidClientAreSkippedUnlessAllAreInvalid() {
    String clients = "clients: [{id: acme%s}, {id: globex%s}], backfills: [%s]";
    String bad = ", parameters: [{name: q, value: v}]";
    apply(clients.formatted(bad, bad, WEEK.formatted("")));
    assertThat(progress().state()).isEqualTo("Invalid");
    assertThat(progress().message().orElseThrow()).contains("parameter q");
    assertThat(progress().processed()).isZero();

    apply(clients.formatted(bad, "", WEEK.formatted("")));
    assertThat(runs()).hasSize(4).allMatch(name -> name.startsWith("globex"));
    assertThat(progress().state()).isEqualTo("Running");
    assertThat(progress().message().orElseThrow()).contains("client acme", "parameter q");
  }

  @Test
  void aClientThatTheScheduleDoesNotListIsSkipped() {
    apply(TWO.formatted(WEEK.formatted(", clients: [acme, nobody]")));
    assertThat(runs()).hasSize(4).allMatch(name -> name.startsWith("acme"));
    assertThat(progress().message().orElseThrow()).contains("nobody");
  }

  @ParameterizedTest
  @CsvSource({"beginBackfill", "advanceBackfill", "loadBackfills", "now"})
  void goesOnAfterAFailure(String call) {
    failing = call;
    apply(TWO.formatted(WEEK.formatted("")));
    failing = call;
    runAll();
    assertThat(runs()).hasSize(14);
    assertThat(state("w")).isEqualTo(State.COMPLETED);
  }

  @Test
  void twoLeadersDoNotExceedTheLimit() {
    apply(TWO.formatted(WEEK.formatted("")));
    TickLoop old = loop;
    becomesLeader();
    end("acme-2026-02-02", Verdict.SUCCEEDED);
    assertThat(waiting()).hasSize(4);
    TickLoop current = loop;
    loop = old;
    end("globex-2026-02-02", Verdict.SUCCEEDED);
    assertThat(waiting()).hasSize(4);
    loop = current;
    settle();
    assertThat(waiting()).hasSize(4);
    runAll();
    assertThat(runs()).hasSize(14);
  }

  @Test
  void aScheduleThatComesBackGoesOnWithItsBackfill() {
    apply(TWO.formatted(WEEK.formatted("")));
    kube.schedules.clear();
    loop.changed(NIGHTLY);
    settle();
    end("acme-2026-02-02", Verdict.SUCCEEDED);
    assertThat(runs()).hasSize(4);
    apply(TWO.formatted(WEEK.formatted("")));
    assertThat(runs()).hasSize(5);
  }

  /** 1,000 dates are examined at once, then cron times have their turn. */
  @Test
  void aLongRangeWithoutADateThatRunsDoesNotKeepTheLoopBusy() {
    apply(
        "crons: ['0 0 29 2 *'], clients: [{id: acme}], "
            + "backfills: [{name: w, start: '2020-03-01', end: '2024-02-28'}]");
    assertThat(runs()).containsExactly("acme-2024-02-28");
    assertThat(progress().skipped()).isEqualTo(1459);
  }
}
