/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineSpec;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.Hints;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.RunSnapshot.Refusal;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.StatusView;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads the state that a decision about a run depends on. It also remembers the pipelines whose pod
 * passed a dry run. Thread-safe.
 */
final class SnapshotReader {

  private static final int REMEMBERED_PIPELINES = 1000;

  /** A larger pipeline is checked again for each run, so that they do not fill the heap. */
  private static final int REMEMBERED_BYTES = 8 * 1024;

  /** A pipeline whose pod is checked by a dry run. */
  private record Pipeline(String namespace, PipelineSpec spec) {}

  private final Kube kube;
  private final String cluster;
  private final ScheduleLimits limits;
  private final Set<Pipeline> passed =
      Collections.synchronizedSet(
          Collections.newSetFromMap(
              new LinkedHashMap<>() {
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(Map.Entry<Pipeline, Boolean> eldest) {
                  return size() > REMEMBERED_PIPELINES;
                }
              }));

  private final ParsedRequests requests = new ParsedRequests();

  SnapshotReader(Kube kube, String cluster, ScheduleLimits limits) {
    this.kube = kube;
    this.cluster = cluster;
    this.limits = limits;
  }

  /**
   * @param record the rows of the run; empty if the ledger has none
   * @param podCheck the result of a dry run in this reconciliation, if there was one
   * @param refusal the last request for this run, if the API server refused it
   * @param now database time
   */
  RunSnapshot read(
      RunKey key,
      Optional<RunRecord> record,
      Freshness freshness,
      PodCheck podCheck,
      Optional<Refusal> refusal,
      Instant now) {
    Optional<RunObject> object = kube.run(key, freshness).flatMap(this::withSpec);
    Optional<ScheduleObject> schedule = object.flatMap(this::scheduleOf);
    RunSnapshot s =
        new RunSnapshot(
            key,
            cluster,
            object,
            schedule,
            record.isEmpty() && podCheck instanceof PodCheck.Unasked && hasPassed(object, schedule)
                ? new PodCheck.Passed()
                : podCheck,
            record.map(this::row),
            Optional.empty(),
            Optional.empty(),
            new Hints(
                refusal,
                Optional.empty(),
                record.filter(SnapshotReader::waitsForCapacity).flatMap(r -> withoutNode(key, now)),
                record
                    .map(RunRecord::run)
                    .filter(Run::waitsForLimit)
                    .flatMap(run -> run.definition().scheduleKey())
                    .flatMap(limits::use)));
    Optional<Attempt> mine = s.mine();
    if (mine.isEmpty()) {
      return s;
    }
    ObservedAttempt seen = kube.attempt(mine.get(), freshness);
    return new RunSnapshot(
        key,
        cluster,
        object,
        schedule,
        s.podCheck(),
        s.row(),
        Optional.of(seen),
        nodeIfNeeded(mine.get(), seen),
        new Hints(refusal, warning(mine.get(), seen, now), Optional.empty(), Optional.empty()));
  }

  /** The cache does not keep large specs. */
  private Optional<RunObject> withSpec(RunObject object) {
    return object.parsedSpec().isOmitted()
        ? kube.run(object.key(), Freshness.LIVE)
        : Optional.of(object);
  }

  private static boolean waitsForCapacity(RunRecord r) {
    return r.run().state() == RunState.READY && r.holder().isEmpty();
  }

  private Optional<ObservedPod> withoutNode(RunKey key, Instant now) {
    return Optional.ofNullable(kube.podsWithoutNode(now).get(key.namespace()));
  }

  /** Read only for a pod that has been starting for a while and whose status does not say why. */
  private Optional<String> warning(Attempt attempt, ObservedAttempt seen, Instant now) {
    return attempt
        .binding()
        .flatMap(b -> seen.pod(b.podUid()).filter(p -> StatusView.needsWarning(b, p, now)))
        .flatMap(kube::lastWarning);
  }

  /** The pod of this pipeline passed a dry run, so that other runs of it need none. */
  void rememberPassed(RunSnapshot s) {
    pipelineOf(s.object(), s.schedule())
        .filter(p -> !RequestJson.isLonger(p.spec(), REMEMBERED_BYTES))
        .ifPresent(passed::add);
  }

  private boolean hasPassed(Optional<RunObject> object, Optional<ScheduleObject> schedule) {
    return pipelineOf(object, schedule).filter(passed::contains).isPresent();
  }

  private static Optional<Pipeline> pipelineOf(
      Optional<RunObject> object, Optional<ScheduleObject> schedule) {
    return object.flatMap(
        o ->
            o.readableSpec()
                .flatMap(spec -> Optional.ofNullable(spec.pipeline()))
                .or(
                    () ->
                        schedule
                            .filter(s -> s.parsedSpec().problem().isEmpty())
                            .map(s -> s.spec().pipeline()))
                .map(spec -> new Pipeline(o.key().namespace(), spec)));
  }

  private Optional<ScheduleObject> scheduleOf(RunObject object) {
    return object
        .readableSpec()
        .flatMap(spec -> Optional.ofNullable(spec.scheduleRef()))
        .flatMap(ref -> kube.schedule(object.key().namespace(), ref.name()));
  }

  private RunSnapshot.Row row(RunRecord r) {
    return new RunSnapshot.Row(r.run(), requests.of(r.run()), r.attempts(), r.object(), r.holder());
  }

  /** Reads the node only if the bound pod is missing, without an exit status, or terminating. */
  private Optional<ObservedNode> nodeIfNeeded(Attempt attempt, ObservedAttempt seen) {
    if (attempt.binding().isEmpty() || attempt.node().isEmpty()) {
      return Optional.empty();
    }
    Optional<ObservedPod> pod = seen.pod(attempt.binding().get().podUid());
    boolean conclusive =
        pod.filter(p -> p.ending().isPresent() || !p.gone() && !p.terminal() && !p.terminating())
            .isPresent();
    return conclusive ? Optional.empty() : attempt.node().map(kube::node);
  }
}
