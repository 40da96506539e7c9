/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.ScheduleLedger;
import io.luigioperator.ledger.ScheduleLedger.ClientKey;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.ClientHealth;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.HealthSummary;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.TickSummary.Problem;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The health of the clients of all schedules in memory. That of a client is read after a leadership
 * has begun, and again after one of its runs was created or has ended. Otherwise it is read every
 * {@link #REFRESH}, but only if it may have changed without a reconciliation here.
 *
 * <p>Used by the thread of {@link TickLoop} only.
 */
final class ScheduleHealth {

  private static final Logger LOG = LoggerFactory.getLogger(ScheduleHealth.class);

  /** Clients that are read in one pass, so that cron times do not wait for long. */
  static final int PAGE = ScheduleLedger.MAX_CLIENTS;

  /** Runs of a client that are read first: with a date that has succeeded, these are enough. */
  private static final int FEW = 4;

  /** So that {@link ClientHealth#MAX_DATES} dates are found although some have several runs. */
  private static final int MANY = 2 * ClientHealth.MAX_DATES;

  /** Fewer clients than a page wait for so long, because more runs may end meanwhile. */
  private static final Duration COLLECT = Duration.ofSeconds(5);

  /** A run that ends without a reconciliation here, for example in another cluster, shows then. */
  private static final Duration REFRESH = Duration.ofMinutes(15);

  private static final Duration RETRY = Duration.ofMinutes(1);

  private final Ledger ledger;
  private final boolean shared;
  private final Metrics metrics;

  /** The clients that each schedule lists; empty until a client was read. */
  private final Map<ScheduleKey, Map<String, Optional<ClientHealth>>> schedules = new HashMap<>();

  private final SequencedSet<ClientKey> unread = new LinkedHashSet<>();
  private Instant readAt = Instant.MIN;
  private Instant refreshAt = Instant.MIN;
  private boolean delayed;

  /** Whether the metric counts clients that are not listed any more. */
  private boolean reportOutdated;

  /**
   * @param shared whether other clusters use the ledger, so that a run can begin and end without a
   *     reconciliation here
   */
  ScheduleHealth(Ledger ledger, boolean shared, Metrics metrics) {
    this.ledger = ledger;
    this.shared = shared;
    this.metrics = metrics;
  }

  void clear() {
    schedules.clear();
    unread.clear();
    readAt = Instant.MIN;
    delayed = false;
  }

  void forget(ScheduleKey schedule) {
    reportOutdated |= schedules.remove(schedule) != null;
  }

  /** These are the clients of the schedule from now on; the health of new ones is read. */
  void list(ScheduleKey schedule, Set<String> clients) {
    Map<String, Optional<ClientHealth>> known =
        schedules.computeIfAbsent(schedule, key -> new HashMap<>());
    reportOutdated |= known.keySet().retainAll(clients);
    for (String client : clients) {
      if (known.putIfAbsent(client, Optional.empty()) == null) {
        unread.add(new ClientKey(schedule, client));
      }
    }
  }

  /** Runs of these clients were created or have ended. */
  void outdated(ScheduleKey schedule, Collection<String> clients) {
    Map<String, Optional<ClientHealth>> known = schedules.getOrDefault(schedule, Map.of());
    clients.stream()
        .filter(known::containsKey)
        .forEach(client -> unread.add(new ClientKey(schedule, client)));
  }

  /**
   * What the status shows; empty until every client of the schedule was read.
   *
   * @param problems of clients whose cron times are not decided, by id
   */
  Optional<HealthSummary> summary(ScheduleKey schedule, Map<String, Problem> problems) {
    Map<String, ClientHealth> clients = new HashMap<>();
    for (var entry : schedules.getOrDefault(schedule, Map.of()).entrySet()) {
      if (entry.getValue().isEmpty()) {
        return Optional.empty();
      }
      clients.put(entry.getKey(), entry.getValue().get());
    }
    return Optional.of(HealthSummary.of(clients, problems));
  }

  /** When {@link #read} has something to do; empty if nothing is outdated. */
  Optional<Instant> nextRead(Instant now) {
    if (unread.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(isReadable(now) ? now : readAt);
  }

  private boolean isReadable(Instant now) {
    return !unread.isEmpty() && (unread.size() >= PAGE && !delayed || !now.isBefore(readAt));
  }

  /**
   * Reads at most {@link #PAGE} clients. After an error the next read is in a minute.
   *
   * @return the schedules whose health may have changed
   * @throws LedgerUnavailable if the ledger does not answer; the clients remain outdated
   */
  Set<ScheduleKey> read(Instant now) {
    if (!now.isBefore(refreshAt)) {
      refreshAt = now.plus(REFRESH);
      addUnnoticed();
    }
    if (!isReadable(now)) {
      if (unread.isEmpty() && reportOutdated) {
        report();
      }
      return Set.of();
    }
    unread.removeIf(key -> !isListed(key));
    List<ClientKey> page = unread.stream().limit(PAGE).toList();
    try {
      Set<ScheduleKey> changed = page.isEmpty() ? Set.of() : read(page);
      page.forEach(unread::remove);
      readAt = now.plus(COLLECT);
      delayed = false;
      report();
      return changed;
    } catch (LedgerUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      readAt = now.plus(RETRY);
      delayed = true;
      LOG.atError()
          .addKeyValue("clients", page)
          .setCause(e)
          .log("the health of these clients cannot be read; tried again in a minute");
      return Set.of();
    }
  }

  /** The clients whose health may have changed without a reconciliation here. */
  private void addUnnoticed() {
    schedules.forEach(
        (schedule, clients) ->
            clients.forEach(
                (client, health) -> {
                  if (shared || health.filter(ClientHealth::pending).isPresent()) {
                    unread.add(new ClientKey(schedule, client));
                  }
                }));
  }

  private boolean isListed(ClientKey key) {
    return schedules.getOrDefault(key.schedule(), Map.of()).containsKey(key.client());
  }

  private Set<ScheduleKey> read(List<ClientKey> page) {
    Map<ClientKey, List<DatedRun>> runs = new HashMap<>(ledger.schedules().newestRuns(page, FEW));
    List<ClientKey> more =
        page.stream()
            .filter(key -> !ClientHealth.isConclusive(runs.getOrDefault(key, List.of()), FEW))
            .toList();
    if (!more.isEmpty()) {
      runs.putAll(ledger.schedules().newestRuns(more, MANY));
    }
    Set<ScheduleKey> changed = new HashSet<>();
    for (ClientKey key : page) {
      Optional<ClientHealth> health =
          Optional.of(ClientHealth.of(runs.getOrDefault(key, List.of())));
      Map<String, Optional<ClientHealth>> known =
          Objects.requireNonNull(schedules.get(key.schedule()), "a listed schedule");
      if (!health.equals(known.put(key.client(), health))) {
        changed.add(key.schedule());
      }
    }
    return changed;
  }

  /** Not before all clients were read, so that the metric does not begin too low. */
  private void report() {
    int failing = 0;
    int lagging = 0;
    for (Map<String, Optional<ClientHealth>> clients : schedules.values()) {
      for (Optional<ClientHealth> health : clients.values()) {
        if (health.isEmpty()) {
          return;
        }
        switch (health.get().state()) {
          case FAILING -> failing++;
          case LAGGING -> lagging++;
          case OK -> {}
        }
      }
    }
    metrics.clientHealth(failing, lagging);
    reportOutdated = false;
  }
}
