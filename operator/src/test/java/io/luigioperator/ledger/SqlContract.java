/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;

/**
 * The contract on a real server, and the tests that need one. The tables are emptied before each.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class SqlContract extends LedgerContract
    implements ConstraintTests,
        DamageTests,
        PlanTests,
        QueryCostTests,
        RaceTests,
        ConflictTests,
        BrokenCommitTests,
        StatementTests,
        NewerVersionTests,
        DocumentationTests,
        TlsTests {

  private final MeterRegistry metrics = new SimpleMeterRegistry();
  private MySqlLedger ledger;
  private Sql sql;

  @BeforeAll
  void makeTables() {
    sql = server().freshDatabase(getClass().getSimpleName());
    ledger = open(sql.config(), metrics);
  }

  @AfterAll
  void close() {
    ledger.close();
    sql.close();
  }

  @BeforeEach
  void empty() {
    sql.empty();
    metrics.clear();
  }

  @Override
  public Ledger ledger() {
    return ledger;
  }

  @Override
  public void pass(Duration duration) {
    Instant until = ledger.queries().now().plus(duration);
    Awaitility.await()
        .pollInterval(Duration.ofMillis(1))
        .atMost(duration.plusSeconds(10))
        .until(() -> !ledger.queries().now().isBefore(until));
  }

  @Override
  public Sql sql() {
    return sql;
  }

  @Override
  public MeterRegistry metrics() {
    return metrics;
  }
}
