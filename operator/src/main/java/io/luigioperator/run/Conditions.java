/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.luigioperator.api.PipelineRunStatus;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The conditions of one status, based on the previous ones: the transition time of a condition
 * changes only when its status does.
 */
final class Conditions {

  static final String ACCEPTED = "Accepted";
  static final String QUEUED = "Queued";
  static final String SUCCEEDED = "Succeeded";
  static final String FINISHED = "Finished";
  static final String RECONCILING = "Reconciling";
  static final String STALLED = "Stalled";

  static final String READY = "Ready";
  static final String RUNS_HEALTHY = "RunsHealthy";

  static final String TRUE = "True";
  static final String FALSE = "False";
  static final String UNKNOWN = "Unknown";

  private final TreeMap<String, Condition> byType = new TreeMap<>();
  private final List<Condition> previous;
  private final long generation;
  private final Instant now;

  Conditions(RunObject object, Instant now) {
    this(
        object.status().map(PipelineRunStatus::conditions).orElse(List.of()),
        object.generation(),
        now);
  }

  Conditions(List<Condition> previous, long generation, Instant now) {
    this.previous = previous;
    this.generation = generation;
    this.now = now;
  }

  Conditions set(String type, String status, String reason, String message) {
    Optional<Condition> before = previous(type).filter(c -> c.getStatus().equals(status));
    byType.put(
        type,
        new ConditionBuilder()
            .withType(type)
            .withStatus(status)
            .withReason(reason)
            .withMessage(Message.bounded(message))
            .withLastTransitionTime(
                before.map(Condition::getLastTransitionTime).orElseGet(() -> seconds(now)))
            .withObservedGeneration(generation)
            .build());
    return this;
  }

  /** As {@link #set}, but keeps the message while status and reason stay: that saves writes. */
  Conditions setLasting(String type, String status, String reason, String message) {
    String kept =
        previous(type)
            .filter(c -> c.getStatus().equals(status) && c.getReason().equals(reason))
            .map(Condition::getMessage)
            .orElse(message);
    return set(type, status, reason, kept);
  }

  /** Keeps the previous condition as it is, with the generation that it describes. */
  Conditions keep(String type) {
    previous(type).ifPresent(condition -> byType.put(type, condition));
    return this;
  }

  boolean isSet(String type) {
    return byType.containsKey(type);
  }

  private Optional<Condition> previous(String type) {
    return previous.stream().filter(c -> c.getType().equals(type)).findFirst();
  }

  /** The message of a condition that has been set. */
  String message(String type) {
    return Objects.requireNonNull(byType.get(type), type).getMessage();
  }

  List<Condition> list() {
    return List.copyOf(byType.values());
  }

  private static String seconds(Instant t) {
    return Instant.ofEpochSecond(t.getEpochSecond()).toString();
  }
}
