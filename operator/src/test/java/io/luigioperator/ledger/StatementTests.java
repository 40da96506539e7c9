/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static io.luigioperator.ledger.ScheduleContract.decision;
import static io.luigioperator.ledger.ScheduleContract.fires;
import static io.luigioperator.ledger.ScheduleContract.skipped;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Reprocess;
import io.luigioperator.ledger.BackfillLedger.Answer;
import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.DateRuns;
import io.luigioperator.ledger.BackfillLedger.State;
import io.luigioperator.ledger.BackfillLedger.Step;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.ClientKey;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.EndCause.Treatment;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import io.luigioperator.schedule.BackfillCursor.Position;
import io.luigioperator.schedule.SkipReason;
import io.luigioperator.schedule.TickGap;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** How many statements and round trips each call costs, and that data never become SQL text. */
interface StatementTests extends SqlFixture {

  /** What a call cost. The server counts statements, the proxy round trips. */
  record Cost(int statements, int roundTrips) {}

  /** A ledger behind a proxy. */
  final class Watched implements AutoCloseable {
    private final TcpProxy proxy;
    private final MySqlLedger ledger;
    private final Sql sql;

    Watched(SqlFixture fixture) {
      this.proxy = TcpProxy.to(fixture.server());
      this.sql = fixture.sql();
      this.ledger = fixture.open(sql.through(proxy.port()), new SimpleMeterRegistry());
      ledger.queries().now(); // connects
    }

    Cost cost(Runnable call) {
      proxy.takePackets();
      int before = questions();
      call.run();
      int statements = questions() - before - 1; // the question itself
      List<String> packets = proxy.takePackets();
      assertThat(packets.stream().flatMap(p -> SqlText.statements(p).stream()).toList())
          .as("what the server has counted")
          .hasSize(statements);
      return new Cost(statements, packets.size());
    }

    private int questions() {
      return sql.handle()
          .createQuery("SHOW GLOBAL STATUS LIKE 'Questions'")
          .map((rs, ctx) -> rs.getInt("Value"))
          .one();
    }

    @Override
    public void close() {
      ledger.close();
      proxy.close();
    }
  }

  private Cost finishCost(Watched watched, Attempt bound, Verdict verdict) {
    return watched.cost(
        () ->
            watched
                .ledger
                .attempts()
                .finish(bound.ref(), podOf(bound), ending(verdict), AT_ONCE, Presence.PRESENT)
                .orElseThrow());
  }

  @Test
  default void theWayOfARunCostsFewRoundTrips() {
    try (Watched watched = new Watched(this)) {
      Ledger ledger = watched.ledger;
      for (RunBuilder asking :
          List.of(RunBuilder.named("client"), RunBuilder.named("own").withoutMutex())) {
        RunKey key = asking.key();
        assertThat(watched.cost(() -> accept(ledger, asking))).isEqualTo(new Cost(9, 3));
        Run run = load(accepted(key));
        assertThat(
                watched.cost(
                    () ->
                        ledger
                            .attempts()
                            .claim(run.admitKey(), key, token(), CLUSTER)
                            .orElseThrow()))
            .isEqualTo(new Cost(9, 3));
        Attempt claimed = record(run).attempts().getFirst();
        assertThat(
                watched.cost(
                    () ->
                        ledger.attempts().bind(claimed.ref(), "job", podOf(claimed)).orElseThrow()))
            .isEqualTo(new Cost(7, 3));
        Attempt bound = reload(claimed);
        assertThat(watched.cost(() -> ledger.attempts().recordNode(bound, "node-1").orElseThrow()))
            .isEqualTo(new Cost(1, 1));
        assertThat(watched.cost(() -> ledger.queries().load(key, CLUSTER)))
            .isEqualTo(new Cost(1, 1));
        assertThat(finishCost(watched, bound, Verdict.SUCCEEDED)).isEqualTo(new Cost(9, 3));
      }
    }
  }

  private Run accepted(RunKey key) {
    return record(key).orElseThrow().run();
  }

