/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.micrometer.core.instrument.Timer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The two doors to the stores, with a stopwatch: every call is timed by its name, and what it did
 * to a run is told to {@link RunMetrics}. The callers and the stores know nothing of it.
 */
public final class Metered {
  private final Metrics metrics;
  private final RunMetrics runs;
  private final Map<String, Timer> timers = new ConcurrentHashMap<>();

  public Metered(Metrics metrics, RunMetrics runs) {
    this.metrics = metrics;
    this.runs = runs;
  }

  public Ledger ledger(Ledger ledger) {
    return proxy(Ledger.class, ledger, "ledger");
  }

  public Kube kube(Kube kube) {
    return proxy(Kube.class, kube, "kubernetes");
  }

  private <T> T proxy(Class<T> door, T target, String store) {
    return door.cast(
        Proxy.newProxyInstance(
            door.getClassLoader(),
            new Class<?>[] {door},
            (proxy, method, args) -> call(store, target, method, args)));
  }

  private @Nullable Object call(
      String store, Object target, Method method, Object @Nullable [] args) throws Throwable {
    if (method.getDeclaringClass() == Object.class) {
      return method.invoke(target, args);
    }
    long start = System.nanoTime();
    String outcome = "failed";
    try {
      Object result = method.invoke(target, args);
      outcome = "ok";
      if (args != null && result != null) {
        runs.done(method.getName(), args, result);
      }
      return result;
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof LedgerUnavailable || e.getCause() instanceof KubeUnavailable) {
        outcome = "away";
      }
      throw e.getCause();
    } finally {
      timer(store, method.getName(), outcome)
          .record(System.nanoTime() - start, TimeUnit.NANOSECONDS);
    }
  }

  private Timer timer(String store, String call, String outcome) {
    return timers.computeIfAbsent(
        store + '/' + call + '/' + outcome,
        _ ->
            Timer.builder("luigi.operator.store.calls")
                .description("Calls to MySQL and to the API server; away: the store did not answer")
                .tags("store", store, "call", call, "outcome", outcome)
                .register(metrics.registry()));
  }
}
