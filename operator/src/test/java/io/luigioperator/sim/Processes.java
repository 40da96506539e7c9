/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.run.AdmitKey;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What physically runs in all clusters, independent of what an API server knows about it. */
final class Processes {

  /** It ends with its container, or at a time after the forced deletion of its pod. */
  private record Process(AdmitKey key, String node, Optional<Instant> until) {}

  private final InstantSource clock;
  private final Map<String, Process> byPod = new TreeMap<>();

  Processes(InstantSource clock) {
    this.clock = clock;
  }

  /** A pod counts as running from the removal of its gate, because it may start at any moment. */
  void begin(String podUid, AdmitKey key) {
    byPod.put(podUid, new Process(key, "", Optional.empty()));
  }

  void end(String podUid) {
    byPod.remove(podUid);
  }

  /** Its pod is no longer in the API server; its node stops it at that time. */
  void endAt(String podUid, String node, Instant until) {
    byPod.computeIfPresent(
        podUid, (uid, p) -> new Process(p.key(), node, Optional.of(earlier(p.until(), until))));
  }

  /** A kubelet is connected again and stops the pods that were deleted meanwhile. */
  void endAllOf(String node, Instant until) {
    byPod.replaceAll(
        (uid, p) ->
            p.node().equals(node) && p.until().filter(until::isBefore).isPresent()
                ? new Process(p.key(), node, Optional.of(until))
                : p);
  }

  long count(AdmitKey key) {
    byPod.values().removeIf(p -> p.until().filter(t -> !clock.instant().isBefore(t)).isPresent());
    return byPod.values().stream().filter(p -> p.key().equals(key)).count();
  }

  private static Instant earlier(Optional<Instant> a, Instant b) {
    return a.filter(b::isAfter).orElse(b);
  }
}
