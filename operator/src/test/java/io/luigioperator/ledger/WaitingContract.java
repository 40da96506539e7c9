/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Cancel, hold, release, due, expire, purge. */
interface WaitingContract extends LedgerFixture {

  @Test
  default void aWaitingRunIsCanceledAtOnce() {
    Run ready = accepted(RunBuilder.named("ready").client("a"));
    Run own = accepted(RunBuilder.named("own").withoutMutex());
    Run held = accepted(RunBuilder.named("held").client("b").desired(DesiredState.Held));
    Run delayed =
        accepted(
            RunBuilder.named("delayed")
                .client("c")
                .notBefore(ledger().queries().now().plusSeconds(99)));
    for (Run run : List.of(ready, own, held, delayed)) {
      Run canceled = ledger().runs().cancel(run.key(), Reasons.DELETED, "gone").orElseThrow();
      assertThat(canceled.state()).isEqualTo(RunState.CANCELED);
      assertThat(canceled.stateDetails().reason()).isEqualTo(Reasons.DELETED);
      assertThat(canceled.stateDetails().message()).isEqualTo("gone");
      assertThat(canceled.times().finishedAt()).isPresent();
      assertThat(load(run)).isEqualTo(canceled);
      assertThat(ledger().runs().cancel(run.key(), Reasons.CANCELED, "again")).isEmpty();
      assertThat(load(run)).isEqualTo(canceled);
    }
    assertThat(heads()).isEmpty();
    assertThat(ledger().queries().nextDue()).isEmpty();
  }

  @Test
  default void headsOfSomeNamespacesAreLeftOut() {
    accepted(RunBuilder.named("a-1").in("a"));
    accepted(RunBuilder.named("own").in("a").withoutMutex());
    Run b = accepted(RunBuilder.named("b-1").in("b"));
    Run ownOfB = accepted(RunBuilder.named("own").in("b").withoutMutex());
    Run similar = accepted(RunBuilder.named("c-1").in("a-b"));

    assertThat(heads()).hasSize(5);
    assertThat(headsWithout("a")).containsExactlyInAnyOrder(b.key(), ownOfB.key(), similar.key());
    assertThat(headsWithout("a", "b")).containsExactly(similar.key());
    assertThat(headsWithout("A", "%", "")).hasSize(5);
  }

  private List<RunKey> headsWithout(String... namespaces) {
    return ledger().queries().openHeads(CLUSTER, Optional.empty(), 10, Set.of(namespaces)).stream()
        .map(LedgerQueries.Head::run)
        .toList();
  }

