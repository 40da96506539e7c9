/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.Priority;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;

/**
 * Priority with ageing: a run waits as if it had been accepted earlier by the head start of its
 * priority. So only runs of a higher priority overtake it, and only those accepted later by less
 * than the difference of the two head starts.
 */
public record Ageing(Map<Priority, Duration> headStarts) {

  /** Low 0, Normal 1 h, High 4 h, Critical 24 h. */
  public static final Ageing DEFAULT =
      new Ageing(
          Map.of(
              Priority.Low, Duration.ZERO,
              Priority.Normal, Duration.ofHours(1),
              Priority.High, Duration.ofHours(4),
              Priority.Critical, Duration.ofHours(24)));

  public Ageing {
    headStarts = Map.copyOf(headStarts);
    for (Priority p : Priority.values()) {
      if (!headStarts.containsKey(p)) {
        throw new IllegalArgumentException("no head start for priority " + p);
      }
    }
  }

  /** The virtual start of a run that may start at {@code since}: runs are claimed in its order. */
  public Instant admitAt(Priority priority, Instant since) {
    return since.minus(headStarts.get(priority));
  }

  /** The inverse of {@link #admitAt}. */
  Instant since(Priority priority, Instant admitAt) {
    return admitAt.plus(headStarts.get(priority));
  }
}
