/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.ScheduleLedger.LimitChange;
import io.luigioperator.ledger.ScheduleLedger.LimitedSchedule;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** No more runs of a schedule count against its limit than it allows, and none waits in vain. */
interface LimitContract extends LedgerFixture {

  ScheduleKey NIGHTLY = ScheduleContract.NIGHTLY;

  default void limit(int maxRuns) {
    ledger().schedules().limit(NIGHTLY, Optional.of(maxRuns));
  }

  default void removeLimit() {
    ledger().schedules().limit(NIGHTLY, Optional.empty());
  }

  /** Names of the runs that were released or held, in no order. */
  default List<String> enforced() {
    List<String> names = new ArrayList<>();
    LimitChange change;
    do {
      change = ledger().schedules().enforceLimit(NIGHTLY);
      change
          .changed()
          .forEach(
              run -> {
                assertThat(load(run)).isEqualTo(run);
                names.add(run.key().name());
              });
    } while (!change.changed().isEmpty());
    return names;
  }

  /** A run of a client of its own. */
  default Run acceptedAs(String name) {
    return accepted(RunBuilder.named(name).client(name));
  }

  private void requireWaits(Run run) {
    Run now = load(run);
    assertThat(now.state()).as("%s", now).isEqualTo(RunState.HELD);
    assertThat(now.stateDetails().reason()).isEqualTo(Reasons.SCHEDULE_LIMIT);
    assertThat(now.waitsForLimit()).isTrue();
    assertThat(heads()).doesNotContain(run.key());
  }

  private void requireState(RunState expected, Run run) {
    assertThat(load(run).state()).as("%s", run.key()).isEqualTo(expected);
  }

  private Optional<LimitedSchedule> use() {
    return ledger().schedules().enforceLimit(NIGHTLY).before();
  }

  @Test
  default void runsAreReleasedInTheOrderOfAdmissionAndKeepTheirPlace() {
    limit(2);
    Run first = acceptedAs("first");
    pass(Duration.ofMillis(1));
    Run second = acceptedAs("second");
    Run urgent = accepted(RunBuilder.named("urgent").client("urgent").priority(Priority.Critical));
    List.of(first, second, urgent).forEach(this::requireWaits);
    assertThat(heads()).isEmpty();

    assertThat(enforced()).containsExactlyInAnyOrder("urgent", "first");

    requireWaits(second);
    assertThat(heads()).containsExactly(urgent.key(), first.key());
    assertThat(load(first).times()).isEqualTo(first.times());
    assertThat(load(urgent).times()).isEqualTo(urgent.times());
    assertThat(enforced()).isEmpty();
    assertThat(use()).contains(new LimitedSchedule(NIGHTLY, Optional.of(2), 2, 0, true));
    assertThat(claim(load(first))).isPresent();
    assertThat(use()).contains(new LimitedSchedule(NIGHTLY, Optional.of(2), 1, 1, true));
  }

  @Test
  default void theEndOfARunMakesRoomForTheNextOne() {
    limit(1);
    Run first = acceptedAs("first");
    Run second = acceptedAs("second");
    Run third = acceptedAs("third");
    List<Run> runs = List.of(first, second, third);
    for (int i = 0; i < 3; i++) {
      List<String> released = enforced();
      assertThat(released).hasSize(1);
      assertThat(heads()).hasSize(1);
      Run run =
          runs.stream()
              .filter(r -> r.key().name().equals(released.getFirst()))
              .findFirst()
              .orElseThrow();
      if (i == 1) {
        ledger().runs().cancel(run.key(), Reasons.CANCELED, "").orElseThrow();
      } else {
        Attempt bound = bound(load(run));
        assertThat(enforced()).isEmpty();
        finish(bound, Verdict.SUCCEEDED).orElseThrow();
      }
    }
    assertThat(enforced()).isEmpty();
    assertThat(use()).contains(new LimitedSchedule(NIGHTLY, Optional.of(1), 0, 0, false));
  }

  @Test
  default void aRetryKeepsItsPlace() {
    limit(1);
    Run run = acceptedAs("r");
    assertThat(enforced()).containsExactly("r");
    Run next = acceptedAs("next");
    finish(bound(load(run)), Verdict.TASK_FAILED).orElseThrow();
    requireState(RunState.DELAYED, run);
    assertThat(enforced()).isEmpty();

    assertThat(ledger().maintenance().due(10)).hasSize(1);

    requireState(RunState.READY, run);
    requireWaits(next);
    assertThat(enforced()).isEmpty();
  }

