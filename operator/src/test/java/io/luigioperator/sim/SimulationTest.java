/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.job.Kube;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.run.Effect;
import io.luigioperator.run.RunState;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SimulationTest {

  private static final int SEEDS = Integer.getInteger("sim.seeds", 5000);
  private static final long FIRST = Long.getLong("sim.first", 1L);

  /** With fewer seeds some faults, effects or crashes may not occur. */
  private static final int SEEDS_FOR_FULL_COVERAGE = 2000;

  /** At least one of so many seeds must detect a mutant. */
  private static final int MAX_SEEDS_PER_MUTANT = 5000;

  /** Seeds that run in parallel. */
  private static final int MUTANT_BATCH = 20;

  /** Methods of the clients that no scenario calls, and why. */
  private static final Map<String, String> NEVER_CALLED =
      Map.of("countByState", "only metrics ask");

  /** A crash is found before or after these calls, not always on both sides. */
  private static final Set<String> SELDOM_CALLED =
      Set.of("cancelWaiting", "beginBackfill", "moveBackfill", "openRunsOfBackfill");

  /** Effects that do not occur without faults. */
  private static final Set<String> ONLY_WITH_FAULTS =
      Set.of("ReadLive", "MarkPodMissing", "ClearPodMissing", "RecordObject", "RestoreOutcome");

  private static SimLog log;

  @BeforeAll
  static void captureLog() {
    log = SimLog.install();
  }

  @AfterAll
  static void releaseLog() {
    log.close();
  }

  @Test
  void invariantsHoldUnderFaults() {
    FaultCounts all = runSeeds(SEEDS, seed -> new FaultScenario(seed, Mutant.NONE));

    System.out.printf("%d scenarios with faults%n%s%n", SEEDS, all);
    if (SEEDS >= SEEDS_FOR_FULL_COVERAGE) {
      assertThat(all.faults.keySet()).containsAll(EnumSet.allOf(Fault.class));
      assertThat(all.effects.keySet()).containsExactlyInAnyOrderElementsOf(effects());
      assertThat(all.crashesBefore.keySet()).containsAll(oftenCalled());
      assertThat(all.crashesAfter.keySet()).containsAll(oftenCalled());
      Set<String> crashes = new TreeSet<>(all.crashesBefore.keySet());
      crashes.addAll(all.crashesAfter.keySet());
      assertThat(crashes).containsExactlyInAnyOrderElementsOf(calls());
      assertThat(all.outcomes.keySet())
          .contains(RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED);
    }
  }

  /** Every event, signal and timer has its effect; sweeps are needed only after faults. */
  @Test
  void nothingWaitsForASweepWithoutFaults() {
    int seeds = Math.max(1, SEEDS / 5);
    FaultCounts all = runSeeds(seeds, seed -> CalmScenario.withoutFaults(seed, Mutant.NONE));

    System.out.printf("%d scenarios without faults%n%s%n", seeds, all);
    if (SEEDS >= SEEDS_FOR_FULL_COVERAGE) {
      Collection<String> expected = effects();
      expected.removeAll(ONLY_WITH_FAULTS);
      assertThat(all.effects.keySet()).containsAll(expected);
      assertThat(all.outcomes.keySet())
          .contains(RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED);
    }
  }

  @Test
  void detectsMutexFreedWhileThePodTerminates() {
    requireDetected(Mutant.TERMINATING_COUNTS_AS_ENDED, "I1: ", FaultScenario::new);
  }

  @Test
  void detectsGateOpenedByToken() {
    requireDetected(Mutant.GATE_OPENED_BY_TOKEN, "I2: ", FaultScenario::new);
  }

  @Test
  void detectsBindWithoutCompareAndSet() {
    requireDetected(Mutant.BIND_WITHOUT_COMPARE, "I2: ", FaultScenario::new);
  }

  @Test
  void detectsDisconnectedNodeTakenAsDead() {
    requireDetected(Mutant.NO_NODE_LOSS_HOLD, "I1: ", FaultScenario::new);
  }

  @Test
  void detectsDecisionsByAClockThatHasJumped() {
    requireDetected(Mutant.CLOCK_JUMP_IGNORED, "I1: ", FaultScenario::new);
  }

  @Test
  void detectsUnlabelledPodTakenAsAbsent() {
    requireDetected(Mutant.UNLABELLED_IS_ABSENT, "I1: ", FaultScenario::new);
  }

  @Test
  void detectsAnEndThatIsForgottenWithItsRow() {
    requireDetected(Mutant.STATUS_IGNORED, "I8: ", FaultScenario::new);
  }

  @Test
  void detectsAttemptsThatAnotherClusterConcludesFromAbsence() {
    requireDetected(Mutant.IDENTITY_IGNORED, "I1: ", FaultScenario::new);
  }

  @Test
  void detectsMoreAttemptsThanSlots() {
    requireDetected(Mutant.TOO_MANY_SLOTS, "capacity: ", FaultScenario::new);
    requireDetected(Mutant.TOO_MANY_SLOTS, "capacity: ", CalmScenario::withoutFaults);
    requireDetected(Mutant.TOO_MANY_SLOTS_OF_A_NAMESPACE, "capacity: ", FaultScenario::new);
    requireDetected(
        Mutant.TOO_MANY_SLOTS_OF_A_NAMESPACE, "capacity: ", CalmScenario::withoutFaults);
  }

  @Test
  void detectsLostAdmissionSignal() {
    requireDetected(
        Mutant.ADMISSION_SIGNAL_LOST, "lost wake-up: claim", CalmScenario::withoutFaults);
  }

  @Test
  void detectsCronTimesThatTwoOperatorsDecide() {
    requireDetected(Mutant.DECIDED_UNTIL_IGNORED, "I12: ", FaultScenario::new);
  }

  @Test
  void detectsATickThatIsCommittedBeforeItsRun() {
    requireDetected(Mutant.TICK_BEFORE_ITS_RUN, "I6: ", FaultScenario::new);
  }

  @Test
  void detectsADeletedScheduleThatIsForgotten() {
    requireDetected(Mutant.DELETED_SCHEDULE_FORGOTTEN, "I12: ", FaultScenario::new);
    requireDetected(Mutant.DELETED_SCHEDULE_FORGOTTEN, "I12: ", CalmScenario::withoutFaults);
  }

  @Test
  void detectsRunsOfADeletedScheduleThatGoOn() {
    requireDetected(Mutant.DELETED_SCHEDULE_CANCELS_NOTHING, "I16: ", FaultScenario::new);
    requireDetected(Mutant.DELETED_SCHEDULE_CANCELS_NOTHING, "I16: ", CalmScenario::withoutFaults);
  }

  @Test
  void detectsRunsThatAreCanceledBecauseTheirNamespaceWasCreatedAgain() {
    requireDetected(Mutant.NAMESPACE_AGE_IGNORED, "I16: ", FaultScenario::new);
  }

  @Test
  void detectsEndedRunsThatAreKept() {
    requireDetected(Mutant.HISTORY_IGNORED, "I17: ", FaultScenario::new);
    requireDetected(Mutant.HISTORY_IGNORED, "I17: ", CalmScenario::withoutFaults);
  }

  @Test
  void detectsCronTimesThatAnotherClusterDecides() {
    requireDetected(Mutant.OWNER_IGNORED, "I12: ", FaultScenario::new);
  }

  @Test
  void detectsMoreRunsOfAScheduleThanItsLimit() {
    requireDetected(Mutant.LIMIT_IGNORED, "limit: ", FaultScenario::new);
    requireDetected(Mutant.LIMIT_IGNORED, "limit: ", CalmScenario::withoutFaults);
  }

  @Test
  void detectsLostSignalThatRunsMayBeReleased() {
    requireDetected(
        Mutant.LIMIT_SIGNAL_LOST, "lost wake-up: enforceLimit", CalmScenario::withoutFaults);
  }

  @Test
  void detectsNewRulesForThePast() {
    requireDetected(Mutant.NEW_RULES_FOR_THE_PAST, "I12: ", FaultScenario::new);
  }

  @Test
  void detectsAStepOfABackfillThatTwoOperatorsTake() {
    requireDetected(Mutant.BACKFILL_POSITION_IGNORED, "backfill: ", FaultScenario::new);
  }

  // ---- running scenarios

  private static FaultCounts runSeeds(int seeds, LongFunction<Scenario> scenario) {
    return LongStream.range(FIRST, FIRST + seeds)
        .parallel()
        .mapToObj(seed -> runSeeds(seed, scenario.apply(seed)))
        .collect(FaultCounts::new, FaultCounts::add, FaultCounts::add);
  }

  private static FaultCounts runSeeds(long seed, Scenario scenario) {
    try {
      run(scenario);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(
          "seed %d (run again with -Dsim.first=%d -Dsim.seeds=1)".formatted(seed, seed), e);
    }
    return scenario.counts();
  }

  private static void run(Scenario scenario) {
    log.countFor(scenario.counts());
    scenario.run();
  }

  private interface ScenarioFactory {
    Scenario scenario(long seed, Mutant mutant);
  }

  /** At least one seed must fail at this invariant; other seeds may fail at another one before. */
  private static void requireDetected(Mutant mutant, String invariant, ScenarioFactory factory) {
    Optional<String> found =
        IntStream.range(0, MAX_SEEDS_PER_MUTANT / MUTANT_BATCH)
            .mapToObj(batch -> firstFailure(mutant, invariant, factory, batch * MUTANT_BATCH))
            .flatMap(Optional::stream)
            .findFirst();
    System.out.printf("mutant %s: %s%n", mutant, found.orElse("not detected"));
    assertThat(found).isPresent();
  }

  private static Optional<String> firstFailure(
      Mutant mutant, String invariant, ScenarioFactory factory, long before) {
    return LongStream.rangeClosed(before + 1, before + MUTANT_BATCH)
        .parallel()
        .mapToObj(seed -> "%s, seed %d".formatted(failureOf(factory.scenario(seed, mutant)), seed))
        .filter(failure -> failure.startsWith(invariant))
        .findAny();
  }

  private static String failureOf(Scenario scenario) {
    try {
      run(scenario);
      return "";
    } catch (AssertionError e) {
      return String.valueOf(e.getMessage());
    }
  }

  // ---- what must be covered

  private static Collection<String> effects() {
    return new TreeSet<>(
        Arrays.stream(Effect.class.getPermittedSubclasses()).map(Class::getSimpleName).toList());
  }

  private static Collection<String> oftenCalled() {
    Collection<String> often = calls();
    often.removeAll(SELDOM_CALLED);
    return often;
  }

  private static Collection<String> calls() {
    return new TreeSet<>(
        Stream.concat(
                Arrays.stream(Ledger.class.getMethods()).map(Method::getReturnType),
                Stream.of(Kube.class))
            .flatMap(door -> Arrays.stream(door.getMethods()))
            .map(Method::getName)
            .filter(name -> !NEVER_CALLED.containsKey(name))
            .toList());
  }
}