  @Test
  default void aRetryCountsEarlierEndingsOnlyIfTheRuleAsksForThem() {
    try (Watched watched = new Watched(this)) {
      Run run = accepted(RunBuilder.named("r"));
      assertThat(finishCost(watched, bound(run), Verdict.TASK_FAILED)).isEqualTo(new Cost(9, 3));
      ledger().maintenance().due(1);
      assertThat(Verdict.INTERNAL_ERROR.treatment()).isEqualTo(Treatment.RETRY_ONCE);
      assertThat(finishCost(watched, bound(run), Verdict.INTERNAL_ERROR))
          .isEqualTo(new Cost(10, 4));
    }
  }

  @Test
  default void rareCallsCostFewRoundTrips() {
    try (Watched watched = new Watched(this)) {
      Ledger ledger = watched.ledger;
      Run run = accepted(RunBuilder.named("r"));
      Attempt claimed = claimed(run);
      assertThat(
              watched.cost(
                  () ->
                      ledger
                          .attempts()
                          .abandon(claimed.ref(), AbandonContract.REFUSED, AT_ONCE)
                          .orElseThrow()))
          .isEqualTo(new Cost(9, 3));
      assertThat(watched.cost(() -> assertThat(ledger.maintenance().due(10)).hasSize(1)))
          .as("one to find them, four for all of them")
          .isEqualTo(new Cost(10, 5));
      Attempt bound = bound(run);
      assertThat(watched.cost(() -> ledger.attempts().markPodMissing(bound).orElseThrow()))
          .isEqualTo(new Cost(2, 1));
      Attempt missing = reload(bound);
      assertThat(watched.cost(() -> ledger.attempts().clearPodMissing(missing).orElseThrow()))
          .isEqualTo(new Cost(1, 1));
      assertThat(
              watched.cost(
                  () ->
                      ledger.attempts().markForStop(bound, FailureCause.KILLED, "").orElseThrow()))
          .isEqualTo(new Cost(1, 1));
      assertThat(
              watched.cost(
                  () -> ledger.runs().cancel(run.key(), Reasons.CANCELED, "").orElseThrow()))
          .isEqualTo(new Cost(8, 3));
      assertThat(watched.cost(() -> ledger.clusters().register(ONE, true)))
          .isEqualTo(new Cost(4, 3));
    }
  }

  @Test
  default void manyRunsAreAcceptedInThreeRoundTrips() {
    List<AcceptRequest> requests =
        IntStream.range(0, Runs.BATCH)
            .mapToObj(i -> request(RunBuilder.named("r" + i).client("c" + i % 7)))
            .toList();
    try (Watched watched = new Watched(this)) {
      assertThat(watched.cost(() -> watched.ledger.runs().accept(requests)))
          .isEqualTo(new Cost(9, 3));
      assertThat(watched.cost(() -> watched.ledger.runs().accept(requests)))
          .as("they are known")
          .isEqualTo(new Cost(6, 2));
      List<RunKey> keys = requests.stream().map(r -> r.run().key()).toList();
      assertThat(
              watched.cost(
                  () ->
                      assertThat(watched.ledger.queries().load(keys, CLUSTER).runs()).hasSize(50)))
          .isEqualTo(new Cost(1, 1));
    }
  }