  @Test
  default void aRaisedLimitAndNoLimitReleaseRuns() {
    limit(1);
    for (int i = 0; i < 60; i++) {
      acceptedAs("r" + i);
    }
    assertThat(enforced()).hasSize(1);
    limit(4);
    assertThat(enforced()).hasSize(3);
    removeLimit();
    Run later = acceptedAs("later");
    requireState(RunState.READY, later);
    assertThat(ledger().schedules().enforceLimit(NIGHTLY).changed()).hasSize(50);
    assertThat(ledger().schedules().limited(Optional.empty(), 10))
        .containsExactly(new LimitedSchedule(NIGHTLY, Optional.empty(), 0, 0, true));
    assertThat(enforced()).hasSize(6);
    assertThat(heads()).hasSize(61);
    assertThat(ledger().schedules().limited(Optional.empty(), 10)).isEmpty();
    assertThat(ledger().schedules().enforceLimit(NIGHTLY))
        .isEqualTo(new LimitChange(Optional.empty(), List.of()));
  }

  @Test
  default void aLoweredLimitHoldsTheLastReadyRunsAndNoActiveOne() {
    limit(5);
    Run active = acceptedAs("active");
    pass(Duration.ofMillis(1));
    Run first = acceptedAs("first");
    pass(Duration.ofMillis(1));
    Run middle = acceptedAs("middle");
    pass(Duration.ofMillis(1));
    Run last = acceptedAs("last");
    assertThat(enforced()).hasSize(4);
    bound(load(active));

    limit(2);

    assertThat(enforced()).containsExactlyInAnyOrder("middle", "last");
    requireWaits(middle);
    requireWaits(last);
    requireState(RunState.READY, first);
    assertThat(load(middle).times()).isEqualTo(middle.times());
    limit(1);
    assertThat(enforced()).containsExactly("first");
    requireState(RunState.ACTIVE, active);
    assertThat(enforced()).isEmpty();
    removeLimit();
    assertThat(enforced()).hasSize(3);
  }

  @Test
  default void aRetryBeyondALoweredLimitIsHeldWhenItIsDue() {
    limit(2);
    Run one = acceptedAs("one");
    Run two = acceptedAs("two");
    assertThat(enforced()).hasSize(2);
    finish(bound(load(two)), Verdict.TASK_FAILED).orElseThrow();
    bound(load(one));
    limit(1);
    assertThat(enforced()).isEmpty();
    ledger().maintenance().due(10);
    requireState(RunState.READY, two);

    assertThat(enforced()).containsExactly("two");
    requireWaits(two);
  }

  @Test
  default void aRunThatIsToStartLaterWaitsForTheLimitThen() {
    limit(1);
    Instant soon = ledger().queries().now().plusMillis(200);
    Run run = accepted(RunBuilder.named("r").notBefore(soon));
    requireState(RunState.DELAYED, run);
    assertThat(enforced()).isEmpty();
    pass(Duration.ofMillis(300));
    List<Run> moved = ledger().maintenance().due(10);
    assertThat(moved).containsExactly(load(run));
    requireWaits(run);
    assertThat(enforced()).containsExactly("r");
  }

  @Test
  default void usersHoldPostponeAndCancelRunsThatWait() {
    limit(1);
    acceptedAs("active");
    assertThat(enforced()).hasSize(1);
    RunBuilder asking = RunBuilder.named("r").client("r");
    Run run = accepted(asking);
    Instant later = ledger().queries().now().plusSeconds(99);

    amend(run, 2, asking.desired(DesiredState.Held));
    assertThat(load(run).stateDetails().reason()).isEqualTo(Reasons.HELD);
    amend(run, 3, asking);
    requireWaits(run);
    amend(run, 4, asking.notBefore(later));
    requireState(RunState.DELAYED, run);
    amend(run, 5, asking.priority(Priority.Low));
    requireWaits(run);
    assertThat(enforced()).isEmpty();
    amend(run, 6, asking.desired(DesiredState.Canceled));
    requireState(RunState.CANCELED, run);
  }

  @Test
  default void aRunThatStopsCountingMakesRoom() {
    limit(1);
    RunBuilder asking = RunBuilder.named("r").client("r");
    Run run = accepted(asking);
    assertThat(enforced()).containsExactly("r");
    Run next = acceptedAs("next");
    amend(run, 2, asking.desired(DesiredState.Held));
    assertThat(enforced()).containsExactly("next");
    amend(run, 3, asking);
    requireWaits(run);
    ledger().runs().hold(next.key(), Reasons.NAMESPACE_MISSING, "").orElseThrow();
    assertThat(enforced()).containsExactly("r");
    ledger().runs().release(next.key(), Reasons.NAMESPACE_MISSING).orElseThrow();
    requireWaits(next);
    amend(run, 4, asking.notBefore(ledger().queries().now().plusSeconds(99)));
    assertThat(enforced()).containsExactly("next");
  }

  @Test
  default void aRunWhosePipelineRunCannotBeCreatedMakesRoom() {
    limit(1);
    Run run = acceptedAs("r");
    assertThat(enforced()).containsExactly("r");
    acceptedAs("next");
    assertThat(ledger().runs().objectRefused(run.key(), "denied")).isPresent();
    assertThat(enforced()).containsExactly("next");
  }

