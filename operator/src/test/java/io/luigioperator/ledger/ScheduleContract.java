/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.LedgerMaintenance.TickAudit;
import io.luigioperator.ledger.LedgerMaintenance.TickCursor;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import io.luigioperator.schedule.SkipReason;
import io.luigioperator.schedule.TickGap;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The ticks of schedules: each business date fires once, and each cron time is decided once. */
interface ScheduleContract extends LedgerFixture {

  ScheduleKey NIGHTLY = new ScheduleKey("team-a", "nightly");
  Instant T0 = Instant.parse("2026-11-01T00:00:00Z");
  String RULES = "{\"zone\":\"Europe/Berlin\"}";

  static Instant day(int n) {
    return T0.plus(Duration.ofDays(n));
  }

  static String date(int n) {
    return "2026-11-%02d".formatted(n);
  }

  static Tick fires(String client, int n) {
    RunBuilder run =
        RunBuilder.named("nightly-%s-%s".formatted(client, date(n))).client(client).date(date(n));
    return new Tick(date(n), day(n), "", Optional.of(run.run()));
  }

  static Tick skipped(int n, SkipReason reason) {
    return new Tick(date(n), day(n), reason.name(), Optional.empty());
  }

  static ClientDecision first(String client) {
    return new ClientDecision(
        client, Optional.empty(), T0, Optional.of(RULES), List.of(), List.of());
  }

  static ClientDecision decision(String client, int from, int until, Tick... ticks) {
    return new ClientDecision(
        client, Optional.of(day(from)), day(until), Optional.of(RULES), List.of(ticks), List.of());
  }

  private List<TickAnswer> decide(ClientDecision... decisions) {
    return ledger().schedules().decide(NIGHTLY, CLUSTER, List.of(decisions));
  }

  private void begin(String... clients) {
    assertThat(ledger().schedules().own(NIGHTLY, CLUSTER)).isEqualTo(CLUSTER);
    for (String client : clients) {
      assertThat(decide(first(client))).containsExactly(new TickAnswer.Decided(0));
    }
  }

  private Set<String> fired(String client) {
    return ledger()
        .schedules()
        .firedDates(NIGHTLY, List.of(client), "")
        .getOrDefault(client, Set.of());
  }

  private Instant decidedUntil(String client) {
    return ledger().schedules().clients(NIGHTLY, Optional.empty(), 100).stream()
        .filter(c -> c.client().equals(client))
        .findFirst()
        .orElseThrow()
        .decidedUntil();
  }

  @Test
  default void aTickThatFiresAcceptsItsRunInTheSameCommit() {
    begin("acme");
    Tick tick = fires("acme", 1);

    assertThat(decide(decision("acme", 0, 1, tick))).containsExactly(new TickAnswer.Decided(1));

    assertThat(load(tick.run().orElseThrow().key()).state()).isEqualTo(RunState.READY);
    assertThat(record(tick.run().orElseThrow().key()).orElseThrow().object()).isEmpty();
    assertThat(fired("acme")).containsExactly(date(1));
    assertThat(decidedUntil("acme")).isEqualTo(day(1));
    assertThat(claim(load(tick.run().orElseThrow().key()))).isPresent();
  }

