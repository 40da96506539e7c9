/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.CatchUpSpec;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.ledger.ScheduleLedger;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary.Problem;
import io.luigioperator.schedule.Candidate;
import io.luigioperator.schedule.CatchUp;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.Decision;
import io.luigioperator.schedule.Jitter;
import io.luigioperator.schedule.RunNames;
import io.luigioperator.schedule.SkipReason;
import io.luigioperator.schedule.TickDecider;
import io.luigioperator.schedule.TickDecisions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Computes what is to be decided for the clients of a schedule, with the runs of the business dates
 * that fire. One instance serves one pass over some clients.
 */
final class ClientDecisions {

  /** Hash characters of a run name whose shorter forms are taken by other runs. */
  private static final List<Integer> LONGER_HASHES = List.of(10, 16);

  /** What to decide for a client, or why that is not possible. */
  sealed interface Prepared {
    /**
     * @param skipped how many cron times are skipped for each reason
     * @param droppedDates missed business dates without a run
     * @param complete whether no cron time up to now is left
     */
    record Decidable(
        ClientDecision decision, Map<SkipReason, Long> skipped, long droppedDates, boolean complete)
        implements Prepared {}

    record Undecidable(Problem problem) implements Prepared {}
  }

  private final ScheduleObject schedule;
  private final CatchUp catchUp;
  private final Instant now;
  private final Function<RunKey, Optional<RunObject>> objects;
  private final Map<String, ScheduleClient> clients = new HashMap<>();
  private final Map<RunKey, RunKey> longerNames = new HashMap<>();

  /**
   * @param objects returns the PipelineRun of a name, from a cache
   */
  ClientDecisions(
      ScheduleObject schedule, Instant now, Function<RunKey, Optional<RunObject>> objects) {
    CatchUpSpec spec = schedule.spec().catchUp();
    this.schedule = schedule;
    this.catchUp = new CatchUp(spec.policy(), spec.maxRunsPerClient(), spec.windowSeconds());
    this.now = now;
    this.objects = objects;
    schedule.spec().clients().forEach(client -> clients.put(client.id(), client));
  }

  CatchUp catchUp() {
    return catchUp;
  }

  /**
   * @param after the rules that apply once all cron times up to now are decided
   * @param fired business dates of this client that are known to have fired; the ledger checks it
   *     again
   */
  Prepared prepare(ClientTicks client, ClientRules.Valid after, Set<String> fired) {
    TickDecisions ticks =
        TickDecider.decide(client.rules(), client.from(), now, catchUp, fired::contains)
            .upToRuns(ScheduleLedger.MAX_RUNS);
    List<Tick> decided = new ArrayList<>();
    for (Decision decision : ticks.decided()) {
      switch (decision) {
        case Decision.Skipped(Candidate candidate, SkipReason reason) ->
            decided.add(tick(candidate, reason.name(), Optional.empty()));
        case Decision.Fired(Candidate candidate, boolean missed) -> {
          switch (run(client.id(), candidate, missed)) {
            case Resolution.Resolved(var _, NewRun run) ->
                decided.add(tick(candidate, "", Optional.of(run)));
            case Resolution.Refused(String _, String message, boolean _) -> {
              return new Prepared.Undecidable(invalid(client.id(), message));
            }
          }
        }
      }
    }
    return new Prepared.Decidable(
        new ClientDecision(
            client.id(),
            Optional.of(client.decidedUntil()),
            ticks.decidedUntil(),
            Optional.of(
                ticks.complete()
                    ? ClientRules.stored(after.rules(), after.json(), ticks.decidedUntil())
                    : ClientRules.stored(client.rules(), client.json(), ticks.decidedUntil())),
            decided,
            ticks.gaps()),
        ticks.skipped(),
        ticks.droppedDates(),
        ticks.complete());
  }

  /**
   * Another run has this name: the next decision for its business date uses a longer one.
   *
   * @return false if there is no longer one
   */
  boolean nameTaken(String client, String date, RunKey run) {
    RunKey first = key(RunNames.of(schedule.name(), client, date));
    Optional<RunKey> longer =
        LONGER_HASHES.stream()
            .map(length -> key(RunNames.of(schedule.name(), client, date, length)))
            .dropWhile(name -> !run.equals(first) && !name.equals(run))
            .filter(name -> !name.equals(run))
            .findFirst();
    longer.ifPresent(name -> longerNames.put(first, name));
    return longer.isPresent();
  }

  private static Tick tick(Candidate candidate, String reason, Optional<NewRun> run) {
    return new Tick(candidate.businessDate(), candidate.nominal(), reason, run);
  }

  static Problem invalid(String client, String message) {
    return new Problem(
        Reasons.CLIENT_INVALID, "no run is created for client %s: %s".formatted(client, message));
  }

  private Resolution run(String id, Candidate candidate, boolean missed) {
    RunKey shortest = key(RunNames.of(schedule.name(), id, candidate.businessDate()));
    RunKey name = longerNames.getOrDefault(shortest, shortest);
    Resolution resolution = run(name, id, candidate, missed);
    // Without this, the run would be accepted and then held, because its object cannot be created.
    while (resolution instanceof Resolution.Resolved(var _, NewRun run)
        && isObjectOfOtherRun(run)
        && nameTaken(id, candidate.businessDate(), name)) {
      name = longerNames.getOrDefault(shortest, shortest);
      resolution = run(name, id, candidate, missed);
    }
    return resolution;
  }

  /** Whether a user has applied another PipelineRun of this name; it may not be accepted yet. */
  private boolean isObjectOfOtherRun(NewRun run) {
    return objects.apply(run.key()).filter(o -> o.isOfOtherRun(run.requestSha())).isPresent();
  }

  private Resolution run(RunKey name, String id, Candidate candidate, boolean missed) {
    PipelineScheduleSpec spec = schedule.spec();
    Optional<ScheduleClient> client = Optional.ofNullable(clients.get(id));
    Priority usual = client.map(ScheduleClient::priority).orElse(spec.priority());
    int jitter = Jitter.seconds(schedule.namespace(), schedule.name(), id, spec.jitterSeconds());
    return Resolver.ofTick(
        name,
        schedule,
        id,
        candidate.businessDate(),
        missed ? spec.catchUp().priority() : usual,
        jitter == 0 ? Optional.empty() : Optional.of(candidate.nominal().plusSeconds(jitter)));
  }

  private RunKey key(String name) {
    return new RunKey(schedule.namespace(), name);
  }
}
