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
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.LimitedSchedule;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.sim.LedgerProxy;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Cron times that come, that were missed, and schedules that change meanwhile. */
class TickLoopTest {

  private static final String HERE = "here/uid-of-here";
  private static final ScheduleKey NIGHTLY = new ScheduleKey("data", "nightly");
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final String TWO =
      "crons: ['0 2 * * *'], clients: [{id: acme}, {id: globex, timeZone: America/New_York}]";

  private Instant now = NOON;
  private boolean ledgerFails;
  private boolean decisionsFail;
  private int decisions;

  private Runnable beforeDecision = () -> {};

  /** Happens after the time has been read next. */
  private Runnable afterNow = () -> {};

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
  private final List<ScheduleKey> statuses = new ArrayList<>();
  private ScheduleLimits limits = OperatorFixture.limits(ledger);
  private TickLoop loop = newLeader();
  private long generation;

  private TickLoop newLeader() {
    Ledger faulty =
        LedgerProxy.of(
            ledger,
            (role, method, args) -> {
              if (ledgerFails || decisionsFail && method.getName().equals("decide")) {
                throw new LedgerUnavailable("test", new IllegalStateException());
              }
              if (method.getName().equals("decide")) {
                beforeDecision.run();
              }
              decisions += method.getName().equals("decide") ? 1 : 0;
              Object answer = LedgerProxy.invoke(role, method, args);
              if (method.getName().equals("now")) {
                Runnable then = afterNow;
                afterNow = () -> {};
                then.run();
              }
              return answer;
            });
    limits = OperatorFixture.limits(faulty);
    TickLoop leader =
        new TickLoop(
            faulty,
            kube,
            HERE,
            false,
            new Signal(),
            limits,
            accepted::incrementAndGet,
            run -> {},
            metrics);
    leader.onChange(statuses::add);
    leader.leadershipBegins();
    return leader;
  }

  @BeforeEach
  void register() {
    ledger.clusters().register(identity(HERE), true);
  }

  private static ClusterIdentity identity(String value) {
    return new ClusterIdentity(ClusterIdentity.clusterIdOf(value), ClusterIdentity.uidOf(value));
  }

  @AfterEach
  void close() {
    metrics.close();
  }

  /** Creates or changes the schedule, and the loop observes it. */
  private void apply(String spec) {
    applyUnobserved(spec, now);
    loop.changed(NIGHTLY);
    loop.pass();
  }

  private void applyUnobserved(String spec, Instant createdAt) {
    generation++;
    kube.schedules.put(
        NIGHTLY,
        new ScheduleObject(
            NIGHTLY,
            "uid-nightly",
            kube.schedules.containsKey(NIGHTLY)
                ? kube.schedules.get(NIGHTLY).createdAt()
                : createdAt,
            generation,
            new ParsedSpec.Valid<>(
                Serialization.unmarshal(
                    "# YAML\n{pipeline: {image: i, task: {module: m, family: F}}, " + spec + "}",
                    PipelineScheduleSpec.class)),
            Optional.empty()));
  }

  private void delete() {
    kube.schedules.remove(NIGHTLY);
    loop.changed(NIGHTLY);
    loop.pass();
    concludeDeletions(loop);
  }

  private void concludeDeletions(TickLoop leader) {
    now = now.plusSeconds(2);
    leader.pass();
  }

  private void becomesLeader() {
    loop = newLeader();
    kube.schedules.keySet().forEach(loop::changed);
    loop.pass();
  }

  /** Lets time pass until then; the loop passes when it wants to. */
  private void until(String time) {
    Instant end = Instant.parse(time);
    for (Duration pause = loop.pass(); !now.plus(pause).isAfter(end); pause = loop.pass()) {
      now = now.plus(pause);
    }
    now = end;
    loop.pass();
  }

  private List<String> runs() {
    TreeSet<String> names = new TreeSet<>();
    ledger.allRuns().forEach(run -> names.add(run.key().name()));
    return List.copyOf(names);
  }

  private Run run(String name) {
    return ledger.run(new RunKey("data", name));
  }

