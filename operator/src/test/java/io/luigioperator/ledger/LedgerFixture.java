/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Priority;
import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.LedgerQueries.Head;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.Ending;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** An empty ledger, and the steps that most tests begin with; all through the interface. */
public interface LedgerFixture {

  String CLUSTER = "one/uid-1";

  String OTHER_CLUSTER = "two/uid-2";

  /** The head starts with which the ledger under test must be created. */
  Ageing AGEING =
      new Ageing(
          Map.of(
              Priority.Low, Duration.ZERO,
              Priority.Normal, Duration.ofMillis(300),
              Priority.High, Duration.ofHours(4),
              Priority.Critical, Duration.ofHours(24)));

  /** Retries without backoff. */
  RetryPolicy AT_ONCE = new RetryPolicy(Duration.ZERO, Duration.ZERO);

  /** The creation of all objects. */
  Instant CREATED = Instant.parse("2026-03-01T10:00:00Z");

  AtomicLong TOKENS = new AtomicLong();

  /** Empty before each test. */
  Ledger ledger();

  /** Returns when at least so much database time has passed. */
  void pass(Duration duration);

  default Run accepted(RunBuilder asking) {
    Acceptance answer = accept(asking);
    assertThat(answer).isInstanceOf(Acceptance.Accepted.class);
    return ((Acceptance.Accepted) answer).run();
  }

  default Acceptance accept(RunBuilder asking) {
    return accept(ledger(), asking);
  }

  default Acceptance accept(Ledger ledger, RunBuilder asking) {
    List<Acceptance> answers = ledger.runs().accept(List.of(request(asking)));
    assertThat(answers).hasSize(1);
    return answers.getFirst();
  }

  default AcceptRequest request(RunBuilder asking) {
    return new AcceptRequest(asking.run(), object(asking.key()));
  }

  default ObjectRecord object(RunKey run) {
    return object(CLUSTER, "uid-" + run.name(), 1);
  }

  static ObjectRecord object(String cluster, String uid, long generation) {
    return new ObjectRecord(cluster, uid, generation, CREATED, false);
  }

  default Optional<Claimed> claim(Run run) {
    return ledger().attempts().claim(run.admitKey(), run.key(), token(), CLUSTER);
  }

  default String token() {
    return "token-" + TOKENS.incrementAndGet();
  }

  default Attempt claimed(Run run) {
    return claim(run).orElseThrow().attempt();
  }

  default Attempt bound(Run run) {
    return bound(claimed(run));
  }

  default Attempt bound(Attempt claimed) {
    return ledger()
        .attempts()
        .bind(claimed.ref(), "job-" + claimed.token(), podOf(claimed))
        .orElseThrow()
        .attempt();
  }

  default String podOf(Attempt attempt) {
    return "pod-" + attempt.token();
  }

  default Optional<Run> finish(Attempt bound, EndCause cause) {
    return finish(bound, cause, AT_ONCE);
  }

  default Optional<Run> finish(Attempt bound, EndCause cause, RetryPolicy policy) {
    return ledger()
        .attempts()
        .finish(bound.ref(), podOf(bound), ending(cause), policy, Presence.PRESENT)
        .map(RunAndAttempt::run);
  }

  default Ending ending(EndCause cause) {
    return new Ending(cause, java.util.OptionalInt.of(1), "it ended", "{\"report\":1}");
  }

  /** One whole attempt, and the run READY again when it was to be retried. */
  default Run tried(Run run, EndCause cause) {
    finish(bound(run), cause).orElseThrow();
    ledger().maintenance().due(100);
    return load(run);
  }

  /** Lets the start deadline of a run pass that was accepted without one and never amended. */
  default void isLateFromNowOn(Run run) {
    RunBuilder late = RunBuilder.named(run.key().name()).startDeadline(0);
    Run amended = ledger().runs().amend(run.key(), CLUSTER, 2, late.amendment()).orElseThrow();
    assertThat(amended.times().startDeadline()).contains(run.times().acceptedAt());
  }

  default Run load(Run run) {
    return load(run.key());
  }

  default Run load(RunKey run) {
    return record(run).orElseThrow().run();
  }

  default RunRecord record(Run run) {
    return record(run.key()).orElseThrow();
  }

  default Optional<RunRecord> record(RunKey run) {
    return ledger().queries().load(run, CLUSTER).run(run);
  }

  default Attempt reload(Attempt attempt) {
    String token = attempt.token();
    return ledger().queries().attemptsByToken(List.of(token)).attempt(token).orElseThrow();
  }

  default List<RunKey> heads() {
    return ledger().queries().openHeads(CLUSTER, Optional.empty(), 100).stream()
        .map(Head::run)
        .toList();
  }

  /** All heads, page by page. */
  default List<Head> headsByPagesOf(int size) {
    List<Head> all = new ArrayList<>();
    List<Head> page = ledger().queries().openHeads(CLUSTER, Optional.empty(), size);
    while (!page.isEmpty()) {
      assertThat(page).hasSizeLessThanOrEqualTo(size);
      all.addAll(page);
      page = ledger().queries().openHeads(CLUSTER, Optional.of(page.getLast()), size);
    }
    return all;
  }

  ClusterIdentity ONE = new ClusterIdentity("one", "uid-1");
  ClusterIdentity TWO = new ClusterIdentity("two", "uid-2");
  ClusterLedger.Registration REGISTERED = new ClusterLedger.Registration.Registered();
}
