/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineSpec;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.ScheduleObject;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Gathers what a decision rests on, and remembers which pipelines the API server has accepted. */
final class SnapshotReader {

  private static final int REMEMBERED_PIPELINES = 1000;

  /** A pipeline in a namespace: what a dry run was about. */
  private record Checked(String namespace, PipelineSpec pipeline) {}

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final Set<Checked> passed =
      Collections.synchronizedSet(
          Collections.newSetFromMap(
              new LinkedHashMap<>() {
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(Map.Entry<Checked, Boolean> eldest) {
                  return size() > REMEMBERED_PIPELINES;
                }
              }));

  private final ParsedRequests requests = new ParsedRequests();

  SnapshotReader(Ledger ledger, Kube kube, String clusterId) {
    this.ledger = ledger;
    this.kube = kube;
    this.clusterId = clusterId;
  }

  RunSnapshot read(RunKey key, Freshness freshness, Optional<String> refusal) {
    Optional<RunObject> object = kube.run(key, freshness);
    Optional<ScheduleObject> schedule = object.flatMap(this::scheduleOf);
    Optional<RunSnapshot.Row> row = ledger.queries().load(key, clusterId).run(key).map(this::row);
    RunSnapshot s =
        new RunSnapshot(
            key,
            clusterId,
            object,
            schedule,
            podCheck(object, schedule, refusal),
            row,
            Optional.empty(),
            Optional.empty());
    Optional<Attempt> mine = s.mine();
    if (mine.isEmpty()) {
      return s;
    }
    ObservedAttempt seen = kube.attempt(mine.get(), freshness);
    return new RunSnapshot(
        key,
        clusterId,
        object,
        schedule,
        s.podCheck(),
        row,
        Optional.of(seen),
        nodeInDoubt(mine.get(), seen));
  }

  void remember(RunSnapshot s) {
    s.object()
        .flatMap(o -> pipelineOf(o, s.schedule()))
        .ifPresent(p -> passed.add(new Checked(s.key().namespace(), p)));
  }

  private PodCheck podCheck(
      Optional<RunObject> object, Optional<ScheduleObject> schedule, Optional<String> refusal) {
    if (refusal.isPresent()) {
      return new PodCheck.Refused(refusal.get());
    }
    return object
            .flatMap(o -> pipelineOf(o, schedule).map(p -> new Checked(o.key().namespace(), p)))
            .filter(passed::contains)
            .isPresent()
        ? new PodCheck.Passed()
        : new PodCheck.Unasked();
  }

  private static Optional<PipelineSpec> pipelineOf(
      RunObject object, Optional<ScheduleObject> schedule) {
    return Optional.ofNullable(object.spec().pipeline())
        .or(() -> schedule.map(s -> s.spec().pipeline()));
  }

  private Optional<ScheduleObject> scheduleOf(RunObject object) {
    return Optional.ofNullable(object.spec().scheduleRef())
        .flatMap(ref -> kube.schedule(object.key().namespace(), ref.name()));
  }

  private RunSnapshot.Row row(RunRecord r) {
    return new RunSnapshot.Row(r.run(), requests.of(r.run()), r.attempts(), r.object(), r.holder());
  }

  /** A node is asked about only when the bound pod is missing, silent, or slow to go. */
  private Optional<ObservedNode> nodeInDoubt(Attempt attempt, ObservedAttempt seen) {
    if (attempt.binding().isEmpty() || attempt.node().isEmpty()) {
      return Optional.empty();
    }
    Optional<ObservedPod> pod = seen.pod(attempt.binding().get().podUid());
    boolean fine =
        pod.filter(p -> p.ending().isPresent() || !p.gone() && !p.terminal() && !p.terminating())
            .isPresent();
    return fine ? Optional.empty() : attempt.node().map(kube::node);
  }
}
