/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs a transaction until it is known to have happened once or not at all: conflicts are repeated,
 * and a broken COMMIT, which is not a failed COMMIT, is looked up with a lock on a fresh
 * connection.
 */
final class Transactions {

  private static final Logger LOG = LoggerFactory.getLogger(Transactions.class);
  private static final int ROUNDS = 5;
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(50);

  /** What a transaction found or wrote. */
  record Outcome<T>(T value, Optional<CommitCheck> commitCheck) {

    /** Nothing was written; there is nothing to commit. */
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

  /** Tells by locking reads whether the commit of exactly this transaction happened. */
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
   * @throws StatementRefused if MySQL refuses the data for good
   * @throws LedgerUnavailable if MySQL does not answer, too many conflicts came, or the fate of the
   *     commit cannot be learnt
   */
  <T> T write(String what, Function<Handle, Outcome<T>> work) {
    for (int round = 1; ; round++) {
      Optional<Done<T>> done = attempt(what, work, round);
      if (done.isPresent()) {
        return done.get().value();
      }
      metrics.counter("luigi.operator.ledger.repeated").increment();
      rest(round);
    }
  }

  /** A wrapper, because a value may be an empty Optional of its own. */
  private record Done<T>(T value) {}

  /** Empty: once more from the start. */
  private <T> Optional<Done<T>> attempt(String what, Function<Handle, Outcome<T>> work, int round) {
    Handle h = open(what);
    boolean reusable = false;
    try {
      Outcome<T> outcome = body(h, work);
      if (outcome.commitCheck().isEmpty()) {
        h.rollback();
        reusable = true;
        return Optional.of(new Done<>(outcome.value()));
      }
      try {
        h.commit();
        reusable = true;
      } catch (RuntimeException e) {
        if (!happened(what, outcome.commitCheck().get(), e)) {
          return again(what, round, e);
        }
      }
      return Optional.of(new Done<>(outcome.value()));
    } catch (LedgerUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      return switch (SqlFault.of(e)) {
        case CONFLICT -> again(what, round, e);
        case DUPLICATE, REFUSED -> throw new StatementRefused(what, SqlFault.of(e), e);
        case UNAVAILABLE -> throw unfinished(what, e);
      };
    } finally {
      giveBack(h, reusable);
    }
  }

  /** Errors before COMMIT was sent: whatever the server thinks, it will roll back. */
  private <T> Outcome<T> body(Handle h, Function<Handle, Outcome<T>> work) {
    h.begin();
    return work.apply(h);
  }

  private <T> Optional<Done<T>> again(String what, int round, RuntimeException e) {
    if (round >= ROUNDS) {
      throw database.unavailable(
          "the ledger could not do %s in %d rounds".formatted(what, ROUNDS), e);
    }
    return Optional.empty();
  }

  private RuntimeException unfinished(String what, RuntimeException e) {
    // an error that is not MySQL's is a defect of ours and must not look like an outage
    return SqlFault.isSql(e) ? database.unavailable("the ledger did not do " + what, e) : e;
  }

  /**
   * A plain read would miss a commit that is still under way; a locking one waits for it, because
   * the old session keeps its row locks until it has committed or rolled back.
   */
  private boolean happened(String what, CommitCheck commitCheck, RuntimeException broken) {
    try (Handle h = database.openFresh()) {
      h.begin();
      h.execute("SET innodb_lock_wait_timeout = 2");
      boolean seen = commitCheck.sees(h);
      h.rollback();
      count(seen ? "committed" : "not_committed");
      LOG.atInfo()
          .addKeyValue("transaction", what)
          .addKeyValue("committed", seen)
          .log("looked up a broken commit");
      return seen;
    } catch (RuntimeException e) {
      count("unknown");
      e.addSuppressed(broken);
      throw database.unavailable("it is not known whether the ledger did " + what, e);
    }
  }

  private void count(String outcome) {
    metrics.counter("luigi.operator.ledger.broken.commits", "outcome", outcome).increment();
  }

  private Handle open(String what) {
    try {
      return database.open();
    } catch (RuntimeException e) {
      throw database.unavailable("the ledger did not do " + what, e);
    }
  }

  private void giveBack(Handle h, boolean reusable) {
    try {
      if (!reusable) {
        h.rollback();
      }
    } catch (RuntimeException e) {
      database.discard(h.getConnection()); // the server rolls back when the connection goes
    }
    try {
      h.close();
    } catch (RuntimeException e) {
      LOG.atDebug().setCause(e).log("a broken connection did not close in order");
    }
  }

  private void rest(int round) {
    try {
      long bound = LONGEST_PAUSE.toNanos() * round / ROUNDS;
      pause.sleep(Duration.ofNanos(random.nextLong(1, bound)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new LedgerUnavailable("interrupted between two rounds of a transaction", e);
    }
  }
}
