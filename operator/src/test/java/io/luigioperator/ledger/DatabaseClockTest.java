/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class DatabaseClockTest {

  private static final Duration SETTLE = Duration.ofMinutes(15);

  private Instant database = Instant.parse("2026-01-01T00:00:00Z");
  private Instant host = database;
  private long nanoTime;
  private final DatabaseClock clock = new DatabaseClock(() -> host, () -> nanoTime, SETTLE);

  private void pass(Duration time) {
    nanoTime += time.toNanos();
    host = host.plus(time);
    database = database.plus(time);
  }

  private boolean pauses() {
    try {
      assertThat(clock.read(() -> database, t -> t)).isEqualTo(database);
      assertThat(clock.ahead()).isZero();
      clock.requireSteady();
      return false;
    } catch (LedgerUnavailable e) {
      assertThat(clock.ahead()).isGreaterThan(DatabaseClock.TOLERANCE);
      assertThatThrownBy(clock::requireSteady).isInstanceOf(LedgerUnavailable.class);
      return true;
    }
  }

  private boolean pausesAfter(Duration time) {
    pass(time);
    return pauses();
  }

  @Test
  void pausesAfterAJumpOfMoreThanAMinuteUntilTheClockIsBack() {
    assertThat(pauses()).isFalse();
    database = database.plusSeconds(61);
    assertThat(pausesAfter(Duration.ofSeconds(10))).isTrue();
    assertThat(clock.ahead()).isEqualTo(Duration.ofSeconds(61));
    assertThatThrownBy(clock::requireSteady).hasMessageContaining("61 s ahead");
    assertThat(pausesAfter(Duration.ofHours(1))).isTrue();

    database = database.minusSeconds(61);
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
  }

  @Test
  void acceptsASmallJumpAndASlowDrift() {
    assertThat(pauses()).isFalse();
    for (int i = 0; i < 1000; i++) {
      database = database.plusSeconds(1);
      assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
    }
    database = database.plusSeconds(60);
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
  }

  @Test
  void acceptsAConstantDifferenceAtTheStart() {
    database = database.plus(Duration.ofDays(3)); // or the clock of this host is wrong
    assertThat(pauses()).isFalse();
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
    database = database.plusSeconds(61);
    assertThat(pausesAfter(Duration.ofSeconds(10))).isTrue();
  }

  /** The monotonic clock stands still meanwhile, and the wall clock is set a little later. */
  @Test
  void acceptsTheTimeOfASuspendedMachine() {
    assertThat(pauses()).isFalse();
    database = database.plus(Duration.ofHours(8));
    assertThat(pauses()).isTrue();
    host = host.plus(Duration.ofHours(8));
    assertThat(pausesAfter(Duration.ofSeconds(1))).isFalse();
  }

  @Test
  void acceptsThatOnlyTheHostClockIsSet() {
    assertThat(pauses()).isFalse();
    host = host.minus(Duration.ofHours(1));
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
    host = host.plus(Duration.ofHours(2));
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
  }

  @Test
  void acceptsAJumpBackAndPausesWhenItIsCorrected() {
    assertThat(pauses()).isFalse();
    database = database.minus(Duration.ofHours(1));
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();

    // what was written meanwhile looks an hour old now
    database = database.plus(Duration.ofHours(1));
    assertThat(pausesAfter(Duration.ofSeconds(10))).isTrue();
    assertThat(pausesAfter(SETTLE.minusSeconds(1))).isTrue();
    assertThat(pausesAfter(Duration.ofSeconds(1))).isFalse();
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
  }

  @Test
  void doesNotGetUsedToAClockThatStaysWrong() {
    assertThat(pauses()).isFalse();
    database = database.plusSeconds(61);
    for (int i = 0; i < 1000; i++) {
      assertThat(pausesAfter(Duration.ofSeconds(10))).isTrue();
    }
  }

  /** A query that waited for a connection, or a thread that stood still after it. */
  @Test
  void acceptsASlowAnswer() {
    assertThat(pauses()).isFalse();
    clock.read(
        () -> {
          pass(Duration.ofMinutes(2));
          Instant read = database;
          pass(Duration.ofMinutes(2));
          return read;
        },
        t -> t);
    assertThat(clock.ahead()).isZero();
    assertThat(pausesAfter(Duration.ofSeconds(10))).isFalse();
  }

  /** Its thread was overtaken by one that has seen the jump. */
  @Test
  void doesNotTakeAnOldAnswerForTheEndOfTheJump() {
    assertThat(pauses()).isFalse();
    assertThatThrownBy(
            () ->
                clock.read(
                    () -> {
                      Instant read = database;
                      database = database.plusSeconds(61);
                      assertThat(pauses()).isTrue();
                      return read;
                    },
                    t -> t))
        .isInstanceOf(LedgerUnavailable.class);
    assertThat(clock.ahead()).isPositive();
  }
}
