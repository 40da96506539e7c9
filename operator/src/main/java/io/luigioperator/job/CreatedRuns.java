/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The cached PipelineRuns that the operator created, by schedule and client, so that the end of a
 * run does not lead to a search among all of them. Not thread-safe.
 */
final class CreatedRuns {

  private record Place(ScheduleKey schedule, String client) {}

  private final Map<RunKey, Place> places = new HashMap<>();
  private final Map<Place, Set<RunKey>> runs = new HashMap<>();

  /**
   * @param run with its spec, which says where it belongs and never changes
   */
  void put(RunObject run) {
    run.readableSpec()
        .ifPresent(
            spec ->
                run.schedule()
                    .map(name -> new ScheduleKey(run.key().namespace(), name))
                    .ifPresent(schedule -> put(run.key(), new Place(schedule, spec.client()))));
  }

  private void put(RunKey run, Place place) {
    if (!place.equals(places.get(run))) {
      remove(run);
      places.put(run, place);
      runs.computeIfAbsent(place, p -> new HashSet<>()).add(run);
    }
  }

  void remove(RunKey run) {
    Place place = places.remove(run);
    if (place != null) {
      runs.computeIfPresent(
          place,
          (p, keys) -> {
            keys.remove(run);
            return keys.isEmpty() ? null : keys;
          });
    }
  }

  Set<RunKey> of(ScheduleKey schedule, String client) {
    return runs.getOrDefault(new Place(schedule, client), Set.of());
  }
}
