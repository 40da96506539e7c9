/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ending;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;

/**
 * Counts what happens to runs: {@link InstrumentedKube} and the instrumented ledger report each
 * commit and each opened gate. Durations are measured within this process: what began in another
 * one is counted but not timed. The number of remembered runs is bounded. Thread-safe.
 */
public final class RunMetrics {
  private static final int REMEMBERED = 10_000;

  /** A slot and a key that became free. */
  private record Freed(AdmitKey key, long at) {}

  /** A claimed first attempt whose gate is not open yet. */
  private record Opening(long acceptedAt, OptionalLong freedAt) {}

  private final Metrics metrics;
  private final LongSupplier nanoTime;
  private final Counter accepted;
  private final Counter outcomesRestored;
  private final Counter claims;
  private final Counter retries;
  private final Timer acceptToGate;
  private final Timer turnaround;

  private final Map<RunKey, Long> acceptedAt = new Bounded<>();
  private final Map<String, Opening> openings = new Bounded<>();
  private final Deque<Freed> freed = new ArrayDeque<>();

  public RunMetrics(Metrics metrics, LongSupplier nanoTime) {
    this.metrics = metrics;
    this.nanoTime = nanoTime;
    accepted = metrics.counter("runs.accepted", "Runs accepted into the ledger");
    outcomesRestored =
        metrics.counter(
            "outcomes.restored",
            "Ended runs whose row was missing or older in the ledger, and entered it again");
    claims = metrics.counter("claims", "Attempts claimed");
    retries = metrics.counter("retries", "Attempts after which the run is retried");
    acceptToGate =
        metrics.timer(
            "accept.to.gate", "From the acceptance of a run until its first pod may start");
    turnaround =
        metrics.timer(
            "turnaround",
            "From the end of an attempt until the pod of a run that waited may start");
  }

  /** Only a new row counts. */
  synchronized void accepted(Acceptance answer) {
    if (answer instanceof Acceptance.Accepted(Run run)) {
      accepted.increment();
      acceptedAt.put(run.key(), nanoTime.getAsLong());
      ended(run);
    }
  }

  /** The row of an ended run was inserted again. */
  void restored(Acceptance answer) {
    if (answer instanceof Acceptance.Accepted) {
      restored();
    }
  }

  /** A run ended as its PipelineRun shows; it had ended before, so that it does not count again. */
  void restored() {
    outcomesRestored.increment();
  }

  synchronized void claimed(Claimed c) {
    claims.increment();
    Long since = acceptedAt.remove(c.run().key());
    if (since != null) {
      openings.put(c.attempt().token(), new Opening(since, freedFor(c.run().admitKey(), since)));
    }
  }

  /** What the run waited for: the end of another run of its key, else the slot free for longest. */
  private OptionalLong freedFor(AdmitKey key, long since) {
    while (!freed.isEmpty() && freed.getFirst().at() - since < 0) {
      freed.removeFirst(); // runs are admitted in order, so no later one has waited for it
    }
    Optional<Freed> found =
        freed.stream()
            .filter(f -> f.at() - since >= 0 && f.key().equals(key))
            .findFirst()
            .or(() -> freed.stream().filter(f -> f.at() - since >= 0).findFirst());
    found.ifPresent(freed::remove);
    return found.map(f -> OptionalLong.of(f.at())).orElseGet(OptionalLong::empty);
  }

  /**
   * @param after the run after the commit that ended its attempt
   */
  synchronized void finished(Ending ending, Run after) {
    metrics
        .counter(
            "attempts.ended",
            "Attempts that ended, by verdict or cause and by what the retry rule does with it",
            "reason",
            ending.cause().reason(),
            "treatment",
            lower(ending.cause().treatment()))
        .increment();
    freed(after);
    ended(after);
  }

  /**
   * @param after the run after the commit that abandoned its attempt
   */
  synchronized void abandoned(Abandonment abandonment, Run after) {
    metrics
        .counter(
            "claims.abandoned",
            "Attempts abandoned before a pod was bound",
            "reason",
            abandonment.reason(),
            "charge",
            lower(abandonment.charge()))
        .increment();
    freed(after);
    ended(after);
  }

  /** A run after any other commit; counted if the commit ended it. */
  synchronized void changed(Run after) {
    ended(after);
  }

  private void freed(Run run) {
    if (!run.state().isFinal()) {
      retries.increment();
    }
    if (freed.size() >= REMEMBERED) {
      freed.removeFirst();
    }
    freed.addLast(new Freed(run.admitKey(), nanoTime.getAsLong()));
  }

  private void ended(Run run) {
    if (run.state().isFinal()) {
      acceptedAt.remove(run.key());
      metrics.counter("runs.finished", "Runs that ended", "state", lower(run.state())).increment();
    }
  }

  synchronized void gateOpened(ObservedPod pod) {
    Opening opening = openings.remove(pod.token());
    if (opening != null) {
      long now = nanoTime.getAsLong();
      acceptToGate.record(Duration.ofNanos(now - opening.acceptedAt()));
      opening.freedAt().ifPresent(at -> turnaround.record(Duration.ofNanos(now - at)));
    }
  }

  private static String lower(Enum<?> e) {
    return e.name().toLowerCase(Locale.ROOT);
  }

  /** Removes the oldest entry. */
  private static final class Bounded<K, V> extends LinkedHashMap<K, V> {
    private static final long serialVersionUID = 1L;

    @Override
    protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
      return size() > REMEMBERED;
    }
  }
}
