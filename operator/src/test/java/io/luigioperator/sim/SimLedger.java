/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.ledger.AttemptLedger;
import io.luigioperator.ledger.ClusterLedger;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance;
import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.ledger.RunLedger;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AmendTransition;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.AttemptTransitions;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.WaitingTransitions;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The ledger in memory: the same transitions under the same guards, each call one commit. */
public final class SimLedger
    implements Ledger, ClusterLedger, RunLedger, AttemptLedger, LedgerMaintenance, LedgerQueries {

  /** What the database would refuse: a violated constraint is a violated invariant. */
  public static final class ConstraintViolated extends AssertionError {
    private static final long serialVersionUID = 1L;

    ConstraintViolated(String message) {
      super(message);
    }
  }

  private static final Comparator<Head> ADMISSION =
      Comparator.comparing(Head::openAt).thenComparing(Head::key);

  private static final Comparator<TickCursor> TICKS =
      Comparator.comparing(TickCursor::scheduleId).thenComparing(TickCursor::client);

  private static final class Mutex {
    Optional<RunKey> holder = Optional.empty();
    long fence;
  }

  private record Cluster(
      ClusterIdentity identity, boolean shared, int order, Instant seenAt, boolean retired) {

    RegisteredCluster registered(Instant now) {
      return new RegisteredCluster(identity.value(), Duration.between(seenAt, now).toSeconds());
    }
  }

  private final InstantSource clock;
  private final Ageing ageing;
  private final Mutant mutant;
  private final Map<RunKey, Run> runs = new TreeMap<>();

  /** The first row of each run. */
  private final Map<RunKey, Run> accepted = new TreeMap<>();

  private final Map<RunKey, List<Attempt>> attempts = new TreeMap<>();
  private final Map<AdmitKey, Mutex> mutexes = new TreeMap<>();
  private final Map<String, Cluster> clusters = new TreeMap<>();
  private final Map<RunKey, Map<String, ObjectRecord>> objects = new TreeMap<>();
  private final SimLimits limits;
  private final SimSchedules schedules;
  private final SimBackfills backfills;
  private long changes;

  public SimLedger(InstantSource clock, Ageing ageing) {
    this(clock, ageing, Mutant.NONE);
  }

  /** Some mutants are errors of the ledger. */
  SimLedger(InstantSource clock, Ageing ageing, Mutant mutant) {
    this.clock = clock;
    this.ageing = ageing;
    this.mutant = mutant;
    this.limits = new SimLimits(runs::values, this::store, clock, mutant);
    this.schedules =
        new SimSchedules(
            this::isRetired,
            key -> Optional.ofNullable(runs.get(key)),
            runs::values,
            this::acceptTick,
            limits,
            this::cancelQueued,
            mutant);
    this.backfills = new SimBackfills(schedules, runs, mutant);
  }

  @Override
  public ClusterLedger clusters() {
    return this;
  }

  @Override
  public RunLedger runs() {
    return this;
  }

  @Override
  public AttemptLedger attempts() {
    return this;
  }

  @Override
  public SimSchedules schedules() {
    return schedules;
  }

  @Override
  public SimBackfills backfills() {
    return backfills;
  }

  @Override
  public LedgerMaintenance maintenance() {
    return this;
  }

  @Override
  public LedgerQueries queries() {
    return this;
  }

  // ---- for the invariants

  /** Grows with every change. */
  long changes() {
    return changes;
  }

  /** UIDs of bound pods that are missing; their attempts keep the keys. */
  List<String> missingPods() {
    return allAttempts().stream()
        .filter(Attempt::isLive)
        .flatMap(a -> a.binding().stream())
        .filter(b -> b.missingSince().isPresent())
        .map(Attempt.Binding::podUid)
        .toList();
  }

  public Run run(RunKey key) {
    return runs.get(key);
  }

  public Iterable<Run> allRuns() {
    return runs.values();
  }

  /** For the message of a failure. */
  List<Object> unfinished() {
    return runs.values().stream()
        .filter(r -> !r.state().isFinal())
        .<Object>map(r -> List.of(r, attemptsOf(r.key())))
        .toList();
  }

  List<Attempt> attemptsOf(RunKey key) {
    return attempts.getOrDefault(key, List.of());
  }

  Optional<Attempt> attemptByToken(String token) {
    return allAttempts().stream().filter(a -> a.token().equals(token)).findFirst();
  }

  SimLimits limits() {
    return limits;
  }

  Map<AdmitKey, Optional<RunKey>> mutexes() {
    Map<AdmitKey, Optional<RunKey>> result = new TreeMap<>();
    mutexes.forEach((k, m) -> result.put(k, m.holder));
    return result;
  }

  // ---- the transactions

  @Override
  public Instant now() {
    return clock.instant();
  }

  @Override
  public Registration register(ClusterIdentity identity, boolean shared) {
    Cluster mine = clusters.get(identity.value());
    if (mine != null && mine.retired()) {
      return new Registration.Retired();
    }
    int order = mine == null ? clusters.size() : mine.order();
    for (Cluster c : clusters.values()) {
      if (c.retired() || c.identity().equals(identity)) {
        continue;
      }
      if (c.identity().uid().equals(identity.uid())) {
        return new Registration.IdChanged(c.registered(now()));
      }
      if (c.identity().clusterId().equals(identity.clusterId())) {
        return new Registration.IdInUse(c.registered(now()));
      }
      if (c.order() < order && !(shared && c.shared())) {
        return new Registration.NotShared(c.registered(now()));
      }
    }
    clusters.put(identity.value(), new Cluster(identity, shared, order, now(), false));
    return new Registration.Registered();
  }

  @Override
  public Optional<RegisteredCluster> retire(String uid, Duration silence) {
    Optional<Cluster> dead =
        clusters.values().stream()
            .filter(c -> c.identity().uid().equals(uid) && !c.retired())
            .filter(c -> !now().isBefore(c.seenAt().plus(silence)))
            .findFirst();
    dead.ifPresent(
        c ->
            clusters.put(
                c.identity().value(),
                new Cluster(c.identity(), c.shared(), c.order(), c.seenAt(), true)));
    return dead.map(c -> c.registered(now()));
  }

  @Override
  public List<Attempt> attemptsOfRetiredClusters(int limit) {
    return allAttempts().stream()
        .filter(Attempt::isLive)
        .filter(a -> isRetired(a.cluster()))
        .sorted(Comparator.comparing(Attempt::claimedAt).thenComparing(Attempt::token))
        .limit(limit)
        .toList();
  }

  private boolean isRetired(String cluster) {
    Cluster known = clusters.get(cluster);
    return known != null && known.retired();
  }

  @Override
  public List<Acceptance> accept(List<AcceptRequest> requests) {
    return requests.stream().map(this::accept).toList();
  }

  private Acceptance accept(AcceptRequest request) {
    NewRun n = request.run();
    ObjectRecord object = request.object();
    Run known = runs.get(n.key());
    if (known != null) {
      return known.definition().requestSha().equals(n.requestSha())
          ? new Acceptance.Same(known)
          : new Acceptance.NameTaken(known);
    }
    Run run =
        request
            .outcome()
            .map(o -> WaitingTransitions.acceptEnded(n, o, ageing, now()))
            .orElseGet(() -> limits.accepted(WaitingTransitions.accept(n, ageing, now())));
    insert(n, run);
    objects.computeIfAbsent(n.key(), k -> new TreeMap<>()).put(object.cluster(), object);
    return new Acceptance.Accepted(run);
  }

  private void acceptTick(NewRun n) {
    insert(n, limits.accepted(WaitingTransitions.accept(n, ageing, now())));
  }

  private Optional<Run> cancelQueued(RunKey key, String reason, String message) {
    return move(key, r -> WaitingTransitions.cancelQueued(r, reason, message, now()));
  }

  private void insert(NewRun n, Run run) {
    runs.put(n.key(), run);
    limits.written(Optional.empty(), run);
    accepted.putIfAbsent(n.key(), run);
    changes++;
    if (!run.state().isFinal()) {
      n.admitKeys().forEach(key -> mutexes.computeIfAbsent(key, k -> new Mutex()));
    }
  }

  @Override
  public Optional<Run> restoreOutcome(RunKey run, RecordedOutcome outcome) {
    return WaitingTransitions.restoreOutcome(runs.get(run), outcome, now()).map(this::store);
  }

  @Override
  public void recordObject(RunKey run, ObjectRecord object) {
    if (runs.containsKey(run)) {
      objects.computeIfAbsent(run, k -> new TreeMap<>()).put(object.cluster(), object);
    }
  }

  @Override
  public Optional<Run> forgetObject(RunKey run, ObjectRecord object) {
    Map<String, ObjectRecord> known = objects.getOrDefault(run, Map.of());
    if (known.containsKey(object.cluster())
        && known.get(object.cluster()).uid().equals(object.uid())) {
      known.remove(object.cluster());
    }
    return release(run, Reasons.DELETION_UNCONFIRMED);
  }

  @Override
  public Optional<Run> amend(RunKey key, String cluster, long generation, Amendment a) {
    ObjectRecord known = objects.getOrDefault(key, Map.of()).get(cluster);
    if (known == null || known.appliedGeneration() >= generation) {
      return Optional.empty();
    }
    objects.get(key).put(cluster, known.withApplied(generation));
    Run run = runs.get(key);
    Run next = AmendTransition.amend(run, a, ageing, now()).orElse(run);
    return Optional.of(store(limits.changed(run, next)));
  }

  @Override
  public Optional<Claimed> claim(AdmitKey key, RunKey expected, String token, String cluster) {
    Mutex mutex = mutexes.get(key);
    if (mutex == null
        || isRetired(cluster)
        || mutex.holder.isPresent()
        || attemptByToken(token).isPresent()
        || !headOf(key).map(Run::key).equals(Optional.of(expected))) {
      return Optional.empty();
    }
    Optional<RunAndAttempt> moved =
        AttemptTransitions.claim(runs.get(expected), mutex.fence + 1, token, cluster, now());
    moved.ifPresent(
        m -> {
          mutex.holder = Optional.of(expected);
          mutex.fence++;
          store(m.run());
          attempts.computeIfAbsent(expected, k -> new ArrayList<>()).add(m.attempt());
          requireOneLiveAttempt(key);
        });
    if (moved.isEmpty()) {
      WaitingTransitions.expireOrHold(runs.get(expected), now()).ifPresent(this::store);
    }
    return moved.map(
        m ->
            new Claimed(
                m.run(), m.attempt(), objectOf(expected, cluster), m.attempt().claimedAt()));
  }

  @Override
  public Optional<RunAndAttempt> bind(AttemptRef ref, String jobUid, String podUid) {
    Optional<Attempt> found = attempt(ref);
    if (found.isEmpty()) {
      return Optional.empty();
    }
    Attempt attempt = found.get();
    Run run = runs.get(ref.run());
    if (attempt.isLive() && attempt.isBoundTo(podUid)) {
      return found.filter(a -> !run.cancel()).map(a -> new RunAndAttempt(run, a));
    }
    if (allAttempts().stream().anyMatch(a -> a.isBoundTo(podUid))) {
      return Optional.empty();
    }
    if (mutant == Mutant.BIND_WITHOUT_COMPARE) {
      Attempt rebound =
          attempt.with(
              new Attempt.Binding(
                  jobUid, podUid, now(), Optional.empty(), attempt.stopReason(), Optional.empty()));
      replace(rebound);
      return Optional.of(new RunAndAttempt(run, rebound));
    }
    return AttemptTransitions.bind(run, attempt, jobUid, podUid, now()).map(this::store);
  }

  @Override
  public Optional<Attempt> recordNode(Attempt attempt, String node) {
    return note(attempt, pod -> AttemptTransitions.recordNode(attempt, pod, node));
  }

  @Override
  public Optional<Attempt> markForStop(Attempt attempt, FailureCause cause, String message) {
    return note(attempt, pod -> AttemptTransitions.markForStop(attempt, pod, cause, message));
  }

  @Override
  public Optional<Attempt> markPodMissing(Attempt attempt) {
    return note(attempt, pod -> AttemptTransitions.markPodMissing(attempt, pod, now()));
  }

  @Override
  public Optional<Attempt> clearPodMissing(Attempt attempt) {
    return note(attempt, pod -> AttemptTransitions.clearPodMissing(attempt, pod));
  }

  private Optional<Attempt> note(Attempt known, Function<String, Optional<Attempt>> change) {
    Optional<Attempt> next =
        attempt(known.ref())
            .filter(known::equals)
            .flatMap(Attempt::binding)
            .flatMap(b -> change.apply(b.podUid()));
    next.ifPresent(this::replace);
    return next;
  }

  @Override
  public Optional<RunAndAttempt> finish(
      AttemptRef ref, String podUid, Ending ending, RetryPolicy policy, Presence presence) {
    int sameBefore =
        (int)
            attemptsOf(ref.run()).stream()
                .flatMap(a -> a.end().stream())
                .filter(e -> e.reason().equals(ending.cause().reason()))
                .count();
    return attempt(ref)
        .flatMap(
            a ->
                EndTransitions.finish(
                    runs.get(ref.run()), a, podUid, ending, policy, sameBefore, presence, now()))
        .map(this::settle);
  }

  @Override
  public Optional<RunAndAttempt> abandon(AttemptRef ref, Abandonment why, RetryPolicy policy) {
    return attempt(ref)
        .flatMap(a -> EndTransitions.abandon(runs.get(ref.run()), a, why, policy, now()))
        .map(this::settle);
  }

  private RunAndAttempt settle(RunAndAttempt m) {
    Mutex mutex = mutexes.get(m.attempt().admitKey());
    if (mutex.holder.equals(Optional.of(m.run().key()))
        && mutex.fence == m.attempt().ref().fence()) {
      mutex.holder = Optional.empty();
    }
    return store(m);
  }

  @Override
  public Optional<Run> cancel(RunKey key, String reason, String message) {
    return move(key, r -> WaitingTransitions.cancel(r, reason, message, now()));
  }

  @Override
  public Optional<Run> cancelWaiting(RunKey key, String reason, String message) {
    return move(key, r -> WaitingTransitions.cancelWaiting(r, reason, message, now()));
  }

  @Override
  public Optional<Run> hold(RunKey key, String reason, String message) {
    return move(key, r -> WaitingTransitions.hold(r, reason, message));
  }

  @Override
  public Optional<Run> objectRefused(RunKey key, String message) {
    return move(key, r -> WaitingTransitions.objectRefused(r, message, now()));
  }

  @Override
  public Optional<Run> release(RunKey key, String reason) {
    return move(
        key,
        r ->
            WaitingTransitions.release(r, reason, ageing, now())
                .map(next -> limits.changed(r, next)));
  }

  @Override
  public List<Run> due(int limit) {
    return moveAll(
        limit, r -> WaitingTransitions.due(r, now()).map(next -> limits.changed(r, next)));
  }

  @Override
  public List<Run> expire(int limit) {
    return moveAll(limit, r -> WaitingTransitions.expire(r, now()));
  }

  @Override
  public int purge(Instant finishedBefore, int limit) {
    List<Run> old =
        runs.values().stream()
            .filter(r -> r.times().finishedAt().filter(t -> t.isBefore(finishedBefore)).isPresent())
            .filter(r -> !r.definition().request().isEmpty())
            .limit(limit)
            .toList();
    for (Run r : old) {
      changes++;
      attempts.remove(r.key());
      runs.put(r.key(), withoutRequest(r));
    }
    return old.size();
  }

  private static Run withoutRequest(Run r) {
    Run.Definition o = r.definition();
    return new Run(
        new Run.Definition(
            o.key(),
            o.client(),
            o.businessDate(),
            o.schedule(),
            o.mutexKey(),
            "",
            o.requestSha(),
            o.hashVersion()),
        r.stateDetails(),
        r.nextKind(),
        r.desired(),
        r.priority(),
        r.budget(),
        r.times());
  }

  @Override
  public List<AdmitKey> freeStaleHolders(int limit) {
    List<AdmitKey> freed = new ArrayList<>();
    mutexes.forEach(
        (key, m) -> {
          boolean live =
              m.holder.filter(h -> attemptsOf(h).stream().anyMatch(Attempt::isLive)).isPresent();
          if (m.holder.isPresent() && !live && freed.size() < limit) {
            m.holder = Optional.empty();
            changes++;
            freed.add(key);
          }
        });
    return freed;
  }

  @Override
  public Audit auditHeads(Optional<AdmitKey> after, int limit) {
    // heads are computed here and never cached: there is nothing to correct, only pages to turn
    List<AdmitKey> page =
        mutexes.keySet().stream()
            .filter(k -> after.isEmpty() || k.compareTo(after.get()) > 0)
            .limit(limit)
            .toList();
    return new Audit(
        List.of(), page.size() < limit ? Optional.empty() : Optional.of(page.getLast()));
  }

  @Override
  public TickAudit auditTicks(Optional<TickCursor> after, int limit) {
    // TickInvariants checks the ticks: there is nothing to report, only pages to turn
    List<TickCursor> page =
        schedules.allClients().stream()
            .filter(c -> after.isEmpty() || TICKS.compare(c, after.get()) > 0)
            .sorted(TICKS)
            .limit(limit)
            .toList();
    return new TickAudit(
        List.of(), page.size() < limit ? Optional.empty() : Optional.of(page.getLast()));
  }

  // ---- reads

  @Override
  public Loaded load(Collection<RunKey> keys, String cluster) {
    Map<RunKey, RunRecord> found = new TreeMap<>();
    for (RunKey key : keys) {
      if (runs.containsKey(key)) {
        found.put(key, record(runs.get(key), cluster));
      }
    }
    return new Loaded(now(), found, Map.of());
  }

  private RunRecord record(Run run, String cluster) {
    return new RunRecord(
        run,
        attemptsOf(run.key()).reversed().stream().limit(10).toList(),
        objectOf(run.key(), cluster),
        Optional.ofNullable(mutexes.get(run.admitKey())).flatMap(m -> m.holder));
  }

  private Optional<ObjectRecord> objectOf(RunKey key, String cluster) {
    return Optional.ofNullable(objects.getOrDefault(key, Map.of()).get(cluster));
  }

  @Override
  public Map<AdmitKey, RunKey> holders(int limit) {
    Map<AdmitKey, RunKey> holders = new TreeMap<>();
    mutexes.forEach(
        (key, m) ->
            m.holder.filter(h -> holders.size() < limit).ifPresent(h -> holders.put(key, h)));
    return holders;
  }

  @Override
  public List<Head> openHeads(
      String cluster, Optional<Head> after, int limit, Set<String> exceptNamespaces) {
    return mutexes.entrySet().stream()
        .filter(e -> e.getValue().holder.isEmpty())
        .flatMap(
            e ->
                headOf(e.getKey()).stream()
                    .map(
                        r ->
                            new Head(
                                e.getKey(),
                                r.key(),
                                r.times().admitAt(),
                                objectOf(r.key(), cluster).map(ObjectRecord::uid),
                                r.budget().claims())))
        .sorted(ADMISSION)
        .filter(h -> !exceptNamespaces.contains(h.run().namespace()))
        .filter(h -> after.isEmpty() || ADMISSION.compare(h, after.get()) > 0)
        .limit(limit)
        .toList();
  }

  private Optional<Run> headOf(AdmitKey key) {
    return runs.values().stream()
        .filter(r -> r.isClaimable() && r.admitKey().equals(key))
        .min(Comparator.comparing((Run r) -> r.times().admitAt()).thenComparing(r -> r.key().id()));
  }

  @Override
  public Optional<Instant> nextDue() {
    return runs.values().stream()
        .filter(r -> r.state() == RunState.DELAYED)
        .flatMap(r -> r.times().notBefore().stream())
        .min(Comparator.naturalOrder());
  }

  @Override
  public List<Attempt> liveAttempts(String cluster) {
    return allAttempts().stream()
        .filter(a -> a.isLive() && a.cluster().equals(cluster))
        .sorted(Comparator.comparing(Attempt::claimedAt))
        .toList();
  }

  @Override
  public List<Attempt> attemptsElsewhere(String cluster, Optional<AdmitKey> after, int limit) {
    return allAttempts().stream()
        .filter(a -> a.isLive() && !a.cluster().equals(cluster))
        .filter(a -> objectOf(a.run(), cluster).isPresent())
        .sorted(Comparator.comparing(Attempt::admitKey))
        .filter(a -> after.filter(key -> a.admitKey().compareTo(key) <= 0).isEmpty())
        .limit(limit)
        .toList();
  }

  @Override
  public List<Attempt> claimsOfSilentClusters(Duration disconnect, int limit) {
    return allAttempts().stream()
        .filter(a -> a.state() == AttemptState.CLAIMED)
        .filter(
            a ->
                Optional.ofNullable(clusters.get(a.cluster()))
                    .filter(c -> c.seenAt().isAfter(now().minus(disconnect)))
                    .isEmpty())
        .limit(limit)
        .toList();
  }

  @Override
  public TokenLookup attemptsByToken(Collection<String> tokens) {
    return new TokenLookup(
        allAttempts().stream()
            .filter(a -> tokens.contains(a.token()))
            .collect(Collectors.toMap(Attempt::token, Function.identity())),
        Set.of());
  }

  @Override
  public List<RecordedObject> recordedObjects(String cluster, Optional<RunKey> after, int limit) {
    return runs.values().stream()
        .filter(r -> !r.state().isFinal())
        .filter(r -> after.isEmpty() || r.key().compareTo(after.get()) > 0)
        .flatMap(
            r ->
                Optional.ofNullable(objects.getOrDefault(r.key(), Map.of()).get(cluster)).stream()
                    .map(o -> new RecordedObject(r.key(), r.stateDetails().reason(), o)))
        .limit(limit)
        .toList();
  }

  @Override
  public List<Run> heldFor(String reason, Optional<RunKey> after, int limit) {
    return runs.values().stream()
        .filter(r -> r.state() == RunState.HELD && r.stateDetails().reason().equals(reason))
        .sorted(Comparator.comparing(r -> r.key().id()))
        .filter(r -> after.isEmpty() || r.key().id().compareTo(after.get().id()) > 0)
        .limit(limit)
        .toList();
  }

  @Override
  public Map<RunState, Long> countByState() {
    Map<RunState, Long> census = new EnumMap<>(RunState.class);
    for (RunState state : RunState.values()) {
      if (!state.isFinal()) {
        census.put(state, runs.values().stream().filter(r -> r.state() == state).count());
      }
    }
    return census;
  }

  // ---- rows

  private List<Attempt> allAttempts() {
    return attempts.values().stream().flatMap(List::stream).toList();
  }

  private Optional<Attempt> attempt(AttemptRef ref) {
    return attemptsOf(ref.run()).stream().filter(a -> a.ref().equals(ref)).findFirst();
  }

  private Optional<Run> move(RunKey key, Function<Run, Optional<Run>> transition) {
    return Optional.ofNullable(runs.get(key)).flatMap(transition).map(this::store);
  }

  private List<Run> moveAll(int limit, Function<Run, Optional<Run>> transition) {
    List<Run> moved = new ArrayList<>();
    for (Run r : List.copyOf(runs.values())) {
      if (moved.size() < limit) {
        transition.apply(r).map(this::store).ifPresent(moved::add);
      }
    }
    return moved;
  }

  /**
   * As if the database had been restored from a backup that was made before the run ended.
   *
   * @param before whether the backup is older than the run; else the run had just been accepted
   */
  void loseRow(RunKey key, boolean before) {
    Run first = accepted.get(key);
    runs.remove(key);
    attempts.remove(key);
    if (before) {
      objects.remove(key);
    } else {
      runs.put(key, limits.accepted(first));
      mutexes.computeIfAbsent(first.admitKey(), k -> new Mutex());
    }
    changes++;
  }

  private Run store(Run next) {
    Run before = runs.get(next.key());
    if (before != null && before.state().isFinal() && !before.equals(next)) {
      throw new ConstraintViolated("I8: a terminal state changed: " + before + " -> " + next);
    }
    if (next.budget().counted() > next.budget().maxAttempts()
        || next.budget().infra() > next.budget().maxInfra()) {
      throw new ConstraintViolated("I2: beyond the policy: " + next);
    }
    runs.put(next.key(), next);
    limits.written(Optional.ofNullable(before), next);
    changes++;
    if (next.state().isFinal()) {
      mutexes.remove(AdmitKey.ofRun(next.key()));
    }
    return next;
  }

  private RunAndAttempt store(RunAndAttempt m) {
    replace(m.attempt());
    store(m.run());
    return m;
  }

  private void replace(Attempt next) {
    changes++;
    attempts.get(next.run()).replaceAll(a -> a.number() == next.number() ? next : a);
  }

  private void requireOneLiveAttempt(AdmitKey key) {
    long live = allAttempts().stream().filter(a -> a.isLive() && a.admitKey().equals(key)).count();
    if (live > 1) {
      throw new ConstraintViolated("I4: " + live + " live attempts of " + key);
    }
  }
}
