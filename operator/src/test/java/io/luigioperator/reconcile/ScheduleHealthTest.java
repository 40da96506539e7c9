/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.FakeKube;
import io.luigioperator.OperatorFixture;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Ending;
import io.luigioperator.run.HealthSummary;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.Verdict;
import io.luigioperator.sim.LedgerProxy;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When the health of clients is read, and what follows from it. */
class ScheduleHealthTest {

  private static final String HERE = "here/uid-of-here";
  private static final ScheduleKey NIGHTLY = new ScheduleKey("data", "nightly");
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final String TWO = "crons: ['0 2 * * *'], clients: [{id: acme}, {id: globex}]";
  private static final RetryPolicy AT_ONCE = new RetryPolicy(Duration.ZERO, Duration.ZERO);

  private Instant now = NOON;
  private Optional<RuntimeException> readsFail = Optional.empty();

  /** The calls of the ledger, without those for the time. */
  private final List<String> calls = new ArrayList<>();

  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final FakeKube kube = new FakeKube();
  private final Metrics metrics = new Metrics(BuildInfo.current());
  private final List<ScheduleKey> statuses = new ArrayList<>();
  private TickLoop loop = newLeader();
  private long generation;

  private TickLoop newLeader() {
    TickLoop leader =
        new TickLoop(
            LedgerProxy.of(
                ledger,
                (role, method, args) -> {
                  if (!method.getName().equals("now")) {
                    calls.add(method.getName());
                  }
                  if (method.getName().equals("newestRuns") && readsFail.isPresent()) {
                    throw readsFail.get();
                  }
                  return LedgerProxy.invoke(role, method, args);
                }),
            kube,
            HERE,
            false,
            new Signal(),
            OperatorFixture.limits(ledger),
            () -> {},
            run -> {},
            metrics);
    leader.onChange(statuses::add);
    leader.leadershipBegins();
    return leader;
  }

  @BeforeEach
  void register() {
    ledger.clusters().register(new ClusterIdentity("here", "uid-of-here"), true);
    metrics.leads();
  }

  @AfterEach
  void close() {
    metrics.close();
  }

  private void apply(ScheduleKey key, String spec) {
    generation++;
    kube.schedules.put(
        key,
        new ScheduleObject(
            key,
            "uid-" + key.name(),
            now,
            generation,
            new ParsedSpec.Valid<>(
                Serialization.unmarshal(
                    "# YAML\n{pipeline: {image: i, task: {module: m, family: F}}, " + spec + "}",
                    PipelineScheduleSpec.class)),
            Optional.empty()));
    loop.changed(key);
    loop.pass();
  }

  private void becomesLeader() {
    loop = newLeader();
    kube.schedules.keySet().forEach(loop::changed);
    loop.pass();
  }

  /** Lets time pass until then; the loop passes when it wants to. */
  private void until(Instant end) {
    for (Duration pause = loop.pass(); !now.plus(pause).isAfter(end); pause = loop.pass()) {
      now = now.plus(pause);
    }
    now = end;
    loop.pass();
  }

  private void until(String time) {
    until(Instant.parse(time));
  }

  /** As if the run had been executed, without that the loop is told. */
  private Run end(String name, Verdict verdict) {
    Run run = ledger.run(new RunKey("data", name));
    Attempt attempt =
        ledger.attempts().claim(run.admitKey(), run.key(), name, HERE).orElseThrow().attempt();
    ledger.attempts().bind(attempt.ref(), "job-" + name, "pod-" + name).orElseThrow();
    Ending ending = new Ending(verdict, OptionalInt.of(1), "it ended", "");
    return ledger
        .attempts()
        .finish(attempt.ref(), "pod-" + name, ending, AT_ONCE, Presence.PRESENT)
        .orElseThrow()
        .run();
  }

  private Run succeed(String name) {
    return end(name, Verdict.SUCCEEDED);
  }

  private Run fail(String name) {
    return end(name, Verdict.TASK_FAILED_PERMANENT);
  }

  private HealthSummary health(ScheduleKey key) {
    return loop.summary(key).health().orElseThrow();
  }

  /** Client, reason and dates behind of those that are not ok. */
  private List<String> attention() {
    return health(NIGHTLY).attention().stream()
        .map(a -> "%s %s %d".formatted(a.client(), a.reason(), a.datesBehind()))
        .toList();
  }

  private long reads() {
    return calls.stream().filter("newestRuns"::equals).count();
  }

  private String metric(String name) {
    return metrics
        .scrape()
        .lines()
        .filter(line -> line.startsWith("luigi_operator_clients_" + name + " "))
        .findFirst()
        .orElseThrow()
        .replaceAll(".* ", "");
  }

