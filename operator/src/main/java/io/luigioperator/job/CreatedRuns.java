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

  private record ClientOfSchedule(ScheduleKey schedule, String client) {}

  private final Map<RunKey, ClientOfSchedule> clients = new HashMap<>();
  private final Map<ClientOfSchedule, Set<RunKey>> runs = new HashMap<>();

  /**
   * @param run with its spec, whose schedule and client never change
   */
  void put(RunObject run) {
    run.readableSpec()
        .ifPresent(
            spec ->
                run.schedule()
                    .map(name -> new ScheduleKey(run.key().namespace(), name))
                    .ifPresent(
                        schedule -> put(run.key(), new ClientOfSchedule(schedule, spec.client()))));
  }

  private void put(RunKey run, ClientOfSchedule client) {
    if (!client.equals(clients.get(run))) {
      remove(run);
      clients.put(run, client);
      runs.computeIfAbsent(client, p -> new HashSet<>()).add(run);
    }
  }

  void remove(RunKey run) {
    ClientOfSchedule client = clients.remove(run);
    if (client != null) {
      runs.computeIfPresent(
          client,
          (p, keys) -> {
            keys.remove(run);
            return keys.isEmpty() ? null : keys;
          });
    }
  }

  Set<RunKey> of(ScheduleKey schedule, String client) {
    return runs.getOrDefault(new ClientOfSchedule(schedule, client), Set.of());
  }
}
