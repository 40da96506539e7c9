/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.TickSummary;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;

/** Records the schedules that have changed; none has ticks. */
final class NoTicks implements TickSource {

  final Queue<ScheduleKey> changed = new ConcurrentLinkedQueue<>();

  @Override
  public void changed(ScheduleKey schedule) {
    changed.add(schedule);
  }

  @Override
  public TickSummary summary(ScheduleKey schedule) {
    return TickSummary.EMPTY;
  }

  @Override
  public void onChange(Consumer<ScheduleKey> listener) {
    // no summary changes
  }
}
