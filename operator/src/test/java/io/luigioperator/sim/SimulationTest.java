/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.luigioperator.run.RunState;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class SimulationTest {

  private static final int SEEDS = Integer.getInteger("sim.seeds", 2000);
  private static final long FIRST = Long.getLong("sim.first", 1L);

  private static final Logger PRODUCT = (Logger) LoggerFactory.getLogger("io.luigioperator");

  @BeforeAll
  static void silence() {
    PRODUCT.setLevel(Level.OFF); // every fault of every story would be told
  }

  @AfterAll
  static void speakAgain() {
    PRODUCT.setLevel(null);
  }

  @Test
  void noSeedBreaksAnInvariant() {
    EnumMap<Simulation.Fault, Integer> faults = new EnumMap<>(Simulation.Fault.class);
    EnumMap<RunState, Integer> outcomes = new EnumMap<>(RunState.class);
    Map<String, Integer> calls = new TreeMap<>();
    for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
      Simulation s = new Simulation(seed, SimKube.Mutant.NONE, true);
      try {
        s.play();
      } catch (AssertionError | RuntimeException e) {
        fail("seed " + seed + " (run again with -Dsim.first=" + seed + " -Dsim.seeds=1)", e);
      }
      s.faults.forEach((f, n) -> faults.merge(f, n, Integer::sum));
      s.outcomes.forEach((o, n) -> outcomes.merge(o, n, Integer::sum));
      s.calls.forEach((c, n) -> calls.merge(c, n, Integer::sum));
    }
    System.out.printf(
        "simulation: %d seeds%n  faults   %s%n  outcomes %s%n  calls    %s%n",
        SEEDS, faults, outcomes, calls);
    assertThat(faults.keySet()).containsAll(EnumSet.allOf(Simulation.Fault.class));
    assertThat(outcomes.keySet()).contains(RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED);
  }

  @Test
  void aMutexFreedWhileThePodStillTerminatesIsCaught() {
    caught("early", "I1", seed -> new Simulation(seed, SimKube.Mutant.EARLY, true));
  }

  @Test
  void aGateOpenedByNameIsCaught() {
    caught("by name", "I2", seed -> new Simulation(seed, SimKube.Mutant.BY_NAME, true));
  }

  @Test
  void aBindWithoutCompareAndSetIsCaught() {
    caught("no compare-and-set", "I", seed -> new Simulation(seed, SimKube.Mutant.NONE, false));
  }

  private static void caught(String mutant, String invariant, LongFunction<Simulation> story) {
    Optional<String> verdict = Optional.empty();
    long seed = 0;
    while (verdict.isEmpty() && seed < SEEDS) {
      seed++;
      try {
        story.apply(seed).play();
      } catch (AssertionError e) {
        verdict = Optional.of(String.valueOf(e.getMessage()));
      }
    }
    System.out.printf("mutant %s: seed %d, %s%n", mutant, seed, verdict.orElse("not caught"));
    assertThat(verdict).hasValueSatisfying(v -> assertThat(v).contains(invariant));
  }
}
