/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.ScheduleLedger.AppliedSpec;
import io.luigioperator.ledger.ScheduleLedger.Deletion;
import io.luigioperator.ledger.ScheduleLedger.OwnedSchedule;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.DeletionRule;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives up the schedules of this cluster whose PipelineSchedules are missing. The waiting runs of
 * one that a user deleted are canceled first, if its deletionPolicy says so.
 *
 * <p>A user has deleted it only if a live read does not find it, and then its namespace and the
 * definition of PipelineSchedules exist, are not being deleted, and are older than it. If many are
 * missing at once (see {@link DeletionRule}), the cause may be a fault, and no run is canceled. As
 * for PipelineRuns, a person can confirm deletions in a namespace. Used by the thread of {@link
 * TickLoop} only.
 */
final class ScheduleDeletions {

  private static final Logger LOG = LoggerFactory.getLogger(ScheduleDeletions.class);

  /** From the first deletion to the count of all. */
  private static final Duration DEBOUNCE = Duration.ofSeconds(2);

  /** If the API server refuses to say whether a schedule exists. */
  private static final Duration RETRY = Duration.ofMinutes(1);

  /** For so long further schedules may be missing because of the same fault. */
  private static final Duration MASS_DELETION = Duration.ofMinutes(10);

  /** Commits of one pass, so that the cron times of other schedules do not wait. */
  private static final int COMMITS = 20;

  static final String MESSAGE = "PipelineSchedule %s, which created the run, was deleted";

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final Consumer<RunKey> canceled;

  /** What the ledger says about the schedules of this cluster, as far as it is known. */
  private final Map<ScheduleKey, AppliedSpec> applied = new HashMap<>();

  /** The ledger may say something else about them, or nothing. */
  private final Set<ScheduleKey> outdated = new HashSet<>();

  /** When to look at them. */
  private final Map<ScheduleKey, Instant> missing = new TreeMap<>();

  private Instant massDeletionUntil = Instant.MIN;

