/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Priority;
import io.luigioperator.ledger.Ledger.Acceptance;
import io.luigioperator.ledger.Ledger.Claimed;
import io.luigioperator.ledger.Ledger.Head;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.Ending;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** An empty ledger, and the steps that most tests begin with; all through the interface. */
public interface LedgerFixture {

  String CLUSTER = "one";

  String OTHER_CLUSTER = "two";

  /** The ledger under test must be made with these head starts. */
  Ageing AGEING =
      new Ageing(
          Map.of(
              Priority.Low, Duration.ZERO,
              Priority.Normal, Duration.ofMillis(300),
              Priority.High, Duration.ofHours(4),
              Priority.Critical, Duration.ofHours(24)));

  /** Retries at once, as far as {@code due} is asked. */
  RetryPolicy AT_ONCE = new RetryPolicy(Duration.ZERO, Duration.ZERO);

  AtomicLong TOKENS = new AtomicLong();

  /** Empty before each test. */
  Ledger ledger();

  /** Returns when at least so much database time has passed. */
  void pass(Duration duration);

  default Run accepted(RunBuilder asking) {
    Acceptance a = ledger().accept(asking.run(), object(asking.key()));
    assertThat(a).isInstanceOf(Acceptance.Accepted.class);
    return a.run();
  }

  default ObjectRecord object(RunKey run) {
    return new ObjectRecord(CLUSTER, "uid-" + run.name(), 1);
  }

  default Optional<Claimed> claim(Run run) {
    return ledger().claim(run.admitKey(), run.key(), token(), CLUSTER);
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
    return ledger().bind(claimed.ref(), "job-" + claimed.token(), podOf(claimed)).orElseThrow();
  }

  default String podOf(Attempt attempt) {
    return "pod-" + attempt.token();
  }

  default Optional<Run> finish(Attempt bound, EndCause cause) {
    return finish(bound, cause, AT_ONCE);
  }

  default Optional<Run> finish(Attempt bound, EndCause cause, RetryPolicy policy) {
    return ledger().finish(bound.ref(), podOf(bound), ending(cause), policy, Presence.PRESENT);
  }

  default Ending ending(EndCause cause) {
    return new Ending(cause, java.util.OptionalInt.of(1), "it ended", "{\"report\":1}");
  }

  /** One whole attempt, and the run READY again when it was to be retried. */
  default Run tried(Run run, EndCause cause) {
    finish(bound(run), cause).orElseThrow();
    ledger().due(100);
    return load(run);
  }

  /** Its start deadline is over; of a run that was accepted without one and never amended. */
  default void isLateFromNowOn(Run run) {
    RunBuilder late = RunBuilder.named(run.key().name()).startDeadline(0);
    Run amended = ledger().amend(run.key(), CLUSTER, 2, late.amendment()).orElseThrow();
    assertThat(amended.times().startDeadline()).contains(run.times().acceptedAt());
  }

  default Run load(Run run) {
    return record(run).run();
  }

  default Ledger.RunRecord record(Run run) {
    return ledger().load(run.key(), CLUSTER).orElseThrow();
  }

  default Attempt reload(Attempt attempt) {
    return Optional.ofNullable(
            ledger().attemptsByToken(List.of(attempt.token())).get(attempt.token()))
        .orElseThrow();
  }

  default List<RunKey> heads() {
    return ledger().openHeads(Optional.empty(), 100).stream().map(Head::run).toList();
  }

  /** All heads, page by page. */
  default List<Head> headsByPagesOf(int size) {
    List<Head> all = new ArrayList<>();
    List<Head> page = ledger().openHeads(Optional.empty(), size);
    while (!page.isEmpty()) {
      assertThat(page).hasSizeLessThanOrEqualTo(size);
      all.addAll(page);
      page = ledger().openHeads(Optional.of(page.getLast()), size);
    }
    return all;
  }
}
