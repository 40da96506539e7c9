/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What tests of the real ledger use besides its interface. */
interface SqlFixture extends LedgerFixture {

  Sql sql();

  SqlServer server();

  /** Counts of the ledger under test since the test began. */
  MeterRegistry metrics();

  /** Another connection pool to the same tables, as of another operator. */
  default MySqlLedger open(LedgerConfig config, MeterRegistry metrics) {
    return MySqlLedger.open(config, AGEING, new Random(1), Thread::sleep, metrics);
  }

  default double brokenInvariants(MeterRegistry metrics) {
    return metrics.find("luigi.operator.ledger.invariants.broken").counters().stream()
        .mapToDouble(c -> c.count())
        .sum();
  }

  /** Every method of the ledger that may change a row. */
  default Set<String> namesOfChanges() {
    Set<String> names =
        Stream.of(
                ClusterLedger.class,
                RunLedger.class,
                AttemptLedger.class,
                ScheduleLedger.class,
                BackfillLedger.class,
                LedgerMaintenance.class)
            .flatMap(role -> Arrays.stream(role.getDeclaredMethods()))
            .map(Method::getName)
            .collect(Collectors.toCollection(TreeSet::new));
    for (String read :
        List.of(
            "claimsOfSilentClusters",
            "attemptsOfRetiredClusters",
            "auditTicks",
            "owned",
            "limited",
            "clients",
            "firedDates",
            "endedRuns",
            "openRunsOfBackfill",
            "loadBackfills",
            "newestRuns")) {
      assertThat(names.remove(read)).as("%s is a read", read).isTrue();
    }
    return names;
  }

  /** Deadlocks since the server started. */
  default int deadlocks() {
    return sql()
        .count("SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'");
  }
}