  @Test
  void eachClientFiresAtItsOwnLocalTime() {
    apply(TWO);
    until("2026-03-02T01:59:59Z");
    assertThat(runs()).isEmpty();
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
    until("2026-03-02T06:59:59Z");
    assertThat(runs()).hasSize(1);
    until("2026-03-02T07:00:00Z");
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01", "nightly-globex-2026-03-01");
    assertThat(run("nightly-globex-2026-03-01").definition().businessDate())
        .isEqualTo("2026-03-01");
    assertThat(accepted).hasValue(2);
  }

  @Test
  void clientsOfManySchedulesThatAreDueTogetherAreDecidedBySchedule() {
    List<String> clients = IntStream.range(0, 30).mapToObj(i -> "{id: c" + i + "}").toList();
    applyUnobserved("crons: ['0 2 * * *'], clients: [" + String.join(", ", clients) + "]", now);
    ScheduleObject one = kube.schedules.remove(NIGHTLY);
    for (int i = 0; i < 10; i++) {
      ScheduleKey key = new ScheduleKey("data", "s" + i);
      kube.schedules.put(
          key, new ScheduleObject(key, "uid-" + i, now, 1, one.parsedSpec(), Optional.empty()));
      loop.changed(key);
    }
    loop.pass();
    decisions = 0;
    now = Instant.parse("2026-03-02T02:00:00Z");
    loop.pass();
    assertThat(runs()).hasSize(300);
    assertThat(decisions).isEqualTo(10);
  }

  @Test
  void theDelayOfADecisionIncludesTheTimeThatItTakes() {
    apply("crons: ['5 12 * * *'], clients: [{id: acme}]");
    now = NOON.plus(Duration.ofMinutes(5));
    beforeDecision =
        () -> {
          long end = System.nanoTime() + Duration.ofMillis(50).toNanos();
          while (System.nanoTime() < end) {
            Thread.onSpinWait();
          }
        };
    loop.pass();
    assertThat(
            metrics.registry().get("luigi.operator.ticks.delay").timer().max(TimeUnit.MILLISECONDS))
        .isGreaterThanOrEqualTo(50);
  }

  @Test
  void theLoopWaitsForTheNextCronTime() {
    apply("crons: ['5 12 * * *'], clients: [{id: acme}]");
    assertThat(loop.pass()).isEqualTo(Duration.ofMinutes(5));
    now = NOON.plusSeconds(299);
    assertThat(loop.pass()).isEqualTo(Duration.ofSeconds(1));
  }

  private Optional<Integer> maxRuns() {
    return ledger.schedules().enforceLimit(NIGHTLY).before().flatMap(LimitedSchedule::maxRuns);
  }

  @Test
  void theLimitOfAScheduleIsAppliedAlsoWithoutCrons() {
    apply("maxConcurrentRuns: 3, clients: [{id: acme}]");
    assertThat(maxRuns()).contains(3);
    apply("maxConcurrentRuns: 2, clients: [{id: acme}]");
    assertThat(maxRuns()).contains(2);
    delete();
    assertThat(maxRuns()).as("the runs that remain keep to it").contains(2);
    apply("clients: [{id: acme}]");
    assertThat(maxRuns()).isEmpty();
  }

  @Test
  void theLimitOfAScheduleThatAnotherClusterOwnsIsAppliedToo() {
    ledger.schedules().own(NIGHTLY, "there/uid-of-there");
    apply("crons: ['0 2 * * *'], maxConcurrentRuns: 3, clients: [{id: acme}]");
    assertThat(maxRuns()).contains(3);
  }

  @Test
  void aLimitThatWasRemovedWhileNoOperatorRanIsRemoved() {
    apply("maxConcurrentRuns: 3, clients: [{id: acme}]");
    applyUnobserved("clients: [{id: acme}]", NOON);
    becomesLeader();
    assertThat(maxRuns()).isEmpty();
  }

