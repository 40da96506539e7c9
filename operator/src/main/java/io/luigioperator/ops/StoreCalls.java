/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.LedgerUnavailable;
import io.micrometer.core.instrument.Timer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Times the calls to one store, by the name of the call and its outcome: {@code ok}, {@code
 * unavailable} when the store did not answer, {@code failed} for any other error. Thread-safe.
 */
final class StoreCalls {

  private enum Outcome {
    OK("ok"),
    UNAVAILABLE("unavailable"),
    FAILED("failed");

    private final String label;

    Outcome(String label) {
      this.label = label;
    }
  }

  private record Key(String call, Outcome outcome) {}

  private final Metrics metrics;
  private final String store;
  private final Map<Key, Timer> timers = new ConcurrentHashMap<>();

  /**
   * @param store value of the label of the same name
   */
  StoreCalls(Metrics metrics, String store) {
    this.metrics = metrics;
    this.store = store;
  }

  <T> T time(String call, Supplier<T> request) {
    long start = System.nanoTime();
    Outcome outcome = Outcome.FAILED;
    try {
      T result = request.get();
      outcome = Outcome.OK;
      return result;
    } catch (LedgerUnavailable | KubeUnavailable e) {
      outcome = Outcome.UNAVAILABLE;
      throw e;
    } finally {
      timers
          .computeIfAbsent(new Key(call, outcome), this::timer)
          .record(System.nanoTime() - start, TimeUnit.NANOSECONDS);
    }
  }

  void time(String call, Runnable request) {
    time(
        call,
        () -> {
          request.run();
          return true;
        });
  }

  private Timer timer(Key key) {
    return Timer.builder("luigi.operator.store.calls")
        .description("Calls to MySQL and to the API server; unavailable: the store did not answer")
        .tags("store", store, "call", key.call(), "outcome", key.outcome().label)
        .register(metrics.registry());
  }
}
