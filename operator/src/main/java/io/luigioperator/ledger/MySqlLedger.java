/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.Ageing;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.random.RandomGenerator;

/** The ledger in MySQL 9 or MariaDB 11.4: opens the database and builds its roles. */
public final class MySqlLedger implements Ledger, AutoCloseable {

  private final Database database;
  private final Clusters clusters;
  private final Runs runs;
  private final Attempts attempts;
  private final Schedules schedules;
  private final Backfills backfills;
  private final Maintenance maintenance;
  private final Queries queries;

  private MySqlLedger(
      Database database,
      Ageing ageing,
      RandomGenerator random,
      Pause pause,
      MeterRegistry metrics) {
    this.database = database;
    Invariants invariants = new Invariants(metrics);
    Transactions transactions = new Transactions(database, random, pause, metrics);
    RunTransactions runTransactions = new RunTransactions(transactions, invariants);
    RowFilter filter = new RowFilter(metrics);
    this.queries = new Queries(transactions, filter);
    this.clusters = new Clusters(transactions);
    this.runs = new Runs(transactions, runTransactions, queries, filter, ageing);
    this.attempts = new Attempts(transactions, runTransactions, invariants);
    this.schedules = new Schedules(transactions, filter, ageing);
    this.backfills = new Backfills(transactions, filter, ageing);
    this.maintenance = new Maintenance(transactions, invariants, filter);
  }

  /**
   * Connects and brings the tables up to date.
   *
   * @param random for the pauses before a transaction is repeated
   * @throws LedgerUnavailable if MySQL does not answer, or not over TLS
   * @throws LedgerTooNew if a newer version of the operator has updated the tables
   */
  public static MySqlLedger open(
      LedgerConfig config,
      Ageing ageing,
      RandomGenerator random,
      Pause pause,
      MeterRegistry metrics) {
    Database database = new Database(config);
    try {
      database.migrate();
    } catch (RuntimeException e) {
      database.close();
      throw e;
    }
    return new MySqlLedger(database, ageing, random, pause, metrics);
  }

  @Override
  public ClusterLedger clusters() {
    return clusters;
  }

  @Override
  public RunLedger runs() {
    return runs;
  }

  @Override
  public AttemptLedger attempts() {
    return attempts;
  }

  @Override
  public ScheduleLedger schedules() {
    return schedules;
  }

  @Override
  public BackfillLedger backfills() {
    return backfills;
  }

  @Override
  public LedgerMaintenance maintenance() {
    return maintenance;
  }

  @Override
  public LedgerQueries queries() {
    return queries;
  }

  @Override
  public void close() {
    database.close();
  }
}