  @Test
  default void runsOfOneDecisionStartInTheOrderOfTheirDates() {
    begin("acme");
    List<Tick> ticks = IntStream.rangeClosed(1, 10).mapToObj(n -> fires("acme", n)).toList();
    assertThat(decide(decision("acme", 0, 10, ticks.toArray(Tick[]::new))))
        .containsExactly(new TickAnswer.Decided(10));

    List<RunKey> started = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      RunKey head = heads().getFirst();
      started.add(head);
      finish(bound(load(head)), Verdict.SUCCEEDED);
    }
    assertThat(started).isEqualTo(ticks.stream().map(t -> t.run().orElseThrow().key()).toList());
  }

  /** Two deciders at the same moment: the second one finds the client decided. */
  @Test
  default void theSameDecisionIsMadeOnce() {
    begin("acme");
    ClientDecision decision = decision("acme", 0, 1, fires("acme", 1));
    assertThat(decide(decision)).containsExactly(new TickAnswer.Decided(1));

    assertThat(decide(decision)).containsExactly(new TickAnswer.Stale());
    assertThat(decide(first("acme"))).containsExactly(new TickAnswer.Stale());
    assertThat(decide(decision("globex", 0, 1))).containsExactly(new TickAnswer.Stale());
  }

  @Test
  default void aDateThatHasFiredIsNotFiredAgain() {
    begin("acme");
    Tick first = fires("acme", 1);
    assertThat(decide(decision("acme", 0, 1, first))).containsExactly(new TickAnswer.Decided(1));
    RunBuilder other = RunBuilder.named("another-name").client("acme");
    Tick again = new Tick(date(1), day(2), "", Optional.of(other.run()));

    assertThat(decide(decision("acme", 1, 2, again))).containsExactly(new TickAnswer.Decided(0));

    assertThat(record(other.key())).isEmpty();
    assertThat(decidedUntil("acme")).isEqualTo(day(2));
  }

  @Test
  default void oneDecisionFiresADateOnce() {
    begin("acme");
    Tick first = fires("acme", 1);
    RunBuilder other = RunBuilder.named("another-name").client("acme");
    Tick again = new Tick(date(1), day(1).plusSeconds(60), "", Optional.of(other.run()));

    assertThat(decide(decision("acme", 0, 2, first, again)))
        .containsExactly(new TickAnswer.Decided(1));
    assertThat(record(other.key())).isEmpty();
  }

  @Test
  default void aSkippedDateMayFireLater() {
    begin("acme");
    assertThat(decide(decision("acme", 0, 1, skipped(1, SkipReason.DaylightSavingGap))))
        .containsExactly(new TickAnswer.Decided(0));
    assertThat(fired("acme")).isEmpty();

    Tick later = new Tick(date(1), day(2), "", fires("acme", 1).run());
    assertThat(decide(decision("acme", 1, 2, later))).containsExactly(new TickAnswer.Decided(1));
    assertThat(fired("acme")).containsExactly(date(1));
  }

  @Test
  default void firedDatesBeginWithAGivenOne() {
    begin("acme", "globex");
    decide(
        decision("acme", 0, 3, fires("acme", 1), fires("acme", 2), fires("acme", 3)),
        decision("globex", 0, 1, fires("globex", 1)));

    assertThat(ledger().schedules().firedDates(NIGHTLY, List.of("acme", "globex"), date(2)))
        .isEqualTo(Map.of("acme", Set.of(date(2), date(3))));
  }

  /** A manually applied run with the same request is the run of the date. */
  @Test
  default void aRunOfThisNameAndRequestIsTheRunOfTheDate() {
    begin("acme");
    Tick tick = fires("acme", 1);
    accept(new RunBuilder(tick.run().orElseThrow()));

    assertThat(decide(decision("acme", 0, 1, tick))).containsExactly(new TickAnswer.Decided(1));
    assertThat(fired("acme")).containsExactly(date(1));
    assertThat(record(tick.run().orElseThrow().key()).orElseThrow().object()).isPresent();
  }

  @Test
  default void aNameThatAnotherRunHasLeavesTheClientUndecidedAndNoOther() {
    begin("acme", "globex");
    Tick tick = fires("acme", 1);
    RunKey name = tick.run().orElseThrow().key();
    accepted(new RunBuilder(tick.run().orElseThrow()).another());

    assertThat(decide(decision("acme", 0, 1, tick), decision("globex", 0, 1, fires("globex", 1))))
        .containsExactly(new TickAnswer.NameTaken(name), new TickAnswer.Decided(1));
    assertThat(decidedUntil("acme")).isEqualTo(T0);
    assertThat(fired("acme")).isEmpty();
    assertThat(fired("globex")).containsExactly(date(1));
  }

  @Test
  default void manyClientsAreDecidedAtOnce() {
    List<String> clients = IntStream.range(0, 120).mapToObj("c%03d"::formatted).toList();
    begin();
    decide(clients.stream().map(ScheduleContract::first).toArray(ClientDecision[]::new));
    List<TickAnswer> answers =
        decide(
            clients.stream()
                .map(c -> decision(c, 0, 1, fires(c, 1)))
                .toArray(ClientDecision[]::new));

    assertThat(answers).hasSize(120).containsOnly(new TickAnswer.Decided(1));
    List<ScheduledClient> rows = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Optional<String> after =
          rows.isEmpty() ? Optional.empty() : Optional.of(rows.getLast().client());
      rows.addAll(ledger().schedules().clients(NIGHTLY, after, 50));
    }
    assertThat(rows).extracting(ScheduledClient::client).containsExactlyElementsOf(clients);
    assertThat(rows).extracting(ScheduledClient::decidedUntil).containsOnly(day(1));
    assertThat(rows).extracting(ScheduledClient::rules).containsOnly(Optional.of(RULES));
  }

  @Test
  default void aRemovedClientBeginsAgainWhereItIsAddedAndNeverEarlier() {
    begin("acme");
    assertThat(decide(decision("acme", 0, 5))).containsExactly(new TickAnswer.Decided(0));
    ClientDecision removed =
        new ClientDecision(
            "acme", Optional.of(day(5)), day(6), Optional.empty(), List.of(), List.of());
    assertThat(decide(removed)).containsExactly(new TickAnswer.Decided(0));
    assertThat(decide(decision("acme", 6, 7))).containsExactly(new TickAnswer.Stale());

    assertThat(decide(first("acme"))).containsExactly(new TickAnswer.Decided(0));
    assertThat(decidedUntil("acme")).isEqualTo(day(6));
  }

  @Test
  default void onlyTheOwnerDecides() {
    ledger().clusters().register(new ClusterIdentity("one", "uid-1"), true);
    begin("acme");
    assertThat(ledger().schedules().own(NIGHTLY, OTHER_CLUSTER)).isEqualTo(CLUSTER);
    assertThat(ledger().schedules().decide(NIGHTLY, OTHER_CLUSTER, List.of(decision("acme", 0, 1))))
        .containsExactly(new TickAnswer.NotOwner());
    ledger().schedules().disown(NIGHTLY, OTHER_CLUSTER);
    assertThat(ledger().schedules().own(NIGHTLY, CLUSTER)).isEqualTo(CLUSTER);

    ledger().schedules().disown(NIGHTLY, CLUSTER);
    assertThat(decide(decision("acme", 0, 1))).containsExactly(new TickAnswer.NotOwner());
    assertThat(ledger().schedules().own(NIGHTLY, OTHER_CLUSTER)).isEqualTo(OTHER_CLUSTER);
    assertThat(ledger().schedules().own(NIGHTLY, CLUSTER)).isEqualTo(OTHER_CLUSTER);
  }

  @Test
  default void theScheduleOfARetiredClusterIsTakenOver() {
    ledger().clusters().register(new ClusterIdentity("one", "uid-1"), true);
    begin("acme");
    ledger().clusters().retire("uid-1", Duration.ZERO);

    assertThat(ledger().schedules().own(NIGHTLY, OTHER_CLUSTER)).isEqualTo(OTHER_CLUSTER);
    assertThat(decide(decision("acme", 0, 1))).containsExactly(new TickAnswer.NotOwner());
  }

  @Test
  default void theSchedulesOfAClusterAreListedInPages() {
    Set<ScheduleKey> keys =
        Set.of(NIGHTLY, new ScheduleKey("team-a", "hourly"), new ScheduleKey("team-b", "nightly"));
    keys.forEach(key -> ledger().schedules().own(key, CLUSTER));
    ledger().schedules().own(new ScheduleKey("team-c", "nightly"), OTHER_CLUSTER);

    List<ScheduleKey> found = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Optional<ScheduleKey> after =
          found.isEmpty() ? Optional.empty() : Optional.of(found.getLast());
      ledger().schedules().owned(CLUSTER, after, 1).forEach(s -> found.add(s.key()));
    }
    assertThat(found).containsExactlyInAnyOrderElementsOf(keys);
  }

  @Test
  default void aGapOfSkippedCronTimesMovesTheClientForward() {
    begin("acme");
    ClientDecision decision =
        new ClientDecision(
            "acme",
            Optional.of(day(0)),
            day(9),
            Optional.of(RULES),
            List.of(fires("acme", 9)),
            List.of(new TickGap(day(1), day(8), 8, SkipReason.CatchUpLimit)));
    assertThat(decide(decision)).containsExactly(new TickAnswer.Decided(1));
    assertThat(decidedUntil("acme")).isEqualTo(day(9));
    assertThat(fired("acme")).containsExactly(date(9));
  }

  @Test
  default void theTicksOfAllClientsAreAuditedInPages() {
    begin("a", "b", "c");
    decide(decision("a", 0, 2, fires("a", 1), skipped(2, SkipReason.Suspended)));
    ScheduleKey hourly = new ScheduleKey("team-a", "hourly");
    ledger().schedules().own(hourly, CLUSTER);
    ledger().schedules().decide(hourly, CLUSTER, List.of(first("a"), first("b")));

    Set<TickCursor> seen = new HashSet<>();
    Optional<TickCursor> next = Optional.empty();
    for (int i = 0; i < 5; i++) {
      TickAudit audit = ledger().maintenance().auditTicks(next, 1);
      assertThat(audit.broken()).isEmpty();
      next = audit.next();
      next.ifPresent(seen::add);
    }
    assertThat(seen).hasSize(5);
    assertThat(ledger().maintenance().auditTicks(next, 1).next()).isEmpty();
    assertThat(ledger().maintenance().auditTicks(Optional.empty(), 100))
        .isEqualTo(new TickAudit(List.of(), Optional.empty()));
  }
}
