/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.Ledger.Acceptance;
import io.luigioperator.ledger.Ledger.Claimed;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Ending;
import io.luigioperator.run.Run;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A {@link Ledger} that times every call and reports each commit to {@link RunMetrics}. */
public final class InstrumentedLedger {
  private final StoreCalls calls;
  private final RunMetrics runs;

  public InstrumentedLedger(Metrics metrics, RunMetrics runs) {
    this.calls = new StoreCalls(metrics, "ledger");
    this.runs = runs;
  }

  public Ledger ledger(Ledger ledger) {
    return (Ledger)
        Proxy.newProxyInstance(
            Ledger.class.getClassLoader(),
            new Class<?>[] {Ledger.class},
            (proxy, method, args) -> call(ledger, method, args));
  }

  private @Nullable Object call(Ledger target, Method method, Object @Nullable [] args) {
    Object result = calls.time(method.getName(), () -> invoked(target, method, args));
    switch (result) {
      case Acceptance a -> runs.accepted(a);
      case List<?> expired when method.getName().equals("expire") ->
          expired.forEach(r -> runs.changed((Run) r));
      case Optional<?> o when o.isPresent() -> done(method.getName(), args, o.get());
      case null, default -> {}
    }
    return result;
  }

  private void done(String call, Object @Nullable [] args, Object result) {
    switch (result) {
      case Claimed c -> runs.claimed(c);
      case Run run when call.equals("finish") && args != null ->
          runs.finished((Ending) args[2], run);
      case Run run when call.equals("abandon") && args != null ->
          runs.abandoned((Abandonment) args[1], run);
      case Run run -> runs.changed(run);
      default -> {}
    }
  }

  private static @Nullable Object invoked(Ledger target, Method method, Object @Nullable [] args) {
    try {
      return method.invoke(target, args);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }
}
