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
 * Priority with ageing: a run queues as if it had come earlier by the head start of its priority.
 * So a run is overtaken only by runs of a higher class that came less than the difference of head
 * starts after it.
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

  /** The virtual start of a run that may start from {@code since}. */
  public Instant admitAt(Priority priority, Instant since) {
    return since.minus(headStarts.get(priority));
  }

  /** The inverse: from when a run with this virtual start may start. */
  Instant since(Priority priority, Instant admitAt) {
    return admitAt.plus(headStarts.get(priority));
  }
}
