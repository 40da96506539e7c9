/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Arithmetic on times, some of which may be absent. */
public final class Instants {

  /**
   * The times that Kubernetes can write: years of at most four digits. Users can write any text
   * into annotations, and later arithmetic with a time such as {@link Instant#MAX} would fail.
   */
  private static final Instant FIRST = Instant.EPOCH;

  private static final Instant LAST = Instant.parse("9999-12-31T23:59:59.999999Z");

  private Instants() {}

  public static Instant later(Instant a, Instant b) {
    return a.isAfter(b) ? a : b;
  }

  /** The later of the two; {@code b} when {@code a} is empty. */
  static Instant later(Optional<Instant> a, Instant b) {
    return a.filter(t -> t.isAfter(b)).orElse(b);
  }

  /** Empty if it is not a time in the format of Kubernetes, from 1970 to 9999. */
  public static Optional<Instant> parsed(@Nullable String time) {
    try {
      return Optional.ofNullable(time)
          .map(Instant::parse)
          .filter(t -> !t.isBefore(FIRST) && !t.isAfter(LAST));
    } catch (DateTimeException e) {
      return Optional.empty();
    }
  }

  /** To the second, as Kubernetes writes times. */
  static Instant toSecond(Instant t) {
    return t.truncatedTo(ChronoUnit.SECONDS);
  }

  /** At most the last time that the database can store; empty when {@code seconds} is. */
  static Optional<Instant> plusSeconds(Instant t, OptionalLong seconds) {
    return seconds.isEmpty()
        ? Optional.empty()
        : Optional.of(t.plusSeconds(seconds.getAsLong()))
            .map(sum -> sum.isAfter(LAST) ? LAST : sum);
  }
}