  @Test
  default void aLiveRunIsOnlyFlagged() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    Run flagged = ledger().runs().cancel(run.key(), Reasons.CANCELED, "stop").orElseThrow();
    assertThat(flagged.state()).isEqualTo(RunState.ACTIVE);
    assertThat(flagged.cancel()).isTrue();
    assertThat(ledger().runs().cancel(run.key(), Reasons.DELETED, "again")).isEmpty();
    assertThat(load(run)).isEqualTo(flagged);
    assertThat(reload(bound)).isEqualTo(bound);
    assertThat(record(run).holder()).contains(run.key());
  }

  @Test
  default void whatHasEndedOrIsUnknownStaysAsItIs() {
    Run run = accepted(RunBuilder.named("r"));
    Run done = finish(bound(run), Verdict.SUCCEEDED).orElseThrow();
    RunKey unknown = new RunKey("team-a", "unknown");
    for (RunKey key : List.of(run.key(), unknown)) {
      assertThat(ledger().runs().cancel(key, Reasons.CANCELED, "")).isEmpty();
      assertThat(ledger().runs().hold(key, Reasons.HELD, "")).isEmpty();
      assertThat(ledger().runs().release(key, Reasons.HELD)).isEmpty();
    }
    assertThat(load(run)).isEqualTo(done);
  }

  @Test
  default void aReleasedRunQueuesAgainFromItsRelease() {
    Run first = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    Run second = accepted(RunBuilder.named("r2"));
    Run held = ledger().runs().hold(first.key(), Reasons.NAMESPACE_MISSING, "gone").orElseThrow();
    assertThat(held.state()).isEqualTo(RunState.HELD);
    assertThat(held.stateDetails().message()).isEqualTo("gone");
    assertThat(ledger().runs().hold(first.key(), Reasons.INTERNAL_ERROR, "again")).isEmpty();
    assertThat(heads()).containsExactly(second.key());
    pass(Duration.ofMillis(1));
    assertThat(ledger().runs().release(first.key(), Reasons.HELD)).isEmpty();
    Run released = ledger().runs().release(first.key(), Reasons.NAMESPACE_MISSING).orElseThrow();
    assertThat(released.state()).isEqualTo(RunState.READY);
    assertThat(released.times().admitAt()).isAfter(second.times().admitAt());
    assertThat(ledger().runs().release(first.key(), Reasons.NAMESPACE_MISSING)).isEmpty();
    assertThat(heads()).containsExactly(second.key());
  }

  @Test
  default void aLiveRunIsNotHeld() {
    Run run = accepted(RunBuilder.named("r"));
    claimed(run);
    assertThat(ledger().runs().hold(run.key(), Reasons.INTERNAL_ERROR, "")).isEmpty();
    assertThat(load(run).state()).isEqualTo(RunState.ACTIVE);
  }

  @Test
  default void releasedBeforeItsTimeItIsDelayed() {
    Instant later = ledger().queries().now().plusSeconds(99);
    Run run = accepted(RunBuilder.named("r").notBefore(later));
    ledger().runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "gone");
    assertThat(ledger().queries().nextDue()).isEmpty();
    Run released = ledger().runs().release(run.key(), Reasons.NAMESPACE_MISSING).orElseThrow();
    assertThat(released.state()).isEqualTo(RunState.DELAYED);
    assertThat(released.stateDetails().reason()).isEqualTo(Reasons.WAITING_FOR_TIME);
    assertThat(released.stateDetails().message()).isEmpty();
    assertThat(ledger().queries().nextDue()).contains(later);
  }

  @Test
  default void heldRunsAreListedByReasonInPages() {
    List<Run> held = new ArrayList<>();
    for (String name : List.of("r1", "r2", "r3")) {
      Run run = accepted(RunBuilder.named(name));
      held.add(ledger().runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "gone").orElseThrow());
    }
    held.sort(Comparator.comparing(run -> run.key().id()));
    accepted(RunBuilder.named("other").desired(DesiredState.Held));
    List<Run> page = ledger().queries().heldFor(Reasons.NAMESPACE_MISSING, Optional.empty(), 2);
    assertThat(page).isEqualTo(held.subList(0, 2));
    assertThat(
            ledger()
                .queries()
                .heldFor(Reasons.NAMESPACE_MISSING, Optional.of(page.getLast().key()), 2))
        .isEqualTo(held.subList(2, 3));
    assertThat(ledger().queries().heldFor(Reasons.INTERNAL_ERROR, Optional.empty(), 10)).isEmpty();
    ledger().runs().release(held.getFirst().key(), Reasons.NAMESPACE_MISSING);
    assertThat(ledger().queries().heldFor(Reasons.NAMESPACE_MISSING, Optional.empty(), 10))
        .isEqualTo(held.subList(1, 3));
  }

  @Test
  default void aDelayedRunBecomesReadyWhenItsTimeHasCome() {
    Duration wait = Duration.ofMillis(300);
    Attempt bound = bound(accepted(RunBuilder.named("r")));
    Run run = finish(bound, Verdict.TASK_FAILED, new RetryPolicy(wait, wait)).orElseThrow();
    Instant soon = run.times().notBefore().orElseThrow();
    accepted(RunBuilder.named("late").notBefore(soon.plusSeconds(999)));
    assertThat(run.state()).isEqualTo(RunState.DELAYED);
    List<Run> early = ledger().maintenance().due(10);
    assertThat(early.isEmpty() || !ledger().queries().now().isBefore(soon)).isTrue();
    pass(wait);
    List<Run> moved = new ArrayList<>(early);
    moved.addAll(ledger().maintenance().due(10));
    assertThat(moved).containsExactly(load(run));
    assertThat(load(run).state()).isEqualTo(RunState.READY);
    assertThat(ledger().maintenance().due(10)).isEmpty();
    assertThat(heads()).containsExactly(run.key());
    assertThat(ledger().queries().nextDue()).contains(soon.plusSeconds(999));
  }

  @Test
  default void aBatchOfDueRunsIsBounded() {
    for (int i = 0; i < 70; i++) {
      Run run = accepted(RunBuilder.named("r" + i).client("c" + i % 30));
      finish(bound(run), Verdict.TASK_FAILED);
    }
    assertThat(ledger().queries().countByState().get(RunState.DELAYED)).isEqualTo(70);
    assertThat(ledger().maintenance().due(3)).hasSize(3);
    assertThat(ledger().maintenance().due(100)).hasSize(67);
    assertThat(ledger().queries().countByState().get(RunState.READY)).isEqualTo(70);
    assertThat(heads()).hasSize(30);
  }

  @Test
  default void aDelayedRunWithDesiredHeldIsHeldWhenItIsDue() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt bound = bound(run);
    finish(bound, Verdict.TASK_FAILED);
    ledger()
        .runs()
        .amend(run.key(), CLUSTER, 2, RunBuilder.named("r").desired(DesiredState.Held).amendment());
    assertThat(ledger().maintenance().due(10)).isEmpty();
    assertThat(load(run).state()).isEqualTo(RunState.HELD);
  }

  @Test
  default void whatDidNotStartInTimeFails() {
    Run ready = accepted(RunBuilder.named("ready").client("a").startDeadline(0));
    Run held =
        accepted(RunBuilder.named("held").client("b").startDeadline(0).desired(DesiredState.Held));
    Run own = accepted(RunBuilder.named("own").withoutMutex().startDeadline(0));
    Run inTime = accepted(RunBuilder.named("inTime").client("c").startDeadline(3600));
    Run patient = accepted(RunBuilder.named("patient").client("d"));
    Run claimed = accepted(RunBuilder.named("claimed").client("e"));
    claimed(claimed);
    isLateFromNowOn(claimed);
    Run retried = accepted(RunBuilder.named("retried").client("f"));
    Attempt once = claimed(retried);
    isLateFromNowOn(retried);
    finish(bound(once), Verdict.DEADLINE);
    assertThat(ledger().maintenance().due(10)).hasSize(1);
    // a head that is too late fails at its claim, so that it does not block its key
    assertThat(claim(ready)).isEmpty();
    List<Run> expired = new ArrayList<>(List.of(load(ready)));
    assertThat(ledger().maintenance().expire(1)).hasSize(1).allSatisfy(expired::add);
    expired.addAll(ledger().maintenance().expire(10));
    assertThat(expired)
        .extracting(Run::key)
        .containsExactlyInAnyOrder(ready.key(), held.key(), own.key());
    assertThat(expired)
        .allSatisfy(
            run -> {
              assertThat(run.state()).isEqualTo(RunState.FAILED);
              assertThat(run.stateDetails().reason()).isEqualTo(Reasons.START_DEADLINE_EXCEEDED);
              assertThat(load(run)).isEqualTo(run);
            });
    assertThat(ledger().maintenance().expire(10)).isEmpty();
    assertThat(heads()).containsExactlyInAnyOrder(inTime.key(), patient.key(), retried.key());
    assertThat(load(claimed).state()).isEqualTo(RunState.ACTIVE);
  }

  @Test
  default void aPurgedRunKeepsNameHashAndOutcome() {
    RunBuilder asking = RunBuilder.named("r");
    Run done = finish(bound(accepted(asking)), Verdict.SUCCEEDED).orElseThrow();
    pass(Duration.ofMillis(1));
    assertThat(ledger().maintenance().purge(done.times().finishedAt().orElseThrow(), 10)).isZero();
    assertThat(ledger().maintenance().purge(ledger().queries().now(), 10)).isEqualTo(1);
    assertThat(ledger().maintenance().purge(ledger().queries().now(), 10)).isZero();
    assertThat(record(done).attempts()).isEmpty();
    Run purged = load(done);
    assertThat(purged.definition().request()).isEmpty();
    assertThat(purged.stateDetails()).isEqualTo(done.stateDetails());
    assertThat(purged.times()).isEqualTo(done.times());
    assertThat(purged.budget()).isEqualTo(done.budget());
    assertThat(accept(asking)).isEqualTo(new Acceptance.Same(purged));
    assertThat(accept(asking.another())).isEqualTo(new Acceptance.NameTaken(purged));
  }

  @Test
  default void onlyWhatHasEndedIsPurgedAndNotMoreThanAsked() {
    Run live = accepted(RunBuilder.named("live").client("live"));
    Attempt bound = bound(live);
    Run ready = accepted(RunBuilder.named("ready").client("ready"));
    for (int i = 0; i < 3; i++) {
      Run run = accepted(RunBuilder.named("r" + i).client("c" + i));
      ledger().runs().cancel(run.key(), Reasons.CANCELED, "");
    }
    pass(Duration.ofMillis(1));
    assertThat(ledger().maintenance().purge(ledger().queries().now(), 2)).isEqualTo(2);
    assertThat(ledger().maintenance().purge(ledger().queries().now(), 2)).isEqualTo(1);
    assertThat(reload(bound)).isEqualTo(bound);
    assertThat(load(live).definition().request()).isNotEmpty();
    assertThat(load(ready)).isEqualTo(ready);
  }

  @Test
  default void fencesGrowOverAPurge() {
    Attempt before = bound(accepted(RunBuilder.named("r1")));
    finish(before, Verdict.SUCCEEDED);
    pass(Duration.ofMillis(1));
    assertThat(ledger().maintenance().purge(ledger().queries().now(), 10)).isEqualTo(1);
    assertThat(claimed(accepted(RunBuilder.named("r2"))).ref().fence())
        .isGreaterThan(before.ref().fence());
  }

  @Test
  default void aRunWhosePipelineRunIsRefusedBlocksNoOtherAndIsTriedAgain() {
    Run refused = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    Run next = accepted(RunBuilder.named("r2"));

    Run postponed = ledger().runs().objectRefused(refused.key(), "denied").orElseThrow();

    assertThat(load(refused)).isEqualTo(postponed);
    assertThat(postponed.state()).isEqualTo(RunState.DELAYED);
    assertThat(postponed.stateDetails().reason()).isEqualTo(Reasons.OBJECT_REFUSED);
    assertThat(postponed.stateDetails().message()).isEqualTo("denied");
    assertThat(ledger().queries().nextDue()).isEqualTo(postponed.times().notBefore());
    assertThat(postponed.times().notBefore().orElseThrow())
        .isAfter(ledger().queries().now().plusSeconds(30));
    assertThat(heads()).containsExactly(next.key());
    assertThat(ledger().runs().objectRefused(refused.key(), "again")).isEmpty();
    bound(next);
    assertThat(ledger().runs().objectRefused(next.key(), "it has started")).isEmpty();
  }

  @Test
  default void aForgottenObjectIsNotOnRecordAndReleasesARunThatMissesIt() {
    Run ready = accepted(RunBuilder.named("ready").client("a"));
    Run held = accepted(RunBuilder.named("held").client("b"));
    Run mass = accepted(RunBuilder.named("mass").client("c"));
    ledger().runs().hold(held.key(), Reasons.DELETION_UNCONFIRMED, "");
    ledger().runs().hold(mass.key(), Reasons.MASS_DELETION, "");
    ledger().runs().recordObject(ready.key(), LedgerFixture.object(OTHER_CLUSTER, "there", 1));
    assertThat(ledger().runs().forgetObject(ready.key(), LedgerFixture.object(CLUSTER, "x", 1)))
        .isEmpty();
    assertThat(record(ready).object()).as("another one is on record").isPresent();

    for (Run run : List.of(ready, mass)) {
      assertThat(ledger().runs().forgetObject(run.key(), object(run.key()))).isEmpty();
      assertThat(record(run).object()).isEmpty();
    }
    assertThat(load(ready)).isEqualTo(ready);
    assertThat(load(mass).state()).isEqualTo(RunState.HELD);
    assertThat(ledger().queries().load(ready.key(), OTHER_CLUSTER).run(ready.key()))
        .get()
        .extracting(r -> r.object().isPresent())
        .isEqualTo(true);

    assertThat(ledger().runs().forgetObject(held.key(), object(held.key())).orElseThrow().state())
        .isEqualTo(RunState.READY);
    assertThat(record(held).object()).isEmpty();
    assertThat(heads()).contains(held.key());
    assertThat(ledger().runs().forgetObject(new RunKey("team-a", "unknown"), object(held.key())))
        .isEmpty();
  }
}