  @Test
  void theEndOfARunShowsWithinSeconds() {
    apply(NIGHTLY, TWO);
    until("2026-03-02T02:01:00Z");
    assertThat(attention()).isEmpty();
    assertThat(health(NIGHTLY).ended()).isZero();

    loop.runEnded(fail("nightly-acme-2026-03-01"));
    loop.runEnded(succeed("nightly-globex-2026-03-01"));
    until(now.plusSeconds(5));

    assertThat(attention()).containsExactly("acme Failing 1");
    assertThat(health(NIGHTLY).ok()).isEqualTo(1);
    assertThat(health(NIGHTLY).attention().getFirst().message())
        .isEqualTo("TaskFailedPermanent: it ended");
  }

  @Test
  void datesBehindGrowWhenDatesFire() {
    apply(NIGHTLY, TWO);
    until("2026-03-02T02:01:00Z");
    loop.runEnded(succeed("nightly-acme-2026-03-01"));
    loop.runEnded(fail("nightly-globex-2026-03-01"));
    until("2026-03-03T02:01:00Z");
    assertThat(attention()).as("acme is one date behind").containsExactly("globex Failing 2");
    until("2026-03-04T02:01:00Z");
    assertThat(attention()).containsExactly("globex Failing 3", "acme Lagging 2");
    until("2026-03-10T02:01:00Z");
    assertThat(attention())
        .as("more dates than are read at first")
        .containsExactly("globex Failing 9", "acme Lagging 8");
  }

  @Test
  void aNewLeaderReadsAllClients() {
    apply(NIGHTLY, TWO);
    until("2026-03-02T02:01:00Z");
    fail("nightly-acme-2026-03-01");
    succeed("nightly-globex-2026-03-01");
    becomesLeader();
    until(now.plusSeconds(5));
    assertThat(attention()).containsExactly("acme Failing 1");
    assertThat(metric("failing")).isEqualTo("1.0");
    assertThat(metric("lagging")).isEqualTo("0.0");
  }

  /** Users run them, and any client that they list may be failing. */
  @Test
  void aScheduleWithoutCronsHasHealth() {
    apply(NIGHTLY, TWO);
    until("2026-03-02T02:01:00Z");
    Run failed = fail("nightly-acme-2026-03-01");
    kube.schedules.clear();
    loop.changed(NIGHTLY);
    until(now.plusSeconds(2)); // then it counts as deleted
    apply(NIGHTLY, "clients: [{id: acme}, {id: initech}]");
    until(now.plusSeconds(5));
    assertThat(attention()).containsExactly("acme Failing 1");
    assertThat(ledger.schedules().owned(HERE, Optional.empty(), 10)).isEmpty();

    apply(NIGHTLY, "clients: [{id: initech}]");
    loop.runEnded(failed);
    until(now.plusSeconds(5));
    assertThat(attention()).as("acme is not listed any more").isEmpty();
    assertThat(metric("failing")).isEqualTo("0.0");
  }

  @Test
  void whileNothingHappensNothingIsRead() {
    for (int i = 0; i < 20; i++) {
      // no two of one client, whose runs would wait for each other
      apply(
          new ScheduleKey("data", "cron" + i),
          "crons: ['0 2 * * *'], clients: [{id: acme%1$d}, {id: globex%1$d}]".formatted(i));
      apply(new ScheduleKey("data", "idle" + i), "clients: [{id: acme}]");
    }
    until("2026-03-02T02:01:00Z");
    for (int i = 0; i < 20; i++) {
      for (String client : List.of("acme", "globex")) {
        loop.runEnded(succeed("cron%1$d-%2$s%1$d-2026-03-01".formatted(i, client)));
      }
    }
    until("2026-03-02T02:10:00Z");
    calls.clear();
    until("2026-03-03T01:59:00Z");
    assertThat(calls).isEmpty();
  }

  /** A run that ends without a reconciliation here, for example in another cluster. */
  @Test
  void anEndThatNobodyReportsShowsWithinAQuarterOfAnHour() {
    apply(NIGHTLY, TWO);
    until("2026-03-02T02:01:00Z");
    fail("nightly-acme-2026-03-01");
    succeed("nightly-globex-2026-03-01");
    until("2026-03-02T02:31:00Z");
    assertThat(attention()).containsExactly("acme Failing 1");
    calls.clear();
    until("2026-03-03T01:59:00Z");
    assertThat(calls).isEmpty();
  }

  @Test
  void theEndOfTheRunOfABackfillThatNobodyReportsShows() {
    apply(NIGHTLY, TWO);
    until(now.plusSeconds(60)); // then the clients are known to have no run
    apply(
        NIGHTLY,
        TWO + ", backfills: [{name: b, start: '2026-02-20', end: '2026-02-20', clients: [acme]}]");
    until(now.plusSeconds(60));
    fail("nightly-acme-2026-02-20");
    until(now.plus(Duration.ofMinutes(31)));
    assertThat(attention()).containsExactly("acme Failing 1");
  }

  @Test
  void endsThatComeTogetherAreReadTogether() {
    apply(
        NIGHTLY,
        "crons: ['0 2 * * *'], clients: [%s]"
            .formatted(
                IntStream.range(0, 50)
                    .mapToObj(i -> "{id: c%d}".formatted(i))
                    .collect(Collectors.joining(", "))));
    until("2026-03-02T02:01:00Z");
    calls.clear();
    for (int i = 0; i < 50; i++) {
      loop.runEnded(succeed("nightly-c%d-2026-03-01".formatted(i)));
      loop.pass();
      now = now.plusMillis(50);
    }
    until(now.plusSeconds(5));
    assertThat(health(NIGHTLY).ended()).isEqualTo(50);
    assertThat(reads()).isLessThanOrEqualTo(2);
  }

