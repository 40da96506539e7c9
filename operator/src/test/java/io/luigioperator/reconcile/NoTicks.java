/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Function;

/** Records the schedules that have changed; none has ticks, so that each is applied at once. */
final class NoTicks implements TickSource {

  private final Function<ScheduleKey, Optional<ScheduleObject>> schedules;

  /** Whether the schedules that are read now are not applied. */
  volatile boolean unavailable;

  NoTicks(Function<ScheduleKey, Optional<ScheduleObject>> schedules) {
    this.schedules = schedules;
  }

  final Queue<ScheduleKey> changed = new ConcurrentLinkedQueue<>();

  @Override
  public void changed(ScheduleKey schedule) {
    changed.add(schedule);
  }

  @Override
  public TickSummary summary(ScheduleKey schedule) {
    return unavailable
        ? TickSummary.EMPTY
        : schedules.apply(schedule).map(TickSummary::withoutCrons).orElse(TickSummary.EMPTY);
  }

  @Override
  public void onChange(Consumer<ScheduleKey> listener) {
    // no summary changes
  }
}
