/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a transaction until it is known that it was committed once or not at all. It is repeated
 * after a conflict. If the answer to COMMIT is lost, locking reads on a fresh connection find out
 * whether it was committed.
 *
 * <p>Connections stay in autocommit mode; a transaction begins with START TRANSACTION in the same
 * packet as its first locks, and COMMIT is a packet of its own. So no statement is spent on
 * switching the mode, and a lost answer to COMMIT can be told from a lost answer to the change.
 */
final class Transactions {

  private static final Logger LOG = LoggerFactory.getLogger(Transactions.class);
  private static final int MAX_TRIES = 5;
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(50);

  private static final Statements COMMIT = Statements.of("COMMIT");
  private static final Statements ROLLBACK = Statements.of("ROLLBACK");

  /**
   * For the look-up of a commit whose answer was lost. The lock of the lost session ends within
   * this time unless the server hangs.
   */
  private static final Statements LOOK_UP =
      Statements.of("SET innodb_lock_wait_timeout = 2", "START TRANSACTION");

  /**
   * The first packet of a transaction: its begin, the barrier, and the locks that it works under.
   */
  static final class Opening {
    private final Statements statements;
    private final boolean guarded;

    private Opening(Statements statements, boolean guarded) {
      this.statements = statements;
      this.guarded = guarded;
    }

    static Opening of(String... locks) {
      return new Opening(
          Statements.of(
              Stream.concat(Stream.of("START TRANSACTION", Locks.BARRIER), Stream.of(locks))
                  .toArray(String[]::new)),
          true);
    }

    /** For a change that a raised barrier lets through. */
    static Opening withoutBarrier(String... locks) {
      return new Opening(
          Statements.of(
              Stream.concat(Stream.of("START TRANSACTION"), Stream.of(locks))
                  .toArray(String[]::new)),
          false);
    }
  }

  /** The body of a transaction, with what its opening has found. */
  @FunctionalInterface
  interface Work<T> {
    Outcome<T> run(Handle h, Results found);
  }

  /** What a transaction found or wrote. */
  record Outcome<T>(T value, Optional<CommitCheck> commitCheck) {

    /** Nothing is to be committed; what the opening wrote is rolled back. */
    static <T> Outcome<T> unchanged(T value) {
      return new Outcome<>(value, Optional.empty());
    }

    static <T> Outcome<T> changed(T value, CommitCheck commitCheck) {
      return new Outcome<>(value, Optional.of(commitCheck));
    }

    /** For changes that may simply be made again. */
    static <T> Outcome<T> repeatable(T value) {
      return changed(value, h -> false);
    }
  }

  /** Finds out by locking reads whether the commit of exactly this transaction happened. */
  @FunctionalInterface
  interface CommitCheck {
    boolean sees(Handle h);
  }

  private final Database database;
  private final RandomGenerator random;
  private final Pause pause;
  private final MeterRegistry metrics;

  Transactions(Database database, RandomGenerator random, Pause pause, MeterRegistry metrics) {
    this.database = database;
    this.random = random;
    this.pause = pause;
    this.metrics = metrics;
  }

  <T> T read(String what, Function<Handle, T> query) {
    try (Handle h = database.open()) {
      return query.apply(h);
    } catch (RuntimeException e) {
      throw unfinished(what, e);
    }
  }

  /**
   * @param what for messages: the name of the change and what it is about
   * @throws StatementRefused if MySQL refuses the data permanently
   * @throws LedgerUnavailable if MySQL does not answer, too many conflicts came, or it cannot be
   *     found out whether the commit happened
   */
  <T> T write(String what, Opening opening, Consumer<Query> values, Work<T> work) {
    return untilKnown(what, number -> attempt(what, opening, values, work, number));
  }

  /**
   * One statement in autocommit, so that it takes one round trip.
   *
   * @param statement empty: its guard does not hold
   * @param lookUp finds by a locking read what the statement has written, if it was executed
   * @throws StatementRefused if MySQL refuses the data permanently
   * @throws LedgerUnavailable as {@link #write}
   */
  <T> Optional<T> writeOnce(
      String what, Function<Handle, Optional<T>> statement, Function<Handle, Optional<T>> lookUp) {
    return untilKnown(what, number -> attemptOnce(what, statement, lookUp, number));
  }

  /** A wrapper, because the value itself may be an empty Optional. */
  private record Done<T>(T value) {}

  /** Runs the transaction once; empty if it must be repeated from the start. */
  @FunctionalInterface
  private interface Try<T> {
    Optional<Done<T>> run(int number);
  }

  private <T> T untilKnown(String what, Try<T> once) {
    for (int number = 1; ; number++) {
      Optional<Done<T>> done = once.run(number);
      if (done.isPresent()) {
        return done.get().value();
      }
      metrics.counter("luigi.operator.ledger.repeated").increment();
      pauseBefore(what, number);
    }
  }

