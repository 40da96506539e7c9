/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.ledger.AttemptLedger;
import io.luigioperator.ledger.BackfillLedger;
import io.luigioperator.ledger.ClusterLedger;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance;
import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.ledger.RunLedger;
import io.luigioperator.ledger.ScheduleLedger;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/** A ledger whose calls, of all roles, pass through one handler. */
public final class LedgerProxy {

  /** Answers a call, as a rule by {@link #invoke}. */
  @FunctionalInterface
  public interface Handler {
    /**
     * @param role the role of the real ledger
     */
    Object call(Object role, Method method, Object[] args) throws Throwable;
  }

  private LedgerProxy() {}

  public static Ledger of(Ledger ledger, Handler handler) {
    return new Ledger.Roles(
        role(ClusterLedger.class, ledger.clusters(), handler),
        role(RunLedger.class, ledger.runs(), handler),
        role(AttemptLedger.class, ledger.attempts(), handler),
        role(ScheduleLedger.class, ledger.schedules(), handler),
        role(BackfillLedger.class, ledger.backfills(), handler),
        role(LedgerMaintenance.class, ledger.maintenance(), handler),
        role(LedgerQueries.class, ledger.queries(), handler));
  }

  private static <T> T role(Class<T> type, T role, Handler handler) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, args) -> handler.call(role, method, args)));
  }

  /** Throws what the method throws. */
  public static Object invoke(Object target, Method method, Object[] args) throws Throwable {
    try {
      return method.invoke(target, args);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
