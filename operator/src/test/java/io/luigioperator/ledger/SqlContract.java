/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;

/** The contract on a real server: tables made once for the class, emptied before each test. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class SqlContract extends LedgerContract {

  private MySqlLedger ledger;
  private Sql sql;

  /** A server of the whole module run. */
  abstract SqlServer server();

  @BeforeAll
  void makeTables() {
    sql = server().freshDatabase(getClass().getSimpleName());
    ledger = open(sql.config(), new SimpleMeterRegistry());
  }

  @AfterAll
  void close() {
    ledger.close();
    sql.close();
  }

  @BeforeEach
  void empty() {
    sql.empty();
  }

  @Override
  public Ledger ledger() {
    return ledger;
  }

  @Override
  public void pass(Duration duration) {
    Instant until = ledger.now().plus(duration);
    Awaitility.await()
        .pollInterval(Duration.ofMillis(1))
        .atMost(duration.plusSeconds(10))
        .until(() -> !ledger.now().isBefore(until));
  }

  Sql sql() {
    return sql;
  }

  static MySqlLedger open(LedgerConfig config, MeterRegistry metrics) {
    return MySqlLedger.open(config, AGEING, new Random(1), Thread::sleep, metrics);
  }
}
