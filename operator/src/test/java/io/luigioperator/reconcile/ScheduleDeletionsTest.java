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
import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
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
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What happens to the waiting runs of schedules that are missing. */
class ScheduleDeletionsTest {

  private static final String HERE = "here/" + FakeKube.IDENTITY;
  private static final String THERE = "there/uid-of-there";
  private static final Instant MIDNIGHT = Instant.parse("2026-03-02T00:00:00Z");

  private Instant now = MIDNIGHT;
  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final FakeKube kube = new FakeKube();
  private final Metrics metrics = new Metrics(BuildInfo.current());
  private final List<RunKey> woken = new ArrayList<>();
  private final AtomicInteger admissions = new AtomicInteger();

  /** How many further deletions are committed before the operator is killed. */
  private int commits = Integer.MAX_VALUE;

  private TickLoop loop = newLeader();

  @BeforeEach
  void register() {
    for (String cluster : List.of(HERE, THERE)) {
      ledger
          .clusters()
          .register(
              new ClusterIdentity(
                  ClusterIdentity.clusterIdOf(cluster), ClusterIdentity.uidOf(cluster)),
              true);
    }
  }

  @AfterEach
  void close() {
    metrics.close();
  }

  private TickLoop newLeader() {
    Ledger mortal =
        LedgerProxy.of(
            ledger,
            (role, method, args) -> {
              boolean givesUp = List.of("deleted", "disown").contains(method.getName());
              if (givesUp && commits-- == 0) {
                throw new LedgerUnavailable("killed", new IllegalStateException());
              }
              return LedgerProxy.invoke(role, method, args);
            });
    TickLoop leader =
        new TickLoop(
            mortal,
            kube,
            HERE,
            false,
            new Signal(),
            OperatorFixture.limits(mortal),
            admissions::incrementAndGet,
            woken::add,
            metrics);
    leader.leadershipBegins();
    return leader;
  }

  private void nextLeader() {
    commits = Integer.MAX_VALUE;
    loop = newLeader();
    kube.schedules.keySet().forEach(loop::changed);
    loop.pass();
  }

  private static ScheduleKey key(String name) {
    String[] parts = name.split("/");
    return new ScheduleKey(parts[0], parts[1]);
  }

  private static List<String> names(int count) {
    return java.util.stream.IntStream.range(0, count).mapToObj("data/s%02d"::formatted).toList();
  }

  /** Each fires at 01:00 for two clients. */
  private void apply(List<String> schedules, String spec) {
    for (String name : schedules) {
      kube.schedules.put(
          key(name),
          new ScheduleObject(
              key(name),
              "uid-" + name,
              now,
              1,
              new ParsedSpec.Valid<>(
                  Serialization.unmarshal(
                      ("# YAML\n{pipeline: {image: i, task: {module: m, family: F}}, crons: ['0 1 * * *'],"
                              + " clients: [{id: acme}, {id: globex}]%s}")
                          .formatted(spec),
                      PipelineScheduleSpec.class)),
              Optional.empty()));
      loop.changed(key(name));
    }
    loop.pass();
  }

  private void fire() {
    now = MIDNIGHT.plus(Duration.ofHours(1));
    loop.pass();
  }

  private void delete(List<String> schedules) {
    for (String name : schedules) {
      kube.schedules.remove(key(name));
      loop.changed(key(name));
    }
    loop.pass();
  }

  private void after(Duration time) {
    now = now.plus(time);
    loop.pass();
  }

  private void afterTheDebounce() {
    after(Duration.ofSeconds(2));
  }

  private RunKey acme(String schedule) {
    return new RunKey(key(schedule).namespace(), key(schedule).name() + "-acme-2026-03-01");
  }

  private List<Run> runs(String schedule) {
    List<Run> runs = new ArrayList<>();
    for (Run run : ledger.allRuns()) {
      if (run.key().namespace().equals(key(schedule).namespace())
          && run.definition().schedule().equals(key(schedule).name())) {
        runs.add(run);
      }
    }
    assertThat(runs).hasSize(2);
    return runs;
  }

  private void assertCanceled(List<String> schedules) {
    for (String schedule : schedules) {
      assertThat(runs(schedule))
          .as(schedule)
          .extracting(Run::state)
          .containsOnly(RunState.CANCELED);
      assertThat(runs(schedule))
          .extracting(run -> run.stateDetails().reason())
          .containsOnly("ScheduleDeleted");
      assertThat(runs(schedule).getFirst().stateDetails().message())
          .contains(key(schedule).name(), "deleted");
    }
  }

  private void assertGoOn(List<String> schedules) {
    for (String schedule : schedules) {
      assertThat(runs(schedule)).as(schedule).extracting(Run::state).containsOnly(RunState.READY);
    }
  }

  private List<String> owned() {
    return ledger.schedules().owned(HERE, Optional.empty(), 100).stream()
        .map(s -> s.key().toString())
        .toList();
  }

