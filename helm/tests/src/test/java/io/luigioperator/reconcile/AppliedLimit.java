/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.AttemptLedger;
import io.luigioperator.ledger.BackfillLedger;
import io.luigioperator.ledger.ClusterLedger;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance;
import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.ledger.RunLedger;
import io.luigioperator.ledger.ScheduleLedger;
import io.luigioperator.run.ScheduleObject;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;

/** What the operator writes into the ledger for maxConcurrentRuns of a schedule. */
public final class AppliedLimit {

  private AppliedLimit() {}

  public static List<String> of(ScheduleObject schedule) {
    List<String> calls = new ArrayList<>();
    Ledger ledger =
        new Ledger.Roles(
            role(ClusterLedger.class, calls),
            role(RunLedger.class, calls),
            role(AttemptLedger.class, calls),
            role(ScheduleLedger.class, calls),
            role(BackfillLedger.class, calls),
            role(LedgerMaintenance.class, calls),
            role(LedgerQueries.class, calls));
    new ScheduleLimits(ledger, new Signal(), () -> {}).apply(schedule);
    return calls;
  }

  private static <T> T role(Class<T> type, List<String> calls) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, args) -> {
              calls.add(method.getName() + List.of(args));
              return null;
            }));
  }
}