  @Test
  default void ticksAreDecidedInFourRoundTripsHoweverManyFire() {
    ScheduleKey schedule = ScheduleContract.NIGHTLY;
    List<String> clients = IntStream.range(0, 50).mapToObj(i -> "c" + i).toList();
    List<ClientDecision> firsts = clients.stream().map(ScheduleContract::first).toList();
    List<ClientDecision> fifty = clients.stream().map(c -> decision(c, 0, 1, fires(c, 1))).toList();
    try (Watched watched = new Watched(this)) {
      ScheduleLedger schedules = watched.ledger.schedules();
      ClientDecision fires = decision("c0", 1, 2, fires("c0", 2));
      ClientDecision skips = decision("c0", 2, 3, skipped(3, SkipReason.Suspended));
      assertThat(
              List.of(
                  watched.cost(() -> schedules.own(schedule, CLUSTER)),
                  watched.cost(() -> schedules.decide(schedule, CLUSTER, firsts)),
                  watched.cost(() -> schedules.decide(schedule, CLUSTER, fifty)),
                  watched.cost(() -> schedules.decide(schedule, CLUSTER, fifty)),
                  watched.cost(() -> schedules.decide(schedule, CLUSTER, List.of(fires))),
                  watched.cost(() -> schedules.decide(schedule, CLUSTER, List.of(skips))),
                  watched.cost(
                      () -> schedules.applied(schedule, CLUSTER, ScheduleDeletionContract.CANCELS)),
                  watched.cost(() -> schedules.deleted(schedule, CLUSTER, "", "")),
                  watched.cost(() -> schedules.deleted(schedule, CLUSTER, "", "")),
                  watched.cost(() -> schedules.own(schedule, CLUSTER)),
                  watched.cost(() -> schedules.disown(schedule, CLUSTER))))
          .containsExactly(
              new Cost(6, 3),
              new Cost(8, 3),
              new Cost(13, 4),
              new Cost(7, 2),
              new Cost(13, 4),
              new Cost(9, 3),
              new Cost(5, 3),
              new Cost(59, 6), // cancels 50 runs
              new Cost(11, 7), // cancels one, and gives the schedule up
              new Cost(6, 3),
              new Cost(5, 3));
      List<ClientKey> keys = clients.stream().map(c -> new ClientKey(schedule, c)).toList();
      for (Runnable read :
          List.<Runnable>of(
              () -> schedules.clients(schedule, Optional.empty(), 100),
              () -> schedules.firedDates(schedule, clients, ""),
              () -> schedules.newestRuns(keys, 4),
              () -> schedules.owned(CLUSTER, Optional.empty(), 100),
              () ->
                  schedules.endedRuns(
                      schedule,
                      "c0",
                      fifty.stream().map(d -> d.runs().getFirst().key()).toList()))) {
        assertThat(watched.cost(read)).isEqualTo(new Cost(1, 1));
      }
    }
  }

  @Test
  default void aStepOfABackfillTakesFourRoundTripsHoweverManyDatesRun() {
    ScheduleKey schedule = BackfillContract.NIGHTLY;
    DateRuns[] fifty =
        IntStream.range(0, 50)
            .mapToObj(i -> BackfillContract.date(1 + i / 10, "c" + i % 10))
            .toArray(DateRuns[]::new);
    ledger().schedules().own(schedule, CLUSTER);
    try (Watched watched = new Watched(this)) {
      BackfillLedger backfills = watched.ledger.backfills();
      assertThat(watched.cost(() -> backfills.beginBackfill(schedule, "q3", "{}")))
          .isEqualTo(new Cost(6, 2));
      Backfill begun = backfills.beginBackfill(schedule, "q3", "{}");
      Step step = BackfillContract.step(begun, Reprocess.Missing, fifty);
      assertThat(watched.cost(() -> backfills.advanceBackfill(schedule, CLUSTER, step)))
          .isEqualTo(new Cost(16, 4));
      Backfill after = backfills.loadBackfills(schedule, List.of()).getFirst();
      assertThat(after.active()).isEqualTo(50);
      assertThat(
              watched.cost(() -> backfills.advanceBackfill(schedule, CLUSTER, Step.count(after))))
          .as("nothing has ended")
          .isEqualTo(new Cost(9, 2));
      assertThat(watched.cost(() -> backfills.loadBackfills(schedule, List.of("q3"))))
          .isEqualTo(new Cost(1, 1));
      assertThat(watched.cost(() -> backfills.openRunsOfBackfill(schedule, "q3")))
          .isEqualTo(new Cost(1, 1));
      assertThat(
              watched.cost(
                  () -> backfills.moveBackfill(schedule, "q3", State.RUNNING, State.COMPLETED)))
          .isEqualTo(new Cost(6, 3));
    }
  }