  @Test
  default void aRunWhosePipelineRunIsForgottenWaits() {
    limit(1);
    Run run = acceptedAs("r");
    assertThat(enforced()).containsExactly("r");
    acceptedAs("next");
    ledger().runs().hold(run.key(), Reasons.DELETION_UNCONFIRMED, "").orElseThrow();
    assertThat(enforced()).containsExactly("next");
    assertThat(ledger().runs().forgetObject(run.key(), object(run.key()))).isPresent();
    requireWaits(run);
  }

  @Test
  default void aChangeOfARunThatCountsDoesNotMakeItWait() {
    limit(1);
    RunBuilder asking = RunBuilder.named("r").client("r");
    Run run = accepted(asking);
    assertThat(enforced()).containsExactly("r");
    amend(run, 2, asking.priority(Priority.Critical).maxAttempts(9));
    requireState(RunState.READY, run);
    finish(bound(load(run)), Verdict.TASK_FAILED, LATER).orElseThrow();
    amend(run, 3, asking.maxAttempts(8));
    requireState(RunState.DELAYED, run);
    assertThat(load(run).stateDetails().reason()).isEqualTo(Reasons.BACKING_OFF);
    assertThat(use()).contains(new LimitedSchedule(NIGHTLY, Optional.of(1), 0, 1, false));
  }

  RetryPolicy LATER = new RetryPolicy(Duration.ofHours(1), Duration.ofHours(1));

  private void amend(Run run, long generation, RunBuilder to) {
    ledger().runs().amend(run.key(), CLUSTER, generation, to.amendment()).orElseThrow();
  }

  @Test
  default void theStartDeadlineEndsTheWait() {
    limit(1);
    acceptedAs("active");
    assertThat(enforced()).hasSize(1);
    Run run = accepted(RunBuilder.named("r").client("r").startDeadline(0));
    requireWaits(run);
    assertThat(ledger().maintenance().expire(10)).hasSize(1);
    assertThat(load(run).stateDetails().reason()).isEqualTo(Reasons.START_DEADLINE_EXCEEDED);
  }

  @Test
  default void aMassDeletionHoldsRunsThatWait() {
    limit(1);
    Run run = acceptedAs("r");
    ledger().runs().hold(run.key(), Reasons.MASS_DELETION, "missing").orElseThrow();
    assertThat(enforced()).isEmpty();
    ledger().runs().release(run.key(), Reasons.MASS_DELETION).orElseThrow();
    assertThat(enforced()).containsExactly("r");
  }

  @Test
  default void theRunsOfTicksWaitToo() {
    limit(1);
    assertThat(ledger().schedules().own(NIGHTLY, CLUSTER)).isEqualTo(CLUSTER);
    ledger().schedules().decide(NIGHTLY, CLUSTER, List.of(ScheduleContract.first("acme")));
    ScheduleLedger.Tick tick = ScheduleContract.fires("acme", 1);
    assertThat(
            ledger()
                .schedules()
                .decide(NIGHTLY, CLUSTER, List.of(ScheduleContract.decision("acme", 0, 1, tick))))
        .containsExactly(new TickAnswer.Decided(1));
    String name = tick.run().orElseThrow().key().name();
    assertThat(heads()).isEmpty();
    assertThat(enforced()).containsExactly(name);
    assertThat(heads()).hasSize(1);
  }

  /** Setting the limit of a schedule must not give it an owner, and an owner no limit. */
  @Test
  default void otherRunsHaveNoLimit() {
    limit(1);
    assertThat(ledger().schedules().own(NIGHTLY, OTHER_CLUSTER)).isEqualTo(OTHER_CLUSTER);
    ScheduleKey hourly = new ScheduleKey("team-a", "hourly");
    ledger().schedules().own(hourly, CLUSTER);
    Run elsewhere = accepted(RunBuilder.named("elsewhere").in("team-b"));
    Run other = accepted(RunBuilder.named("other").schedule("hourly"));
    Run inline = accepted(RunBuilder.named("inline").client("c").schedule(""));
    for (Run run : List.of(elsewhere, other, inline)) {
      requireState(RunState.READY, run);
    }
    assertThat(ledger().schedules().enforceLimit(hourly))
        .isEqualTo(new LimitChange(Optional.empty(), List.of()));
    ledger().schedules().limit(hourly, Optional.empty());
    ledger().schedules().limit(new ScheduleKey("team-a", "unknown"), Optional.empty());
    assertThat(ledger().schedules().limited(Optional.empty(), 10)).hasSize(1);
  }

  @Test
  default void schedulesWithALimitAreListedInPages() {
    List<ScheduleKey> keys = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ScheduleKey key = new ScheduleKey("team-a", "s" + i);
      ledger().schedules().limit(key, Optional.of(i + 1));
      keys.add(key);
    }
    List<LimitedSchedule> found = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Optional<ScheduleKey> after =
          found.isEmpty() ? Optional.empty() : Optional.of(found.getLast().schedule());
      found.addAll(ledger().schedules().limited(after, 1));
    }
    assertThat(found)
        .extracting(LimitedSchedule::schedule)
        .containsExactlyInAnyOrderElementsOf(keys);
  }
}
