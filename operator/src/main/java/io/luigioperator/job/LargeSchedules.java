/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.run.ScheduleObject;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Schedules that are too large for {@link ClusterView}, by live reads. It remembers a few of them,
 * because each reconciliation of a run needs its schedule. Thread-safe.
 */
final class LargeSchedules {

  private static final int REMEMBERED = 4;

  private record Name(String namespace, String name) {}

  /**
   * @param known the object of the cache for which it was read; each event replaces that object
   */
  private record Read(ScheduleObject known, ScheduleObject whole) {}

  private final KubernetesClient client;
  private final Map<Name, Read> recent =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Name, Read> eldest) {
          return size() > REMEMBERED;
        }
      };

  LargeSchedules(KubernetesClient client) {
    this.client = client;
  }

  /**
   * @param known the schedule without its spec, from the cache
   * @return this version or a newer one; empty if it does not exist any more
   */
  @SuppressWarnings("ReferenceEquality") // an equal one may be of a schedule that was created again
  Optional<ScheduleObject> read(ScheduleObject known) {
    Name name = new Name(known.namespace(), known.name());
    synchronized (recent) {
      Read last = recent.get(name);
      if (last != null && last.known() == known) {
        return Optional.of(last.whole());
      }
    }
    Optional<ScheduleObject> whole = live(known).map(CustomResources::schedule);
    whole.ifPresent(
        s -> {
          synchronized (recent) {
            recent.put(name, new Read(known, s));
          }
        });
    return whole;
  }

  private Optional<PipelineSchedule> live(ScheduleObject known) {
    return Optional.ofNullable(
        ApiErrors.send(
            "reading PipelineSchedule " + known.namespace() + "/" + known.name(),
            () ->
                client
                    .resources(PipelineSchedule.class)
                    .inNamespace(known.namespace())
                    .withName(known.name())
                    .get()));
  }
}