  @Test
  default void runsOfALimitedScheduleAreReleasedTogether() {
    ScheduleKey nightly = ScheduleContract.NIGHTLY;
    try (Watched watched = new Watched(this)) {
      ScheduleLedger schedules = watched.ledger.schedules();
      assertThat(watched.cost(() -> schedules.limit(nightly, Optional.of(50))))
          .isEqualTo(new Cost(5, 3));
      assertThat(watched.cost(() -> schedules.limit(nightly, Optional.of(50))))
          .as("it is set")
          .isEqualTo(new Cost(1, 1));
      assertThat(watched.cost(() -> schedules.enforceLimit(nightly)))
          .as("none waits")
          .isEqualTo(new Cost(1, 1));
      for (int i = 0; i < 50; i++) {
        accepted(RunBuilder.named("r" + i).client("c" + i));
      }
      assertThat(
              watched.cost(() -> assertThat(schedules.enforceLimit(nightly).changed()).hasSize(50)))
          .as("two to find them, five and one for each of them")
          .isEqualTo(new Cost(2 + 6 + 50 + 1 + 1, 6));
      schedules.limit(nightly, Optional.of(49));
      assertThat(
              watched.cost(() -> assertThat(schedules.enforceLimit(nightly).changed()).hasSize(1)))
          .isEqualTo(new Cost(2 + 6 + 1 + 1 + 1, 6));
      assertThat(watched.cost(() -> schedules.limited(Optional.empty(), 10)))
          .isEqualTo(new Cost(1, 1));
    }
  }

  /** The same calls with other data send the same SQL, apart from the literals. */
  @Test
  default void dataNeverBecomeSqlText() {
    List<String> plain = textsOf("plain");
    sql().empty();
    assertThat(textsOf("x'\"`\\ ; DELETE FROM run; -- /* ? :id <ids> {READY}")).isEqualTo(plain);
    assertThat(plain).hasSizeGreaterThan(60).noneMatch(text -> text.contains("plain"));
  }

  private List<String> textsOf(String data) {
    try (Watched watched = new Watched(this)) {
      Ledger ledger = watched.ledger;
      watched.proxy.takePackets();
      RunBuilder asking = RunBuilder.named(data).client(data);
      RunKey key = asking.key();
      String id = data.replace("/", ""); // a cluster id has none
      ledger.clusters().register(new ClusterIdentity(id, id), true);
      ledger.clusters().retire(id, Duration.ZERO);
      Run run = ((RunLedger.Acceptance.Accepted) accept(ledger, asking)).run();
      ledger
          .runs()
          .accept(
              List.of(
                  request(asking.another()),
                  request(RunBuilder.named(data + "1").client(data + "1")),
                  request(RunBuilder.named(data + "2").withoutMutex())));
      ledger.runs().recordObject(key, object(key));
      ledger.runs().amend(key, CLUSTER, 7, asking.maxAttempts(9).amendment());
      ledger.runs().hold(key, data, data);
      ledger.queries().heldFor(data, Optional.empty(), 10);
      ledger.runs().release(key, data);
      RunKey second = new RunKey(key.namespace(), data + "1");
      ledger.runs().forgetObject(second, object(second));
      ledger.runs().objectRefused(second, data);
      Attempt claimed =
          ledger.attempts().claim(run.admitKey(), key, data, CLUSTER).orElseThrow().attempt();
      Attempt bound = ledger.attempts().bind(claimed.ref(), data, data).orElseThrow().attempt();
      Attempt placed = ledger.attempts().recordNode(bound, data).orElseThrow();
      Attempt missing = ledger.attempts().markPodMissing(placed).orElseThrow();
      Attempt back = ledger.attempts().clearPodMissing(missing).orElseThrow();
      ledger.attempts().markForStop(back, FailureCause.KILLED, data).orElseThrow();
      ledger.queries().load(List.of(key, object(key, data)), data);
      ledger.queries().attemptsByToken(List.of(data, data + "1"));
      ledger.queries().liveAttempts(data);
      ledger.queries().recordedObjects(data, Optional.of(key), 10);
      ledger.queries().openHeads(data, Optional.empty(), 10, Set.of(data));
      ledger
          .attempts()
          .finish(bound.ref(), data, ending(Verdict.INTERNAL_ERROR), AT_ONCE, Presence.PRESENT)
          .orElseThrow();
      ledger.maintenance().due(10);
      ledger.maintenance().expire(10);
      ledger.runs().cancel(key, data, data);
      ledger.maintenance().purge(ledger.queries().now().plusSeconds(60), 10);
      ledger.maintenance().claimsOfSilentClusters(Duration.ZERO, 10);
      ledger.maintenance().auditHeads(Optional.of(run.admitKey()), 10);
      decideWith(ledger.schedules(), data);
      backFill(ledger.backfills(), data);
      delete(ledger.schedules(), data);
      List<String> texts = new ArrayList<>();
      for (String packet : watched.proxy.takePackets()) {
        SqlText.statements(packet).forEach(texts::add);
      }
      assertThat(sql().count("SELECT COUNT(*) FROM run")).isEqualTo(5);
      assertThat(brokenInvariants(metrics())).isZero();
      return texts;
    }
  }

