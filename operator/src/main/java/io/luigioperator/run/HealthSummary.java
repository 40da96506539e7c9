/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.AttentionStatus;
import io.luigioperator.run.TickSummary.Problem;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * The health of the clients of a schedule. A client that is invalid may be failing or lagging, too.
 *
 * @param ok clients that are neither failing nor lagging nor invalid
 * @param ended clients of which a business date has ended
 * @param attention the worst clients, at most {@link #MAX_ATTENTION}
 */
public record HealthSummary(
    int ok, int failing, int lagging, int ended, List<AttentionStatus> attention) {

  static final String FAILING = "Failing";
  static final String LAGGING = "Lagging";
  private static final String INVALID = "Invalid";

  /** How many clients the status names. */
  public static final int MAX_ATTENTION = 20;

  private static final int MAX_MESSAGE = 256;

  private static final ClientHealth UNKNOWN = ClientHealth.of(List.of());

  /** A client that is not ok. */
  private record NotOk(String id, String reason, ClientHealth health, String message) {

    /** In this order of reasons, then those that are most behind. */
    private static final List<String> REASONS = List.of(FAILING, LAGGING, INVALID);

    static final Comparator<NotOk> WORST_FIRST =
        Comparator.comparingInt((NotOk c) -> REASONS.indexOf(c.reason()))
            .thenComparing(c -> c.health().datesBehind(), Comparator.reverseOrder())
            .thenComparing(NotOk::id);

    static Optional<NotOk> of(String id, ClientHealth health, Optional<Problem> problem) {
      String ending = health.lastEnded().map(NotOk::ending).orElse("");
      return switch (health.state()) {
        case FAILING -> Optional.of(new NotOk(id, FAILING, health, ending));
        case LAGGING -> Optional.of(new NotOk(id, LAGGING, health, ending));
        case OK -> problem.map(p -> new NotOk(id, INVALID, health, p.message()));
      };
    }

    private static String ending(DatedRun run) {
      return run.message().isEmpty() ? run.reason() : run.reason() + ": " + run.message();
    }

    AttentionStatus status() {
      return new AttentionStatus(
          id,
          reason,
          health.datesBehind(),
          health.lastEnded().map(DatedRun::businessDate).orElse(null),
          health.lastEnded().map(run -> run.key().name()).orElse(null),
          message.isEmpty() ? null : Message.bounded(message, MAX_MESSAGE));
    }
  }

  /**
   * @param clients the clients that the schedule lists, by id
   * @param problems of clients whose cron times are not decided, by id
   */
  public static HealthSummary of(Map<String, ClientHealth> clients, Map<String, Problem> problems) {
    Set<String> ids = new TreeSet<>(clients.keySet());
    ids.addAll(problems.keySet());
    List<NotOk> notOk =
        ids.stream()
            .flatMap(
                id ->
                    NotOk.of(
                        id,
                        clients.getOrDefault(id, UNKNOWN),
                        Optional.ofNullable(problems.get(id)))
                        .stream())
            .sorted(NotOk.WORST_FIRST)
            .toList();
    return new HealthSummary(
        ids.size() - notOk.size(),
        count(notOk, FAILING),
        count(notOk, LAGGING),
        Math.toIntExact(clients.values().stream().filter(c -> c.lastEnded().isPresent()).count()),
        notOk.stream().limit(MAX_ATTENTION).map(NotOk::status).toList());
  }

  private static int count(List<NotOk> all, String reason) {
    return Math.toIntExact(all.stream().filter(c -> c.reason().equals(reason)).count());
  }

  /** The worst clients with a reason, at most {@code limit}. */
  List<String> worst(String reason, int limit) {
    return attention.stream()
        .filter(a -> reason.equals(a.reason()))
        .map(AttentionStatus::client)
        .limit(limit)
        .toList();
  }
}
