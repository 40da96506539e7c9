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
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongFunction;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SimulationTest {

  private static final int SEEDS = Integer.getInteger("sim.seeds", 5000);
  private static final long FIRST = Long.getLong("sim.first", 1L);

  /** Fewer only tell some stories again, and need not hold everything. */
  private static final int ENOUGH_TO_HOLD_EVERYTHING = 2000;

  /** One of so many seeds must notice a mutant. */
  private static final int MOST_SEEDS_OF_A_MUTANT = 5000;

  /** Methods of the clients that no story calls, and why. */
  private static final Map<String, String> NEVER_CALLED =
      Map.of("countByState", "only metrics ask");

  /** Effects that a story without faults has no cause for. */
  private static final Set<String> ONLY_IN_STORMS =
      Set.of("ReadLive", "MarkPodMissing", "ClearPodMissing", "RecordObject");

  private static SimLog log;

  @BeforeAll
  static void listen() {
    log = SimLog.listening();
  }

  @AfterAll
  static void speakAgain() {
    log.close();
  }

  @Test
  void noStormBreaksAnInvariant() {
    FaultCounts all = told(SEEDS, seed -> new FaultScenario(seed, Mutant.NONE));

    System.out.printf("%d storms%n%s%n", SEEDS, all);
    if (SEEDS >= ENOUGH_TO_HOLD_EVERYTHING) {
      assertThat(all.faults.keySet()).containsAll(EnumSet.allOf(Fault.class));
      assertThat(all.effects.keySet()).containsExactlyInAnyOrderElementsOf(effects());
      assertThat(all.crashesBefore.keySet()).containsExactlyInAnyOrderElementsOf(calls());
      assertThat(all.crashesAfter.keySet()).containsExactlyInAnyOrderElementsOf(calls());
      assertThat(all.outcomes.keySet())
          .contains(RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED);
    }
  }

  /** Every event, signal and alarm has its effect: the sweeps are for what goes wrong. */
  @Test
  void withoutFaultsNothingWaitsForASweep() {
    int seeds = Math.max(1, SEEDS / 5);
    FaultCounts all = told(seeds, seed -> CalmScenario.undisturbed(seed, Mutant.NONE));

    System.out.printf("%d times peace%n%s%n", seeds, all);
    if (SEEDS >= ENOUGH_TO_HOLD_EVERYTHING) {
      Collection<String> expected = effects();
      expected.removeAll(ONLY_IN_STORMS);
      assertThat(all.effects.keySet()).containsAll(expected);
      assertThat(all.outcomes.keySet())
          .contains(RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED);
    }
  }

  @Test
  void aMutexFreedWhileThePodStillTerminatesIsCaught() {
    caught(Mutant.ENDS_EARLY, "I1: ", FaultScenario::new);
  }

  @Test
  void aGateOpenedByNameIsCaught() {
    caught(Mutant.OPENS_BY_NAME, "I2: ", FaultScenario::new);
  }

  @Test
  void aBindWithoutCompareAndSetIsCaught() {
    caught(Mutant.BINDS_BLINDLY, "I2: ", FaultScenario::new);
  }

  @Test
  void aSilentNodeTakenForADeadOneIsCaught() {
    caught(Mutant.HOLDS_NOTHING, "I1: ", FaultScenario::new);
  }

  @Test
  void moreAttemptsThanSlotsAreCaught() {
    caught(Mutant.OVERBOOKS, "capacity: ", FaultScenario::new);
    caught(Mutant.OVERBOOKS, "capacity: ", CalmScenario::undisturbed);
  }

  @Test
  void aSignalThatNobodyHearsIsCaught() {
    caught(Mutant.DEAF_TO_ROOM, "left undone: claim", CalmScenario::undisturbed);
  }

  // ---- telling stories

  private static FaultCounts told(int seeds, LongFunction<Scenario> story) {
    return LongStream.range(FIRST, FIRST + seeds)
        .parallel()
        .mapToObj(seed -> told(seed, story.apply(seed)))
        .collect(FaultCounts::new, FaultCounts::add, FaultCounts::add);
  }

  private static FaultCounts told(long seed, Scenario story) {
    try {
      play(story);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(
          "seed %d (run again with -Dsim.first=%d -Dsim.seeds=1)".formatted(seed, seed), e);
    }
    return story.tally();
  }

  private static void play(Scenario story) {
    log.listenFor(story.tally());
    story.play();
  }

  private interface Teller {
    Scenario story(long seed, Mutant mutant);
  }

  /** Some seed must be caught by this very invariant; others may be caught by others before. */
  private static void caught(Mutant mutant, String invariant, Teller teller) {
    String verdict = "";
    long seed = 0;
    while (!verdict.startsWith(invariant) && seed < MOST_SEEDS_OF_A_MUTANT) {
      seed++;
      verdict = verdictOn(teller.story(seed, mutant));
    }
    System.out.printf("mutant %s: seed %d, %s%n", mutant, seed, verdict);
    assertThat(verdict).startsWith(invariant);
  }

  private static String verdictOn(Scenario story) {
    try {
      play(story);
      return "";
    } catch (AssertionError e) {
      return String.valueOf(e.getMessage());
    }
  }

  // ---- what there is

  private static Collection<String> effects() {
    return new TreeSet<>(
        Arrays.stream(Effect.class.getPermittedSubclasses()).map(Class::getSimpleName).toList());
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
