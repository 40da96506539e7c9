/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.run.RunKey;
import java.util.List;

/**
 * The cache of PipelineRuns and PipelineSchedules that {@link Kube} answers from. The controllers
 * of the java-operator-sdk watch both kinds and update it, so that each kind is watched once.
 * Thread-safe; an older version never replaces a newer one.
 */
public interface PipelineResourceCache {

  /**
   * @return whether the run is new, or its UID, spec or deletion has changed
   */
  boolean update(PipelineRun run);

  /** The run was deleted. */
  void remove(PipelineRun run);

  /**
   * @return the runs that refer to the schedule, if its spec has changed
   */
  List<RunKey> update(PipelineSchedule schedule);

  /**
   * The schedule was deleted.
   *
   * @return the runs that refer to it
   */
  List<RunKey> remove(PipelineSchedule schedule);

  /** The keys of all cached runs. */
  List<RunKey> runs();

  /** The keys of runs whose status is of an older generation than their spec. */
  List<RunKey> unobserved();
}
