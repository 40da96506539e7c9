/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.hamcrest.Matcher;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.Test;

/** Conflicts of transactions with locks of other sessions. */
interface ConflictTests extends SqlFixture {

  /** NOWAIT found a lock, in MySQL and in MariaDB. */
  List<Integer> LOCKED = List.of(3572, 1205);

  default void lockMutexOf(Run run, Handle h) {
    h.createQuery("SELECT fence FROM client_mutex WHERE admit_key = ? FOR UPDATE")
        .bind(0, run.admitKey().value())
        .mapTo(Integer.class)
        .one();
  }

  /**
   * InnoDB keeps a copy of this table, and updates it only if the table was not read within the
   * last 100 ms. A shorter interval would read the same copy forever.
   */
  Duration INNODB_TRX_POLL_INTERVAL = Duration.ofMillis(150);

  default void untilTransactions(Sql watcher, String where, Matcher<Integer> count) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(INNODB_TRX_POLL_INTERVAL)
        .until(
            () -> watcher.count("SELECT COUNT(*) FROM information_schema.innodb_trx" + where),
            count);
  }

  default void untilOneWaits(Sql watcher) {
    untilTransactions(watcher, " WHERE trx_state = 'LOCK WAIT'", greaterThan(0));
  }

  @Test
  default void aBarrierWaitsForTheChangeUnderWay() throws Exception {
    String raise = "SELECT barrier FROM meta WHERE id = 1 FOR UPDATE NOWAIT";
    Run run = accepted(RunBuilder.named("r"));
    Handle stranger = sql().handle();
    stranger.begin();
    lockMutexOf(run, stranger);
    CompletableFuture<Optional<Run>> canceled =
        CompletableFuture.supplyAsync(
            () -> ledger().runs().cancel(run.key(), Reasons.CANCELED, "enough"));
    try (Sql person = new Sql(sql().config())) {
      untilOneWaits(person);
      assertThatThrownBy(() -> person.count(raise))
          .hasRootCauseInstanceOf(SQLException.class)
          .rootCause()
          .extracting(e -> ((SQLException) e).getErrorCode())
          .isIn(LOCKED);
      stranger.commit();
      assertThat(canceled.get(20, TimeUnit.SECONDS)).isPresent();
      assertThat(person.count(raise)).isZero();
    } finally {
      stranger.rollback();
    }
  }

  /**
   * The other session locks the rows in the opposite order and has changed more, so that the server
   * chooses the transaction of the ledger as the victim.
   */
  @Test
  default void aDeadlockIsRepeated() throws Exception {
    Run run = accepted(RunBuilder.named("r"));
    for (int i = 0; i < 20; i++) {
      accepted(RunBuilder.named("other" + i).client("c" + i));
    }
    int deadlocks = deadlocks();
    Handle stranger = sql().handle();
    stranger.begin();
    stranger.execute("UPDATE run SET message = 'changed' WHERE name LIKE 'other%'");
    stranger.execute("UPDATE run SET message = 'changed' WHERE run_id = ?", run.key().id());
    CompletableFuture<Optional<Run>> canceled =
        CompletableFuture.supplyAsync(
            () -> ledger().runs().cancel(run.key(), Reasons.CANCELED, "enough"));
    try (Sql watcher = new Sql(sql().config())) {
      untilOneWaits(watcher);
    }
    lockMutexOf(run, stranger);
    stranger.commit();
    assertThat(canceled.get(20, TimeUnit.SECONDS).orElseThrow().state())
        .isEqualTo(RunState.CANCELED);
    assertThat(metrics().counter("luigi.operator.ledger.repeated").count()).isEqualTo(1);
    assertThat(deadlocks()).as("the counter on which other tests rely").isEqualTo(deadlocks + 1);
  }

  @Test
  default void aLockThatIsNeverReleasedMakesTheLedgerUnavailable() {
    Run run = accepted(RunBuilder.named("r"));
    List<Duration> pauses = new CopyOnWriteArrayList<>();
    Handle stranger = sql().handle();
    try (MySqlLedger patient =
        MySqlLedger.open(
            sql().config(), AGEING, new Random(1), pauses::add, new SimpleMeterRegistry())) {
      stranger.begin();
      lockMutexOf(run, stranger);
      assertThatThrownBy(() -> patient.runs().cancel(run.key(), Reasons.CANCELED, "enough"))
          .isInstanceOf(LedgerUnavailable.class)
          .hasMessageContaining("cancel of run team-a/r gave up after 5 tries");
    } finally {
      stranger.rollback();
    }
    assertThat(pauses)
        .hasSize(4)
        .doesNotHaveDuplicates()
        .allSatisfy(p -> assertThat(p).isBetween(Duration.ofNanos(1), Duration.ofMillis(50)));
    assertThat(load(run)).isEqualTo(run);
    // the error came from a statement in the middle of a packet, after the barrier was locked
    untilTransactions(sql(), "", is(0));
  }
}