  @Test
  void theWaitingRunsOfADeletedScheduleAreCanceled() {
    List<String> all = List.of("data/a", "data/b");
    apply(all, "");
    fire();
    delete(List.of("data/a"));
    assertGoOn(all);
    assertThat(owned()).as("until it is certain").hasSize(2);
    assertThat(loop.pass()).isEqualTo(Duration.ofSeconds(2));
    int admitted = admissions.get();

    afterTheDebounce();

    assertCanceled(List.of("data/a"));
    assertGoOn(List.of("data/b"));
    assertThat(owned()).containsExactly("data/b");
    assertThat(woken)
        .containsExactlyInAnyOrderElementsOf(runs("data/a").stream().map(Run::key).toList());
    assertThat(admissions.get()).isGreaterThan(admitted);
  }

  @Test
  void withRetainItsRunsGoOn() {
    apply(List.of("data/a"), ", deletionPolicy: Retain");
    fire();
    delete(List.of("data/a"));
    afterTheDebounce();

    assertGoOn(List.of("data/a"));
    assertThat(owned()).isEmpty();
  }

  @Test
  void thePolicyIsTheOneThatWasAppliedLast() {
    apply(List.of("data/a"), "");
    fire();
    kube.schedules.replaceAll(
        (key, s) ->
            new ScheduleObject(
                key, s.uid(), s.createdAt(), 2, retaining(s.spec()), s.lastTickTime()));
    nextLeader();
    kube.schedules.clear(); // while no operator runs
    nextLeader();
    afterTheDebounce();

    assertGoOn(List.of("data/a"));
    assertThat(owned()).isEmpty();
  }

  private static ParsedSpec<PipelineScheduleSpec> retaining(PipelineScheduleSpec s) {
    return new ParsedSpec.Valid<>(
        new PipelineScheduleSpec(
            s.pipeline(),
            s.priority(),
            s.clients(),
            s.crons(),
            s.timeZone(),
            s.businessDate(),
            s.dstPolicy(),
            s.jitterSeconds(),
            s.catchUp(),
            s.suspend(),
            s.maxConcurrentRuns(),
            s.backfills(),
            s.history(),
            DeletionPolicy.Retain));
  }

  @Test
  void aDeletionWhileNoOperatorRanHasTheSameEffect() {
    apply(List.of("data/a"), "");
    fire();
    kube.schedules.clear();
    nextLeader();
    afterTheDebounce();

    assertCanceled(List.of("data/a"));
    assertThat(owned()).isEmpty();
  }

  @Test
  void theNextLeaderFinishesADeletion() {
    apply(List.of("data/a", "data/b"), "");
    fire();
    delete(List.of("data/a", "data/b"));
    commits = 1;
    assertThatThrownBy(this::afterTheDebounce).isInstanceOf(LedgerUnavailable.class);
    assertCanceled(List.of("data/a"));
    assertThat(owned()).containsExactly("data/b");

    nextLeader();
    afterTheDebounce();
    assertCanceled(List.of("data/b"));
    assertThat(owned()).isEmpty();
  }

  /** The date that has fired stays fired, and the missed one is caught up. */
  @Test
  void aScheduleThatComesBackRunsTheDatesThatHaveNotFired() {
    apply(List.of("data/a"), "");
    fire();
    delete(List.of("data/a"));
    afterTheDebounce();
    assertCanceled(List.of("data/a"));

    now = MIDNIGHT.plus(Duration.ofHours(30));
    apply(List.of("data/a"), "");

    TreeSet<String> states = new TreeSet<>();
    ledger
        .allRuns()
        .forEach(run -> states.add(run.definition().businessDate() + " " + run.state()));
    assertThat(states).containsExactly("2026-03-01 CANCELED", "2026-03-02 READY");
    assertThat(owned()).containsExactly("data/a");
  }

  @Test
  void aScheduleThatComesBackAtOnceWasNotDeleted() {
    apply(List.of("data/a"), "");
    fire();
    ScheduleObject before = kube.schedules.get(key("data/a"));
    delete(List.of("data/a"));
    kube.schedules.put(before.key(), before);
    loop.changed(before.key());
    afterTheDebounce();

    assertGoOn(List.of("data/a"));
    assertThat(owned()).containsExactly("data/a");
  }

  @Test
  void aScheduleThatIsMissingInTheCacheOnlyWasNotDeleted() {
    apply(List.of("data/a"), "");
    fire();
    kube.uncachedSchedules.add(key("data/a"));
    delete(List.of("data/a"));
    afterTheDebounce();

    assertGoOn(List.of("data/a"));
    assertThat(owned()).containsExactly("data/a");
    assertThat(loop.pass()).as("it is looked for again").isLessThan(Duration.ofSeconds(3));

    kube.uncachedSchedules.clear();
    after(Duration.ofSeconds(1));
    afterTheDebounce();
    assertCanceled(List.of("data/a"));
  }

  @Test
  void aScheduleThatWasDeletedWithItsNamespaceOrDefinitionCancelsNothing() {
    apply(List.of("data/a", "gone/b", "new/c"), "");
    fire();
    kube.schedulesServedSince.put("gone", Optional.empty());
    kube.schedulesServedSince.put("new", Optional.of(MIDNIGHT.plusSeconds(1)));
    delete(List.of("data/a", "gone/b", "new/c"));
    afterTheDebounce();

    assertCanceled(List.of("data/a"));
    assertGoOn(List.of("gone/b", "new/c"));
    assertThat(owned()).isEmpty();
  }

