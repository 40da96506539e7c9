/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunSnapshot.LimitUse;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.sim.LedgerProxy;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** When runs of schedules are released, and what that costs. */
class ScheduleLimitsTest {

  private static final ScheduleKey NIGHTLY = new ScheduleKey("data", "nightly");
  private static final ScheduleKey HOURLY = new ScheduleKey("data", "hourly");
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");

  private final SimLedger ledger = new SimLedger(() -> T0, Ageing.DEFAULT);
  private final List<String> calls = new ArrayList<>();

  /** Schedules for which each call fails, and how. */
  private Optional<RuntimeException> failure = Optional.empty();

  private final Signal signal = new Signal();
  private final AtomicInteger admissions = new AtomicInteger();
  private final Set<RunKey> woken = new HashSet<>();
  private final ScheduleLimits limits = newLeader();

  private ScheduleLimits newLeader() {
    Ledger observed =
        LedgerProxy.of(
            ledger,
            (role, method, args) -> {
              calls.add(method.getName());
              if (failure.isPresent() && args[0].equals(NIGHTLY)) {
                throw failure.get();
              }
              return LedgerProxy.invoke(role, method, args);
            });
    ScheduleLimits leader =
        new ScheduleLimits(observed, signal, () -> admissions.incrementAndGet());
    leader.onChange(woken::add);
    leader.leadershipBegins();
    leader.pass();
    calls.clear();
    return leader;
  }

  private void apply(ScheduleKey schedule, @Nullable Integer maxRuns) {
    String limit = maxRuns == null ? "" : ", maxConcurrentRuns: " + maxRuns;
    limits.apply(
        new ScheduleObject(
            schedule,
            "uid",
            T0,
            1,
            new ParsedSpec.Valid<>(
                Serialization.unmarshal(
                    "# YAML\n{pipeline: {image: i, task: {module: m, family: F}}" + limit + "}",
                    PipelineScheduleSpec.class)),
            Optional.empty()));
  }

  private Run accepted(String name, ScheduleKey schedule) {
    RunKey key = new RunKey("data", name);
    NewRun run =
        new NewRun(
            key,
            name,
            "2026-02-28",
            schedule.name(),
            AdmitKey.ofClient("data", name, "default"),
            AttemptKind.RUN,
            DesiredState.Running,
            Priority.Normal,
            Optional.empty(),
            OptionalLong.empty(),
            3,
            3,
            "{}",
            key.id(),
            1);
    ledger.accept(
        List.of(new AcceptRequest(run, new ObjectRecord("here", "uid", 1, Instant.EPOCH, false))));
    return ledger.run(key);
  }

  private Run canceled(Run run) {
    return ledger.cancel(run.key(), Reasons.CANCELED, "").orElseThrow();
  }

  private RunState stateOf(Run run) {
    return ledger.run(run.key()).state();
  }

