/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.HistorySpec;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.History;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Gatherers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes the PipelineRuns of ended runs that a schedule does not keep. Only those that the
 * operator created, and whose runs, as the ledger says, this schedule created for this client and
 * have ended: deleting the PipelineRun of an ended run cancels nothing. Used by the thread of
 * {@link TickLoop} only.
 */
final class HistoryLimits {

  private static final Logger LOG = LoggerFactory.getLogger(HistoryLimits.class);

  /** Deletions in one pass, so that the cron times of schedules do not wait. */
  private static final int DELETIONS = 50;

  private static final int RUNS_AT_ONCE = 500;

  private final Ledger ledger;
  private final Kube kube;

  /** The clients to look at. */
  private final Map<ScheduleKey, Set<String>> pending = new TreeMap<>();

  HistoryLimits(Ledger ledger, Kube kube) {
    this.ledger = ledger;
    this.kube = kube;
  }

  /** Runs of these clients have ended, or the schedule has changed since they ended. */
  void ended(ScheduleKey schedule, Set<String> clients) {
    pending.computeIfAbsent(schedule, s -> new TreeSet<>()).addAll(clients);
  }

  /** Whether a pass has left something to do. */
  boolean isPending() {
    return !pending.isEmpty();
  }

  /** Deletes up to {@link #DELETIONS} objects. */
  void pass() {
    int left = DELETIONS;
    for (ScheduleKey schedule : List.copyOf(pending.keySet())) {
      if (left == 0) {
        return;
      }
      try {
        left -= pass(schedule, left);
      } catch (LedgerUnavailable | KubeUnavailable e) {
        throw e;
      } catch (RuntimeException e) {
        pending.remove(schedule);
        LOG.atError()
            .addKeyValue("schedule", schedule)
            .setCause(e)
            .log("the history of this schedule was not limited; the next end of a run repeats it");
      }
    }
  }

  private int pass(ScheduleKey schedule, int limit) {
    Optional<HistorySpec> history =
        kube.schedule(schedule.namespace(), schedule.name())
            .filter(s -> s.parsedSpec().problem().isEmpty())
            .map(s -> s.spec().history());
    Set<String> clients = Objects.requireNonNull(pending.get(schedule));
    int deleted = 0;
    for (String client : history.isPresent() ? List.copyOf(clients) : List.<String>of()) {
      List<RunObject> beyond = beyond(schedule, client, history.get());
      List<RunObject> some = beyond.subList(0, Math.min(beyond.size(), limit - deleted));
      some.forEach(this::delete);
      deleted += some.size();
      if (some.size() < beyond.size()) {
        return deleted;
      }
      clients.remove(client);
    }
    pending.remove(schedule);
    return deleted;
  }

  /** The ledger is asked only if there may be too many. */
  private List<RunObject> beyond(ScheduleKey schedule, String client, HistorySpec history) {
    List<RunObject> ended =
        kube.createdRuns(schedule, client).stream().filter(History::isEnded).toList();
    if (History.beyond(history, ended).isEmpty()) {
      return List.of();
    }
    Set<RunKey> ofSchedule = new HashSet<>();
    ended.stream()
        .map(RunObject::key)
        .gather(Gatherers.windowFixed(RUNS_AT_ONCE))
        .forEach(some -> ofSchedule.addAll(ledger.schedules().endedRuns(schedule, client, some)));
    return History.beyond(
        history, ended.stream().filter(run -> ofSchedule.contains(run.key())).toList());
  }

  private void delete(RunObject run) {
    try {
      kube.deleteRun(run.key(), run.uid());
    } catch (KubeRefused e) {
      LOG.atWarn()
          .addKeyValue("run", run.key())
          .addKeyValue("error", e.getMessage())
          .log("a PipelineRun beyond the history of its schedule cannot be deleted");
    }
  }
}
