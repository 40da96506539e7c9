/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.TickSummary;
import java.util.function.Consumer;

/**
 * What the controller of schedules needs from {@link TickLoop}. All methods may be called by
 * several threads at once.
 */
public interface TickSource {

  /** The schedule was created, changed or deleted. */
  void changed(ScheduleKey schedule);

  /** What its status shows of its ticks. */
  TickSummary summary(ScheduleKey schedule);

  /** Sets what is called when the summary of a schedule has changed. */
  void onChange(Consumer<ScheduleKey> listener);
}