  private boolean isSignaled() {
    try {
      return signal.await(Duration.ZERO);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void theEndOfARunReleasesTheNextOne() {
    apply(NIGHTLY, 1);
    limits.pass();
    Run first = accepted("a", NIGHTLY);
    limits.changed(first);
    assertThat(isSignaled()).isTrue();
    limits.pass();
    assertThat(stateOf(first)).isEqualTo(RunState.READY);
    assertThat(admissions).hasValue(1);
    assertThat(woken).containsExactly(first.key());
    Run second = accepted("b", NIGHTLY);
    limits.changed(second);
    limits.pass();
    assertThat(stateOf(second)).isEqualTo(RunState.HELD);
    assertThat(limits.use(NIGHTLY)).contains(new LimitUse(1, 1));
    isSignaled();

    limits.changed(canceled(first));

    assertThat(isSignaled()).isTrue();
    limits.pass();
    assertThat(stateOf(second)).isEqualTo(RunState.READY);
    assertThat(admissions).hasValue(2);
  }

  @Test
  void runsThatCountNeedNoPassAndThoseWithoutALimitCostNothing() {
    apply(NIGHTLY, 2);
    accepted("a", NIGHTLY);
    limits.pass();
    isSignaled();
    calls.clear();
    Run ready = ledger.run(new RunKey("data", "a"));
    assertThat(ready.state()).isEqualTo(RunState.READY);
    limits.changed(ready);
    limits.changed(accepted("b", HOURLY));
    limits.changed(canceled(accepted("c", HOURLY)));
    limits.changed(HOURLY);

    assertThat(isSignaled()).isFalse();
    limits.pass();
    assertThat(calls).isEmpty();
  }

  @Test
  void aLimitIsWrittenOnceAndRemovedWithTheSpec() {
    apply(NIGHTLY, 1);
    Run run = accepted("a", NIGHTLY);
    Run other = accepted("b", NIGHTLY);
    limits.pass();
    calls.clear();
    apply(NIGHTLY, 1);
    assertThat(calls).isEmpty();

    apply(NIGHTLY, null);

    assertThat(isSignaled()).isTrue();
    limits.pass();
    assertThat(stateOf(run)).isEqualTo(RunState.READY);
    assertThat(stateOf(other)).isEqualTo(RunState.READY);
    assertThat(limits.use(NIGHTLY)).isEmpty();
  }

  /** Its cluster does not have the schedule, or has not seen it yet. */
  @Test
  void aRunThatWaitsShowsThatItsScheduleHasALimit() {
    ledger.schedules().limit(NIGHTLY, Optional.of(1));
    Run run = accepted("a", NIGHTLY);
    limits.changed(run);
    limits.pass();
    assertThat(stateOf(run)).isEqualTo(RunState.READY);
  }

  @Test
  void aNewLeaderFindsWhatWasLeft() {
    ledger.schedules().limit(NIGHTLY, Optional.of(1));
    Run run = accepted("a", NIGHTLY);
    newLeader();
    assertThat(stateOf(run)).isEqualTo(RunState.READY);
  }

  @Test
  void theSweepFindsChangesOfOthersOnePageAfterTheOther() {
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < 250; i++) {
      ScheduleKey schedule = new ScheduleKey("data", "s" + i);
      ledger.schedules().limit(schedule, Optional.of(1));
      runs.add(accepted("r" + i, schedule));
    }
    for (long released : List.of(100L, 200L, 250L)) {
      limits.sweep();
      assertThat(runs.stream().filter(run -> stateOf(run) == RunState.READY).count())
          .isEqualTo(released);
    }
    calls.clear();
    limits.sweep();
    assertThat(calls).as("nothing is left to do").containsExactly("limited");
    limits.sweep();
    limits.sweep();
    canceled(runs.getFirst());
    Run next = accepted("next", runs.getFirst().definition().scheduleKey().orElseThrow());
    for (int i = 0; i < 3; i++) {
      limits.sweep();
    }
    assertThat(stateOf(next)).as("from the start again").isEqualTo(RunState.READY);
  }

  @Test
  void anErrorOfOneScheduleDoesNotAffectTheOthers() {
    apply(NIGHTLY, 1);
    apply(HOURLY, 1);
    Run run = accepted("a", NIGHTLY);
    Run other = accepted("b", HOURLY);
    failure = Optional.of(new IllegalStateException("a row cannot be read"));
    limits.pass();
    assertThat(stateOf(run)).isEqualTo(RunState.HELD);
    assertThat(stateOf(other)).isEqualTo(RunState.READY);

    failure = Optional.empty();
    limits.sweep();
    assertThat(stateOf(run)).isEqualTo(RunState.READY);
  }

  @Test
  void aPassIsRepeatedWhenTheLedgerIsAvailableAgain() {
    apply(NIGHTLY, 1);
    Run run = accepted("a", NIGHTLY);
    failure = Optional.of(new LedgerUnavailable("test", new IllegalStateException()));
    isSignaled();
    assertThatThrownBy(limits::pass).isInstanceOf(LedgerUnavailable.class);
    failure = Optional.empty();
    assertThat(isSignaled()).isTrue();
    limits.pass();
    assertThat(stateOf(run)).isEqualTo(RunState.READY);
  }
}
