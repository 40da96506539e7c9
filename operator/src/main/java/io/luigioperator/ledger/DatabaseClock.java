/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices that the clock of the database has jumped forward. Each time that is read from the
 * database is compared with two predictions: the time before plus what has passed on the monotonic
 * clock of this process, and on the wall clock of this host. The clock has jumped if it is more
 * than {@link #TOLERANCE} ahead of both. If only the monotonic clock stays behind, time has really
 * passed, for example because the machine was suspended. If only the wall clock stays behind, it is
 * that one which was set.
 *
 * <p>After each reading that shows no jump the predictions start from it. So a constant difference
 * of the clocks, a slow drift, and a jump back are accepted. A jump that happened before the first
 * reading of this process cannot be told from a wrong clock of this host, and is only logged.
 *
 * <p>A jump is over when the clock is back. It is also over when {@code settle} has passed and the
 * database shows the same time as this host: then the clock was wrong before the jump, and no hold
 * that is measured with it ends early, because each has really passed. Thread-safe.
 */
public final class DatabaseClock {

  private static final Logger LOG = LoggerFactory.getLogger(DatabaseClock.class);

  static final Duration TOLERANCE = Duration.ofSeconds(60);

  /**
   * The greatest amounts by which the database can be ahead of the two clocks, in nanoseconds. The
   * database answered at some time between the start and the end of the query, so that a slow
   * answer must not look like a jump.
   */
  private record Baseline(long aheadOfMonotonic, long aheadOfWall) {}

  private final InstantSource hostClock;
  private final LongSupplier nanoTime;
  private final Duration settle;
  private final ReentrantLock lock = new ReentrantLock();
  private Optional<Baseline> baseline = Optional.empty();

  /** When the jump was noticed and when it was last seen, by the monotonic clock. */
  private long noticedAt;

  private long lastSeenAt;

  /** Zero: no jump. */
  private volatile Duration ahead = Duration.ZERO;

  /**
   * @param hostClock wall clock of this host
   * @param nanoTime monotonic time of this process
   * @param settle longer than every hold that keeps a mutex although nothing proves that its pod
   *     has ended
   */
  public DatabaseClock(InstantSource hostClock, LongSupplier nanoTime, Duration settle) {
    this.hostClock = hostClock;
    this.nanoTime = nanoTime;
    this.settle = settle;
  }

  /**
   * Runs a query and compares the database time that it returns.
   *
   * @throws LedgerUnavailable while the clock has jumped
   */
  <T> T read(Supplier<T> query, Function<T, Instant> time) {
    long before = nanoTime.getAsLong();
    long wallBefore = nanos(hostClock.instant());
    T answer = query.get();
    long database = nanos(time.apply(answer));
    long after = nanoTime.getAsLong();
    long wallAfter = nanos(hostClock.instant());
    lock.lock();
    try {
      Baseline highest = new Baseline(database - before, database - wallBefore);
      Baseline lowest = new Baseline(database - after, database - wallAfter);
      compare(highest, lowest, before, after);
    } finally {
      lock.unlock();
    }
    requireSteady();
    return answer;
  }

  private void compare(Baseline highest, Baseline lowest, long before, long after) {
    if (baseline.isEmpty()) {
      logDifference(lowest);
    }
    Baseline expected = baseline.orElse(highest);
    long jump =
        Math.min(
            lowest.aheadOfMonotonic() - expected.aheadOfMonotonic(),
            lowest.aheadOfWall() - expected.aheadOfWall());
    if (jump > TOLERANCE.toNanos()) {
      jumped(Duration.ofNanos(jump), highest, after);
    } else if (ahead.isZero() || before - lastSeenAt > 0) { // else it was read before the jump
      steady(highest, "the clock of the database is back; decisions continue");
    }
  }

  private void jumped(Duration jump, Baseline highest, long now) {
    if (ahead.isZero()) {
      noticedAt = now;
      LOG.atError()
          .addKeyValue("secondsAhead", jump.toSeconds())
          .log("the clock of the database has jumped forward; decisions pause");
    }
    ahead = jump;
    lastSeenAt = now;
    if (now - noticedAt >= settle.toNanos()
        && Math.abs(highest.aheadOfWall()) <= TOLERANCE.toNanos()) {
      steady(
          highest,
          "the clock of the database was corrected and shows the time of this host; decisions"
              + " continue");
    }
  }

  private void steady(Baseline next, String message) {
    if (!ahead.isZero()) {
      LOG.atWarn().log(message);
    }
    ahead = Duration.ZERO;
    baseline = Optional.of(next);
  }

  private static void logDifference(Baseline first) {
    Duration difference = Duration.ofNanos(first.aheadOfWall());
    if (difference.abs().compareTo(TOLERANCE) > 0) {
      LOG.atWarn()
          .addKeyValue("secondsAhead", difference.toSeconds())
          .log("the clocks of the database and of this host differ; one of them is wrong");
    }
  }

  /**
   * @throws LedgerUnavailable while the clock has jumped
   */
  void requireSteady() {
    Duration jump = ahead;
    if (!jump.isZero()) {
      throw new LedgerUnavailable(
          ("the clock of the database is %d s ahead of what the clocks of this host predict;"
                  + " correct the clock of the database: until then nothing is decided")
              .formatted(jump.toSeconds()));
    }
  }

  /** How far the clock has jumped; zero if it has not, or is back. */
  public Duration ahead() {
    return ahead;
  }

  private static long nanos(Instant time) {
    return Duration.between(Instant.EPOCH, time).toNanos();
  }
}