  /** The schedule is gone because its namespace is, which is only visible afterwards. */
  @Test
  void looksAtTheNamespaceAfterTheAbsence() {
    apply(List.of("data/a"), "");
    fire();
    kube.afterLiveScheduleRead = () -> kube.schedulesServedSince.put("data", Optional.empty());
    delete(List.of("data/a"));
    afterTheDebounce();

    assertGoOn(List.of("data/a"));
    assertThat(owned()).isEmpty();
  }

  @Test
  void aScheduleThatWasAppliedAgainAfterItsNamespaceIsOlderThanNothing() {
    apply(List.of("data/a"), "");
    fire();
    now = now.plusSeconds(100);
    kube.schedulesServedSince.put("data", Optional.of(now));
    apply(List.of("data/a"), ""); // from Git; the new object is as old as its namespace
    delete(List.of("data/a"));
    afterTheDebounce();

    assertCanceled(List.of("data/a"));
  }

  @Test
  void manyMissingSchedulesCancelNothing() {
    List<String> all = names(13);
    apply(all, "");
    fire();
    delete(all.subList(0, 12));
    afterTheDebounce();

    assertGoOn(all);
    assertThat(owned()).containsExactly("data/s12");
    assertThat(kube.liveScheduleReads).as("no more than needed").isEqualTo(11);

    delete(all.subList(12, 13));
    afterTheDebounce();
    assertGoOn(all);
  }

  @Test
  void aFewMissingSchedulesOfManyAreDeletions() {
    List<String> all = names(20);
    apply(all, "");
    fire();
    delete(all.subList(0, 10));
    afterTheDebounce();

    assertCanceled(all.subList(0, 10));
    assertGoOn(all.subList(10, 20));
  }

  /** Otherwise the few that a killed operator has left would look like deletions. */
  @Test
  void theNextLeaderCancelsNothingOfAMassDeletion() {
    List<String> all = names(13);
    apply(all, "");
    fire();
    delete(all);
    commits = 10;
    assertThatThrownBy(this::afterTheDebounce).isInstanceOf(LedgerUnavailable.class);
    assertThat(owned()).hasSize(3);

    nextLeader();
    afterTheDebounce();
    assertGoOn(all);
    assertThat(owned()).isEmpty();
  }

  @Test
  void aConfirmationOfAPersonCancelsManyInItsNamespace() {
    List<String> ours = names(12);
    List<String> others = ours.stream().map(s -> s.replace("data", "other")).toList();
    apply(ours, "");
    apply(others, "");
    fire();
    kube.deletionsConfirmed.put("data", now.minusSeconds(1000));
    kube.deletionsConfirmed.put("other", now.minusSeconds(4000));
    delete(ours);
    delete(others);
    afterTheDebounce();

    assertCanceled(ours);
    assertGoOn(others);
  }

  @Test
  void anotherClusterThanAtTheStartConcludesNothing() {
    apply(List.of("data/a"), "");
    fire();
    kube.identity = "uid-of-another";
    delete(List.of("data/a"));
    afterTheDebounce();
    assertGoOn(List.of("data/a"));
    assertThat(owned()).hasSize(1);

    kube.identity = FakeKube.IDENTITY;
    after(Duration.ofMinutes(1));
    assertCanceled(List.of("data/a"));
  }

  @Test
  void aScheduleThatCannotBeReadIsLookedAtLater() {
    apply(List.of("data/a", "data/b"), "");
    fire();
    delete(List.of("data/a", "data/b"));
    kube.unreadableSchedules.put(
        key("data/a"), new KubeForbidden("no permission", new IllegalStateException()));
    afterTheDebounce();
    assertGoOn(List.of("data/a"));
    assertThat(owned()).containsExactly("data/a");
    assertCanceled(List.of("data/b"));

    kube.unreadableSchedules.clear();
    after(Duration.ofMinutes(1));
    assertCanceled(List.of("data/a"));
  }

  @Test
  void onlyTheOwnerCancels() {
    ledger.schedules().own(key("data/a"), THERE);
    apply(List.of("data/a", "data/b"), "");
    fire();
    delete(List.of("data/a"));
    afterTheDebounce();

    assertThat(ledger.schedules().owner(key("data/a"))).contains(THERE);
    assertGoOn(List.of("data/b"));
  }

  @Test
  void aRunThatHasStartedGoesOn() {
    apply(List.of("data/a"), "");
    fire();
    Run run = ledger.run(acme("data/a"));
    ledger.attempts().claim(run.admitKey(), run.key(), "token", HERE).orElseThrow();
    delete(List.of("data/a"));
    afterTheDebounce();

    assertThat(ledger.run(acme("data/a")).state()).isEqualTo(RunState.ACTIVE);
    assertThat(runs("data/a")).extracting(Run::state).contains(RunState.CANCELED);
  }
}