  private void decideWith(ScheduleLedger schedules, String data) {
    ScheduleKey schedule = new ScheduleKey(data, data);
    schedules.own(schedule, data);
    Instant time = ScheduleContract.T0;
    schedules.decide(
        schedule,
        data,
        List.of(
            new ClientDecision(
                data, Optional.empty(), time, Optional.of(data), List.of(), List.of())));
    Tick fires =
        new Tick(
            "2026-11-01",
            time.plusSeconds(1),
            "",
            Optional.of(RunBuilder.named(data + "4").client(data).run()));
    Tick skipped = new Tick("2026-11-02", time.plusSeconds(2), data, Optional.empty());
    TickGap gap = new TickGap(time.plusSeconds(3), time.plusSeconds(4), 2, SkipReason.Suspended);
    assertThat(
            schedules.decide(
                schedule,
                data,
                List.of(
                    new ClientDecision(
                        data,
                        Optional.of(time),
                        time.plusSeconds(5),
                        Optional.of(data),
                        List.of(fires, skipped),
                        List.of(gap)))))
        .containsExactly(new TickAnswer.Decided(1));
    schedules.clients(schedule, Optional.of(data), 10);
    schedules.firedDates(schedule, List.of(data), "2026");
    schedules.newestRuns(List.of(new ClientKey(schedule, data)), 4);
    schedules.owned(data, Optional.of(schedule), 10);
    schedules.limit(schedule, Optional.of(1));
    schedules.limited(Optional.of(schedule), 10);
    assertThat(schedules.enforceLimit(schedule).changed()).isEmpty();
    schedules.limit(schedule, Optional.empty());
    schedules.enforceLimit(schedule);
    schedules.endedRuns(schedule, data, List.of(new RunKey(data, data)));
  }

  /** Of the schedule that {@link #decideWith} has left. */
  private void backFill(BackfillLedger backfills, String data) {
    ScheduleKey schedule = new ScheduleKey(data, data);
    String name = data.substring(0, 3);
    Backfill begun = backfills.beginBackfill(schedule, name, data);
    NewRun first = RunBuilder.named(data + "5").client(data).run();
    NewRun again = RunBuilder.named(data + "6").client(data).run();
    Position position = new Position("2026-11-05", data);
    Step step =
        new Step(
            name,
            begun.position(),
            Optional.of(position),
            Reprocess.All,
            0,
            List.of(new DateRuns(position, first, again)));
    assertThat(backfills.advanceBackfill(schedule, data, step)).isInstanceOf(Answer.Advanced.class);
    backfills.loadBackfills(schedule, List.of(name));
    backfills.openRunsOfBackfill(schedule, name);
    backfills.moveBackfill(schedule, name, State.RUNNING, State.COMPLETED);
  }

  /** The same schedule: the run of a cron time and that of a backfill wait. */
  private void delete(ScheduleLedger schedules, String data) {
    ScheduleKey schedule = new ScheduleKey(data, data);
    schedules.applied(schedule, data, ScheduleDeletionContract.CANCELS);
    assertThat(schedules.deleted(schedule, data, data, data).canceled()).hasSize(2);
    schedules.own(schedule, data);
    schedules.disown(schedule, data);
  }

  private RunKey object(RunKey key, String data) {
    return new RunKey(key.namespace(), data + "2");
  }
}