  /**
   * @param canceled called for each run that was canceled; must not block
   */
  ScheduleDeletions(Ledger ledger, Kube kube, String cluster, Consumer<RunKey> canceled) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.canceled = canceled;
  }

  void begin() {
    applied.clear();
    outdated.clear();
    missing.clear();
  }

  /** The cluster owns it, as read from the ledger. */
  void owned(OwnedSchedule schedule) {
    schedule.applied().ifPresent(spec -> applied.put(schedule.key(), spec));
  }

  /** The cluster may own it anew: then the ledger has forgotten its spec. */
  void ownedAgain(ScheduleKey schedule) {
    outdated.add(schedule);
  }

  /** It exists. */
  void found(ScheduleKey schedule) {
    missing.remove(schedule);
  }

  /** Before any run is created by this spec of a schedule that the cluster owns. */
  void apply(ScheduleObject schedule) {
    AppliedSpec spec = AppliedSpec.of(schedule);
    if (outdated.contains(schedule.key()) || !spec.equals(applied.get(schedule.key()))) {
      ledger.schedules().applied(schedule.key(), cluster, spec);
      applied.put(schedule.key(), spec);
      outdated.remove(schedule.key());
    }
  }

  /** The cluster owns it, and the cache does not show it. */
  void missing(ScheduleKey schedule, Instant now) {
    missing.putIfAbsent(schedule, now.plus(DEBOUNCE));
  }

  /** When to look at missing schedules. */
  Optional<Instant> next() {
    return missing.values().stream().min(Comparator.naturalOrder());
  }

  /** Looks at all of them again in a minute. */
  void postpone(Instant now) {
    missing.replaceAll((schedule, t) -> now.plus(RETRY));
  }

  /**
   * What follows for the missing schedules.
   *
   * @param givenUp the cluster does not own them any more
   * @param exist a live read found them
   */
  record Conclusion(List<ScheduleKey> givenUp, List<ScheduleKey> exist) {
    static final Conclusion NONE = new Conclusion(List.of(), List.of());
  }

  /** Looks at all missing schedules, if the time for one has come. */
  Conclusion conclude(int owned, Instant now) {
    if (next().filter(t -> !t.isAfter(now)).isEmpty()) {
      return Conclusion.NONE;
    }
    if (!kube.identity().equals(ClusterIdentity.uidOf(cluster))) {
      LOG.atWarn()
          .addKeyValue("cluster", cluster)
          .log(
              "the API server belongs to another cluster than at the start; missing schedules are"
                  + " ignored");
      postpone(now);
      return Conclusion.NONE;
    }
    Findings findings = look(owned, now);
    findings.exist.forEach(missing::remove);
    List<ScheduleKey> givenUp = new ArrayList<>();
    giveUp(findings, givenUp, now);
    for (ScheduleKey schedule : givenUp) {
      missing.remove(schedule);
      applied.remove(schedule);
      outdated.remove(schedule);
    }
    return new Conclusion(givenUp, findings.exist);
  }

  /** What one pass has read. */
  private static final class Findings {
    final List<ScheduleKey> exist = new ArrayList<>();

    /** Users deleted them. */
    final Set<ScheduleKey> deleted = new TreeSet<>();

    /** They are missing for another reason, or it is not certain. */
    final Set<ScheduleKey> lost = new TreeSet<>();
  }

  private Findings look(int owned, Instant now) {
    Findings f = new Findings();
    Set<ScheduleKey> gone = new TreeSet<>();
    Map<String, Optional<Instant>> served = new HashMap<>();
    Map<String, Boolean> confirmed = new HashMap<>();
    boolean mass = now.isBefore(massDeletionUntil);
    for (ScheduleKey schedule : missing.keySet()) {
      String namespace = schedule.namespace();
      mass |= DeletionRule.isMass(owned, gone.size());
      if (!isOlder(served.computeIfAbsent(namespace, kube::schedulesServedSince), schedule)) {
        f.lost.add(schedule);
      } else if (confirmed.computeIfAbsent(namespace, n -> isConfirmed(n, now))) {
        lookAt(schedule, f.deleted, f, now);
      } else if (mass) {
        gone.add(schedule); // each further read would cost a request
      } else {
        lookAt(schedule, gone, f, now);
      }
    }
    if (mass || DeletionRule.isMass(owned, gone.size())) {
      keepRuns(gone, owned, now);
      f.lost.addAll(gone);
    } else {
      f.deleted.addAll(gone);
    }
    // read again, after the absence: the deletion of a namespace also deletes what is in it
    Map<String, Optional<Instant>> servedNow = new HashMap<>();
    for (ScheduleKey schedule : List.copyOf(f.deleted)) {
      if (!isOlder(
          servedNow.computeIfAbsent(schedule.namespace(), kube::schedulesServedSince), schedule)) {
        f.deleted.remove(schedule);
        f.lost.add(schedule);
      }
    }
    return f;
  }

  /** Whether namespace and definition are served, and were created before the schedule. */
  private boolean isOlder(Optional<Instant> servedSince, ScheduleKey schedule) {
    AppliedSpec spec = applied.get(schedule);
    return spec != null && servedSince.filter(t -> !t.isAfter(spec.createdAt())).isPresent();
  }

  private boolean isConfirmed(String namespace, Instant now) {
    return kube.deletionsConfirmed(namespace)
        .filter(t -> ObjectDeletions.isValidConfirmation(t, now))
        .isPresent();
  }

  private void lookAt(ScheduleKey schedule, Set<ScheduleKey> ifMissing, Findings f, Instant now) {
    try {
      if (kube.scheduleExists(schedule)) {
        f.exist.add(schedule);
      } else {
        ifMissing.add(schedule);
      }
    } catch (KubeRefused e) {
      LOG.atWarn()
          .addKeyValue("schedule", schedule)
          .addKeyValue("error", e.getMessage())
          .log("it is unknown whether this schedule was deleted; looked at again in a minute");
      missing.put(schedule, now.plus(RETRY));
    }
  }

  /**
   * Recorded for all of them before any is given up: a next leader would count only those that are
   * left, and might take them for deleted.
   */
  private void keepRuns(Set<ScheduleKey> gone, int owned, Instant now) {
    if (gone.isEmpty()) {
      return;
    }
    LOG.atError()
        .addKeyValue("missing", gone.size())
        .addKeyValue("owned", owned)
        .log("too many PipelineSchedules are missing at once; their runs go on");
    massDeletionUntil = now.plus(MASS_DELETION);
    for (ScheduleKey schedule : gone) {
      // of one that has none it is not certain that it was deleted, so it is not among them
      AppliedSpec kept = Objects.requireNonNull(applied.get(schedule)).keepingRuns();
      ledger.schedules().applied(schedule, cluster, kept);
      applied.put(schedule, kept);
    }
  }

  private void giveUp(Findings f, List<ScheduleKey> givenUp, Instant now) {
    int commits = 0;
    for (ScheduleKey schedule : f.deleted) {
      Deletion deletion = new Deletion(List.of(), false);
      for (; commits < COMMITS && !deletion.complete(); commits++) {
        deletion =
            ledger
                .schedules()
                .deleted(
                    schedule,
                    cluster,
                    Reasons.SCHEDULE_DELETED,
                    MESSAGE.formatted(schedule.name()));
        deletion.canceled().forEach(run -> canceled.accept(run.key()));
      }
      if (deletion.complete()) {
        LOG.atInfo().addKeyValue("schedule", schedule).log("given up: a user has deleted it");
        givenUp.add(schedule);
      } else {
        missing.put(schedule, now); // the next pass continues
      }
    }
    for (ScheduleKey schedule : f.lost) {
      ledger.schedules().disown(schedule, cluster);
      LOG.atInfo()
          .addKeyValue("schedule", schedule)
          .log(
              "given up: it is missing; its runs go on, because it is not certain that a user has"
                  + " deleted it");
      givenUp.add(schedule);
    }
  }
}