  /** Their PipelineRuns are created when they start, so nothing else notices them. */
  @Test
  void runsOfTicksBeyondTheLimitAreReleased() {
    apply("crons: ['0 2 * * *'], maxConcurrentRuns: 1, clients: [{id: acme}, {id: globex}]");
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).hasSize(2);
    assertThat(ready()).isZero();
    limits.pass();
    assertThat(ready()).isEqualTo(1);
  }

  private long ready() {
    return runs().stream().filter(name -> run(name).state() == RunState.READY).count();
  }

  @Test
  void anotherLeaderContinuesWhereTheFirstOneStopped() {
    apply(TWO);
    until("2026-03-02T02:00:00Z");
    becomesLeader();
    until("2026-03-02T08:00:00Z");
    assertThat(runs()).hasSize(2);
    now = Instant.parse("2026-03-03T02:01:00Z"); // no operator ran for hours
    becomesLeader();
    assertThat(runs()).hasSize(3).contains("nightly-acme-2026-03-02");
  }

  /** The old leader does not know yet that another one has decided. */
  @Test
  void twoLeadersDecideEachCronTimeOnce() {
    apply(TWO);
    TickLoop old = loop;
    now = Instant.parse("2026-03-02T02:00:00Z");
    becomesLeader();
    old.pass();
    old.pass();
    loop.pass();
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
    now = Instant.parse("2026-03-02T07:00:00Z");
    old.pass();
    old.pass();
    becomesLeader();
    assertThat(runs()).hasSize(2);
  }

  @Test
  void aPassThatFailsIsRepeated() {
    apply(TWO);
    now = Instant.parse("2026-03-02T02:00:00Z");
    ledgerFails = true;
    assertThatThrownBy(loop::pass).isInstanceOf(LedgerUnavailable.class);
    loop.changed(NIGHTLY);
    assertThatThrownBy(loop::pass).isInstanceOf(LedgerUnavailable.class);
    ledgerFails = false;
    loop.pass();
    assertThat(runs()).hasSize(1);
  }

  @Test
  void missedCronTimesAreCaughtUp() {
    apply("crons: ['0 2 * * *'], catchUp: {policy: All}, clients: [{id: acme}]");
    now = Instant.parse("2026-03-12T12:00:00Z");
    becomesLeader();
    assertThat(runs()).hasSize(7).contains("nightly-acme-2026-03-05", "nightly-acme-2026-03-11");
    assertThat(run("nightly-acme-2026-03-11").priority()).isEqualTo(Priority.Low);
    assertThat(kube.warnings).singleElement().asString().contains("CatchUpTruncated", "acme");
  }

  @Test
  void aChangeAppliesFromThenOnAlsoIfNoOperatorRan() {
    apply("crons: ['0 2 * * *'], catchUp: {policy: All}, clients: [{id: acme}]");
    now = Instant.parse("2026-03-04T12:00:00Z"); // no operator runs, and the cron is changed
    applyUnobserved("crons: ['0 14 * * *'], catchUp: {policy: All}, clients: [{id: acme}]", NOON);
    becomesLeader();
    assertThat(runs())
        .containsExactly(
            "nightly-acme-2026-03-01", "nightly-acme-2026-03-02", "nightly-acme-2026-03-03");
    until("2026-03-04T14:00:00Z");
    assertThat(runs()).as("this date has fired at 2 o'clock").hasSize(3);
    until("2026-03-05T14:00:00Z");
    assertThat(runs()).hasSize(4);
  }

  @Test
  void aScheduleThatWasCreatedWhileNoOperatorRanBeginsThen() {
    applyUnobserved(
        "crons: ['0 2 * * *'], clients: [{id: acme}]", Instant.parse("2026-02-28T12:00:00Z"));
    becomesLeader();
    assertThat(runs()).containsExactly("nightly-acme-2026-02-28");
  }

  /** The first rows could not be written: they must not begin later because of that. */
  @Test
  void aFailureOfTheFirstDecisionDoesNotMoveTheBeginOfASchedule() {
    applyUnobserved(
        "crons: ['0 2 * * *'], clients: [{id: acme}]", Instant.parse("2026-02-28T12:00:00Z"));
    decisionsFail = true;
    loop.changed(NIGHTLY);
    assertThatThrownBy(loop::pass).isInstanceOf(LedgerUnavailable.class);
    decisionsFail = false;
    loop.pass();
    assertThat(runs()).containsExactly("nightly-acme-2026-02-28");
  }

  @Test
  void aScheduleThatComesBackFiresNoDateAgainAndCatchesUp() {
    apply(TWO);
    until("2026-03-02T02:00:00Z");
    delete();
    assertThat(ledger.schedules().owned(HERE, Optional.empty(), 10)).isEmpty();
    until("2026-03-02T12:00:00Z");
    assertThat(runs()).hasSize(1);
    apply(TWO);
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01", "nightly-globex-2026-03-01");
  }

  @Test
  void aScheduleThatWasDeletedWhileNoOperatorRanIsGivenUp() {
    apply(TWO);
    kube.schedules.clear();
    becomesLeader();
    concludeDeletions(loop);
    assertThat(ledger.schedules().owned(HERE, Optional.empty(), 10)).isEmpty();
  }

  @Test
  void suspendedTimeIsSkipped() {
    apply("crons: ['0 2 * * *'], suspend: true, clients: [{id: acme}]");
    assertThat(loop.summary(NIGHTLY).suspended()).isEqualTo(1);
    until("2026-03-05T12:00:00Z");
    assertThat(runs()).isEmpty();
    apply("crons: ['0 2 * * *'], clients: [{id: acme}]");
    assertThat(runs()).isEmpty();
    until("2026-03-06T02:00:00Z");
    assertThat(runs()).containsExactly("nightly-acme-2026-03-05");
  }

  @Test
  void aClientWhoseCronIsInvalidWaitsAndTheOthersGoOn() {
    String spec =
        "crons: ['0 2 * * *'], catchUp: {policy: All}, clients: [{id: acme, crons: ['%s']}, {id: globex}]";
    apply(spec.formatted("0 2 * * *"));
    apply(spec.formatted("0 2 30 2 *"));
    assertThat(loop.summary(NIGHTLY).invalid()).isEqualTo(1);
    assertThat(loop.summary(NIGHTLY).problem().orElseThrow().reason()).isEqualTo("CronInvalid");
    assertThat(loop.summary(NIGHTLY).problem().orElseThrow().message()).contains("acme");
    until("2026-03-02T12:00:00Z");
    assertThat(runs()).containsExactly("nightly-globex-2026-03-01");

    apply(spec.formatted("0 3 * * *"));
    assertThat(loop.summary(NIGHTLY).problem()).isEmpty();
    assertThat(runs()).as("the cron before the error").contains("nightly-acme-2026-03-01");
  }

  @Test
  void aClientWhoseRunCannotBeResolvedIsCaughtUpAfterTheCorrection() {
    String spec =
        "crons: ['0 2 * * *'], clients: [{id: acme, parameters: [{name: %s, value: x}]}, {id: globex}]";
    apply(spec.formatted("forbidden"));
    until("2026-03-02T12:00:00Z");
    assertThat(runs()).containsExactly("nightly-globex-2026-03-01");
    assertThat(loop.summary(NIGHTLY).problem().orElseThrow().reason()).isEqualTo("ClientInvalid");
    assertThat(kube.warnings).singleElement().asString().contains("ClientInvalid", "forbidden");
    apply("crons: ['0 2 * * *'], clients: [{id: acme}, {id: globex}]");
    assertThat(runs()).hasSize(2);
  }

  /** As after an update of the tz database that removed the zone, or a rollback of the operator. */
  @Test
  void rulesThatCannotBeReadAreReplacedByThePresentOnes() {
    apply("crons: ['0 2 * * *'], clients: [{id: acme}]");
    ledger
        .schedules()
        .decide(
            NIGHTLY,
            HERE,
            List.of(
                new ClientDecision(
                    "acme",
                    Optional.of(NOON),
                    NOON.plusSeconds(1),
                    Optional.of("{\"zone\":\"Mars/Olympus\"}"),
                    List.of(),
                    List.of())));
    now = Instant.parse("2026-03-02T02:00:00Z");
    becomesLeader();
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
  }

  /**
   * The tz database gave Berlin the offset 0 when 01:30 UTC was decided, so 2 o'clock had not come.
   * The present one gives it one hour, so 2 o'clock was at 01:00 UTC.
   */
  @Test
  void aZoneThatANewTzDatabaseMovesAheadLosesNoCronTime() {
    apply("crons: ['0 2 * * *'], timeZone: Europe/Berlin, clients: [{id: acme}]");
    String stored =
        ledger.schedules().clients(NIGHTLY, Optional.empty(), 10).getFirst().rules().orElseThrow();
    assertThat(stored).contains("\"zoneOffset\":\"+01:00\"");
    Instant until = Instant.parse("2026-03-02T01:30:00Z");
    ledger
        .schedules()
        .decide(
            NIGHTLY,
            HERE,
            List.of(
                new ClientDecision(
                    "acme",
                    Optional.of(NOON),
                    until,
                    Optional.of(stored.replace("+01:00", "Z")),
                    List.of(),
                    List.of())));
    now = until.plusSeconds(60);
    becomesLeader();
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
    until("2026-03-03T00:59:59Z");
    assertThat(runs()).hasSize(1);
  }

  @Test
  void anErrorOfOneScheduleStaysWithIt() {
    ScheduleKey broken = new ScheduleKey("other", "broken");
    kube.unreadableSchedules.put(broken, new IllegalStateException("test"));
    loop.changed(broken);
    apply(TWO);
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).hasSize(1);
    assertThat(loop.pass()).as("tried again").isLessThanOrEqualTo(Duration.ofMinutes(1));
    kube.unreadableSchedules.clear();
    until("2026-03-02T02:02:00Z");
    assertThat(loop.pass()).isGreaterThan(Duration.ofMinutes(1));
  }

  @Test
  void aRemovedClientFiresNothing() {
    apply(TWO);
    apply("crons: ['0 2 * * *'], clients: [{id: acme}]");
    until("2026-03-03T12:00:00Z");
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01", "nightly-acme-2026-03-02");
    apply(TWO);
    assertThat(runs()).as("a new client begins now").hasSize(2);
    until("2026-03-04T12:00:00Z");
    assertThat(runs()).hasSize(4);
  }

  @Test
  void aScheduleWithoutCronsHasNoRow() {
    apply("clients: [{id: acme}]");
    assertThat(ledger.schedules().owned(HERE, Optional.empty(), 10)).isEmpty();
    assertThat(loop.pass()).isEqualTo(Duration.ofMinutes(15));
  }

  @Test
  void theScheduleOfAnotherClusterIsNotDecidedHere() {
    ledger.clusters().register(identity("there/uid-of-there"), true);
    ledger.schedules().own(NIGHTLY, "there/uid-of-there");
    apply(TWO);
    until("2026-03-03T12:00:00Z");
    assertThat(runs()).isEmpty();
    assertThat(loop.summary(NIGHTLY).problem().orElseThrow().message())
        .contains("cluster there", "delete the PipelineSchedule there");
  }

  @Test
  void aScheduleThatItsOwnerGivesUpIsDecidedHere() {
    ledger.clusters().register(identity("there/uid-of-there"), true);
    ledger.schedules().own(NIGHTLY, "there/uid-of-there");
    apply(TWO);
    ledger.schedules().disown(NIGHTLY, "there/uid-of-there");
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
    assertThat(loop.summary(NIGHTLY).problem()).isEmpty();
  }

  @Test
  void cronsThatAreAddedToAnOldScheduleBeginThen() {
    applyUnobserved("clients: [{id: acme}]", NOON.minus(Duration.ofDays(30)));
    apply(TWO);
    assertThat(runs()).isEmpty();
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
  }

  /** The ledger was lost, and the status shows which cron times had been decided. */
  @Test
  void aLostLedgerContinuesAfterTheLastTimeOfTheStatus() {
    applyUnobserved(
        "crons: ['0 2 * * *'], catchUp: {policy: All}, clients: [{id: acme}]",
        NOON.minus(Duration.ofDays(30)));
    ScheduleObject s = kube.schedules.get(NIGHTLY);
    kube.schedules.put(
        NIGHTLY,
        new ScheduleObject(
            s.key(),
            s.uid(),
            s.createdAt(),
            7,
            s.parsedSpec(),
            Optional.of(Instant.parse("2026-02-27T02:00:00Z"))));
    becomesLeader();
    assertThat(runs()).containsExactly("nightly-acme-2026-02-27", "nightly-acme-2026-02-28");
  }

  @Test
  void theScheduleOfARetiredClusterIsTakenOver() {
    ledger.clusters().register(identity("there/uid-of-there"), true);
    ledger.schedules().own(NIGHTLY, "there/uid-of-there");
    apply(TWO);
    ledger.clusters().retire("uid-of-there", Duration.ZERO);
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
    assertThat(loop.summary(NIGHTLY).problem()).isEmpty();
  }

  @Test
  void aLeadershipWhoseBeginFailsBeginsAgain() {
    apply(TWO);
    kube.schedules.clear(); // without an event, as before the start of an operator
    loop = newLeader();
    ledgerFails = true;
    assertThatThrownBy(loop::pass).isInstanceOf(LedgerUnavailable.class);
    ledgerFails = false;
    loop.pass();
    concludeDeletions(loop);
    assertThat(ledger.schedules().owned(HERE, Optional.empty(), 10)).isEmpty();
  }

  /** Another leader of this cluster has decided meanwhile. */
  @Test
  void aScheduleThatIsReadAgainAndThenDeletedIsGivenUp() {
    apply(TWO);
    TickLoop old = loop;
    now = Instant.parse("2026-03-02T02:00:00Z");
    becomesLeader();
    now = now.plus(old.pass());
    kube.schedules.clear();
    old.pass();
    concludeDeletions(old);
    assertThat(ledger.schedules().owned(HERE, Optional.empty(), 10)).isEmpty();
  }

  @Test
  void aScheduleThatIsReadAgainAfterItsCronsWereRemovedForgetsThem() {
    apply(TWO);
    TickLoop old = loop;
    now = Instant.parse("2026-03-02T02:00:00Z");
    becomesLeader();
    now = now.plus(old.pass());
    applyUnobserved("clients: [{id: acme}, {id: globex}]", NOON);
    old.pass();
    now = Instant.parse("2026-03-10T12:00:00Z");
    applyUnobserved(TWO, NOON);
    old.changed(NIGHTLY);
    now = now.plus(old.pass());
    old.pass();
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
  }

  /** A row that is refused for another reason must not keep the loop busy. */
  @Test
  void rowsAreReadAgainAfterASecond() {
    apply(TWO);
    TickLoop old = loop;
    now = Instant.parse("2026-03-02T02:00:00Z");
    becomesLeader();
    assertThat(old.pass()).isEqualTo(Duration.ofSeconds(1));
  }

  /** The spec is read after the pass has begun. */
  @Test
  void aChangeDuringAPassDoesNotApplyToEarlierCronTimes() {
    apply(TWO);
    now = Instant.parse("2026-03-02T01:59:59Z");
    loop.changed(NIGHTLY);
    afterNow =
        () -> {
          now = Instant.parse("2026-03-02T02:00:01Z");
          applyUnobserved("crons: ['0 5 * * *'], clients: [{id: acme}]", NOON);
        };
    loop.pass();
    loop.changed(NIGHTLY);
    loop.pass();
    assertThat(runs()).containsExactly("nightly-acme-2026-03-01");
  }

  /** Its object is in the way, although the ledger does not know it yet. */
  @Test
  void aNameThatAnotherPipelineRunHasIsNotUsed() {
    apply(TWO);
    RunKey name = new RunKey("data", "nightly-acme-2026-03-01");
    kube.createRun(
        name,
        Serialization.unmarshal(
            "# YAML\n{client: acme, pipeline: {image: i, task: {module: m, family: F}}}",
            PipelineRunSpec.class));
    kube.cachedRuns.putAll(kube.runs);
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).singleElement().asString().startsWith("nightly-acme-2026-03-01-");
  }

  @Test
  void theStatusFollowsAtMostOnceAMinute() {
    apply("crons: ['* * * * *'], businessDate: {unit: Minute}, clients: [{id: acme}]");
    int before = statuses.size();
    until("2026-03-01T12:59:59Z");
    assertThat(runs()).hasSize(59);
    assertThat(statuses.size() - before).isBetween(50, 60);
    assertThat(loop.summary(NIGHTLY).last()).contains(Instant.parse("2026-03-01T12:59:00Z"));
    assertThat(loop.summary(NIGHTLY).next()).contains(Instant.parse("2026-03-01T13:00:00Z"));
  }

  @Test
  void priorityAndJitterAreThoseOfTheClient() {
    apply(
        "crons: ['0 2 * * *'], jitterSeconds: 600, priority: Low, clients: [{id: acme, priority: High}, {id: globex}]");
    until("2026-03-02T02:00:00Z");
    Run acme = run("nightly-acme-2026-03-01");
    assertThat(acme.priority()).isEqualTo(Priority.High);
    assertThat(run("nightly-globex-2026-03-01").priority()).isEqualTo(Priority.Low);
    assertThat(acme.times().notBefore().orElseThrow())
        .isBetween(now, now.plusSeconds(600))
        .isNotEqualTo(run("nightly-globex-2026-03-01").times().notBefore().orElseThrow());
  }
}