  /** A new leader of a large installation has much to read. */
  @Test
  void manyClientsAreReadInPagesAndCronTimesComeFirst() {
    String clients =
        IntStream.range(0, 350)
            .mapToObj(i -> "{id: c%03d}".formatted(i))
            .collect(Collectors.joining(", "));
    apply(NIGHTLY, "crons: ['0 2 * * *'], clients: [" + clients + "]");
    until("2026-03-02T01:59:00Z");
    assertThat(health(NIGHTLY).ok()).isEqualTo(350);

    now = Instant.parse("2026-03-02T02:00:00Z");
    becomesLeader();
    assertThat(loop.summary(NIGHTLY).health()).isEmpty();
    apply(new ScheduleKey("data", "urgent"), "crons: ['1 2 * * *'], clients: [{id: acme}]");
    now = Instant.parse("2026-03-02T02:01:00Z");
    calls.clear();
    Duration pause = loop.pass();
    assertThat(calls).containsExactly("decide", "newestRuns");
    assertThat(ledger.run(new RunKey("data", "urgent-acme-2026-03-01"))).isNotNull();
    assertThat(pause).as("until the rest is read").isLessThanOrEqualTo(Duration.ofSeconds(5));
    until(now.plusSeconds(10));
    assertThat(health(NIGHTLY).ok()).isEqualTo(350);
    assertThat(metric("lagging")).isEqualTo("0.0");
  }

  @Test
  void aReadThatFailsDoesNotDelayCronTimes() {
    apply(NIGHTLY, TWO);
    readsFail = Optional.of(new IllegalStateException("test"));
    until("2026-03-02T02:01:00Z");
    assertThat(ledger.allRuns()).hasSize(2);
    assertThat(reads()).as("once a minute").isLessThanOrEqualTo(3);
    fail("nightly-acme-2026-03-01");
    readsFail = Optional.empty();
    until("2026-03-02T02:02:30Z");
    assertThat(attention()).containsExactly("acme Failing 1");
  }

  @Test
  void whatWasNotReadWhileTheLedgerWasUnavailableIsReadAfterwards() {
    apply(NIGHTLY, TWO);
    until("2026-03-02T02:01:00Z");
    loop.runEnded(fail("nightly-acme-2026-03-01"));
    now = now.plusSeconds(5);
    readsFail = Optional.of(new LedgerUnavailable("test"));
    assertThatThrownBy(loop::pass).isInstanceOf(LedgerUnavailable.class);
    readsFail = Optional.empty();
    loop.pass();
    assertThat(attention()).containsExactly("acme Failing 1");
  }

  @Test
  void theHealthOfAScheduleOfAnotherClusterIsShownThere() {
    ledger.clusters().register(new ClusterIdentity("there", "uid-of-there"), true);
    apply(NIGHTLY, TWO);
    ledger.schedules().disown(NIGHTLY, HERE);
    ledger.schedules().own(NIGHTLY, "there/uid-of-there");
    becomesLeader();
    calls.clear();
    until(now.plusSeconds(20));
    assertThat(reads()).isZero();
    assertThat(loop.summary(NIGHTLY).health()).isEmpty();
    assertThat(loop.summary(NIGHTLY).applied()).isPresent();
  }

  @Test
  void anInvalidClientNeedsAttention() {
    apply(NIGHTLY, "crons: ['0 2 30 2 *'], clients: [{id: acme}]");
    until(now.plusSeconds(70));
    assertThat(attention()).containsExactly("acme Invalid 0");
  }

  /** One write for each minute, however often the health changes. */
  @Test
  void theStatusFollowsAtMostOnceAMinute() {
    apply(NIGHTLY, TWO);
    until("2026-03-02T02:01:30Z");
    statuses.clear();
    loop.runEnded(fail("nightly-acme-2026-03-01"));
    until(now.plusSeconds(10));
    assertThat(statuses).hasSize(1);
    loop.runEnded(fail("nightly-globex-2026-03-01"));
    until(now.plusSeconds(40));
    assertThat(statuses).hasSize(1);
    until(now.plusSeconds(20));
    assertThat(statuses).hasSize(2);
    until("2026-03-03T01:59:00Z");
    assertThat(statuses).hasSize(2);
  }

  @Test
  void aReplicaThatDoesNotLeadHasNoValue() {
    apply(NIGHTLY, TWO);
    until(now.plusSeconds(5));
    assertThat(metric("failing")).isEqualTo("0.0");
    metrics.follows();
    assertThat(metric("failing")).isEqualTo("NaN");
    metrics.leads();
    assertThat(metric("failing")).as("of the earlier leadership").isEqualTo("NaN");
  }
}
