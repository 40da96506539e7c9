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
final class Instants {

  private Instants() {}

  /** The later of the two; {@code b} when {@code a} is empty. */
  static Instant later(Optional<Instant> a, Instant b) {
    return a.filter(t -> t.isAfter(b)).orElse(b);
  }

  /** Empty if it is not a time in the format of Kubernetes. */
  static Optional<Instant> parsed(@Nullable String time) {
    try {
      return Optional.ofNullable(time).map(Instant::parse);
    } catch (DateTimeException e) {
      return Optional.empty();
    }
  }

  /** To the second, as Kubernetes writes times. */
  static Instant toSecond(Instant t) {
    return t.truncatedTo(ChronoUnit.SECONDS);
  }

  /** Empty when {@code seconds} is. */
  static Optional<Instant> plusSeconds(Instant t, OptionalLong seconds) {
    return seconds.isPresent() ? Optional.of(t.plusSeconds(seconds.getAsLong())) : Optional.empty();
  }
}