  private <T> Optional<Done<T>> attempt(
      String what, Opening opening, Consumer<Query> values, Work<T> work, int number) {
    Handle h = open(what);
    boolean reusable = false;
    try {
      Outcome<T> outcome =
          opening.statements.run(
              h,
              values,
              found -> {
                if (opening.guarded) {
                  Locks.requireNoBarrier(found);
                }
                return work.run(h, found);
              });
      if (outcome.commitCheck().isEmpty()) {
        ROLLBACK.run(h, q -> {});
        reusable = true;
        return Optional.of(new Done<>(outcome.value()));
      }
      try {
        COMMIT.run(h, q -> {});
        reusable = true;
      } catch (RuntimeException e) {
        if (!lookedUp(what, e, fresh -> committed(outcome, fresh)).isPresent()) {
          return again(what, number, e);
        }
      }
      return Optional.of(new Done<>(outcome.value()));
    } catch (LedgerUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      return failed(what, number, e);
    } finally {
      giveBack(h, reusable);
    }
  }

  private static Optional<Boolean> committed(Outcome<?> outcome, Handle fresh) {
    return Optional.of(outcome.commitCheck().orElseThrow().sees(fresh)).filter(seen -> seen);
  }

  private <T> Optional<Done<Optional<T>>> attemptOnce(
      String what,
      Function<Handle, Optional<T>> statement,
      Function<Handle, Optional<T>> lookUp,
      int number) {
    Handle h = open(what);
    try {
      return Optional.of(new Done<>(statement.apply(h)));
    } catch (LedgerUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      if (!SqlFault.isSql(e) || SqlFault.of(e) != SqlFault.UNAVAILABLE) {
        return failed(what, number, e);
      }
      Optional<T> written = lookedUp(what, e, lookUp);
      return written.isPresent() ? Optional.of(new Done<>(written)) : again(what, number, e);
    } finally {
      giveBack(h, true); // a transaction is never left open
    }
  }

  private <T> Optional<Done<T>> failed(String what, int number, RuntimeException e) {
    return switch (SqlFault.of(e)) {
      case CONFLICT -> again(what, number, e);
      case DUPLICATE, REFUSED -> throw new StatementRefused(what, SqlFault.of(e), e);
      case UNAVAILABLE -> throw unfinished(what, e);
    };
  }

  private <T> Optional<Done<T>> again(String what, int number, RuntimeException e) {
    if (number >= MAX_TRIES) {
      throw database.unavailable("%s gave up after %d tries".formatted(what, MAX_TRIES), e);
    }
    return Optional.empty();
  }

  private RuntimeException unfinished(String what, RuntimeException e) {
    // an error that does not come from MySQL is a defect of ours and must not look like an outage
    return SqlFault.isSql(e) ? database.unavailable(what + " was not carried out", e) : e;
  }

  /**
   * A plain read would miss a commit that is still under way; a locking one waits for it, because
   * the lost session keeps its row locks until it has committed or rolled back.
   */
  private <T> Optional<T> lookedUp(
      String what, RuntimeException broken, Function<Handle, Optional<T>> lookUp) {
    try (Handle h = database.openFresh()) {
      LOOK_UP.run(h, q -> {});
      Optional<T> seen = lookUp.apply(h);
      ROLLBACK.run(h, q -> {});
      count(seen.isPresent() ? "committed" : "not_committed");
      LOG.atInfo()
          .addKeyValue("transaction", what)
          .addKeyValue("committed", seen.isPresent())
          .log("connection lost during a commit; its outcome was looked up");
      return seen;
    } catch (RuntimeException e) {
      count("unknown");
      e.addSuppressed(broken);
      throw database.unavailable("it is not known whether %s was committed".formatted(what), e);
    }
  }

  private void count(String outcome) {
    metrics.counter("luigi.operator.ledger.broken.commits", "outcome", outcome).increment();
  }

  private Handle open(String what) {
    try {
      return database.open();
    } catch (RuntimeException e) {
      throw database.unavailable(what + " was not carried out", e);
    }
  }

  /**
   * After an error the transaction is still open, also when the error came from the last statement
   * of a packet: without the rollback the next user of the connection would commit it.
   */
  private void giveBack(Handle h, boolean reusable) {
    try {
      if (!reusable) {
        ROLLBACK.run(h, q -> {});
      }
    } catch (RuntimeException e) {
      database.discard(h.getConnection()); // the server rolls back when the connection ends
    }
    try {
      h.close();
    } catch (RuntimeException e) {
      LOG.atDebug().setCause(e).log("a broken connection was not closed in order");
    }
  }

  private void pauseBefore(String what, int number) {
    try {
      long bound = LONGEST_PAUSE.toNanos() * number / MAX_TRIES;
      pause.sleep(Duration.ofNanos(random.nextLong(1, bound)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LedgerUnavailable(
          "ledger unavailable: interrupted before %s was repeated".formatted(what), e);
    }
  }
}
