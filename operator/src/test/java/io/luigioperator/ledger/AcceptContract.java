/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.ledger.LedgerQueries.RecordedObject;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Accepting runs, and the records of their objects. */
interface AcceptContract extends LedgerFixture {

  @Test
  default void aNewRunIsReadyAndReadAsWritten() {
    Instant before = ledger().queries().now();
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    assertThat(run.state()).isEqualTo(RunState.READY);
    assertThat(run.times().acceptedAt()).isBetween(before, ledger().queries().now());
    assertThat(run.times().admitAt())
        .isEqualTo(AGEING.admitAt(run.priority(), run.times().acceptedAt()));
    assertThat(run.definition().request()).isEqualTo(asking.run().request());
    assertThat(record(run).run()).isEqualTo(run);
    assertThat(record(run).object()).contains(object(run.key()));
    assertThat(record(run).attempts()).isEmpty();
    assertThat(record(run).holder()).isEmpty();
    assertThat(heads()).containsExactly(run.key());
  }

  @Test
  default void theSameRequestAgainChangesNothing() {
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    pass(Duration.ofMillis(1));
    Acceptance again =
        ledger()
            .runs()
            .accept(
                List.of(
                    new AcceptRequest(
                        asking.run(), LedgerFixture.object(CLUSTER, "another uid", 7))))
            .getFirst();
    assertThat(again).isEqualTo(new Acceptance.Same(run));
    assertThat(record(run).run()).isEqualTo(run);
    assertThat(record(run).object()).contains(object(run.key()));
  }

  @Test
  default void anotherRequestUnderAUsedNameIsRefused() {
    Run run = accepted(RunBuilder.named("r"));
    RunBuilder another = RunBuilder.named("r").client("zeta").another();
    assertThat(accept(another)).isEqualTo(new Acceptance.NameTaken(run));
    assertThat(record(run).run()).isEqualTo(run);
    assertThat(heads()).containsExactly(run.key());
  }

  @Test
  default void aNameStaysUsedWhenItsRunHasEnded() {
    RunBuilder asking = RunBuilder.named("r").withoutMutex();
    Run done = finish(bound(accepted(asking)), Verdict.SUCCEEDED).orElseThrow();
    assertThat(accept(asking)).isEqualTo(new Acceptance.Same(done));
    assertThat(accept(asking.another())).isEqualTo(new Acceptance.NameTaken(done));
    assertThat(heads()).isEmpty();
  }

  @Test
  default void anEndedRunEntersTheLedgerAsEnded() {
    RunBuilder asking = RunBuilder.named("r");
    Instant start = Instant.parse("2026-01-31T10:00:00Z");
    RecordedOutcome outcome =
        new RecordedOutcome(
            RunState.FAILED,
            "TaskFailed",
            "tasks failed",
            3,
            2,
            Optional.of(start),
            Optional.of(start.plusSeconds(60)));
    Acceptance answer =
        ledger()
            .runs()
            .accept(
                List.of(
                    new AcceptRequest(asking.run(), object(asking.key()), Optional.of(outcome))))
            .getFirst();

    Run run = load(asking.key());
    assertThat(answer).isEqualTo(new Acceptance.Accepted(run));
    assertThat(run.state()).isEqualTo(RunState.FAILED);
    assertThat(run.stateDetails().reason()).isEqualTo("TaskFailed");
    assertThat(run.budget().claims()).isEqualTo(3);
    assertThat(run.budget().counted()).isEqualTo(2);
    assertThat(run.times().startedAt()).contains(start);
    assertThat(run.times().finishedAt()).contains(start.plusSeconds(60));
    assertThat(heads()).isEmpty();
    assertThat(accept(asking)).isEqualTo(new Acceptance.Same(run));
  }

  @Test
  default void aWaitingRunEndsWithARecordedOutcomeAndFreesItsPlace() {
    RecordedOutcome outcome =
        new RecordedOutcome(
            RunState.SUCCEEDED, "Completed", "done", 1, 1, Optional.empty(), Optional.empty());
    Run first = accepted(RunBuilder.named("r1"));
    Run second = accepted(RunBuilder.named("r2"));
    Run ended = ledger().runs().restoreOutcome(first.key(), outcome).orElseThrow();

    assertThat(load(first)).isEqualTo(ended);
    assertThat(ended.state()).isEqualTo(RunState.SUCCEEDED);
    assertThat(ended.times().finishedAt()).isPresent();
    assertThat(heads()).containsExactly(second.key());
    assertThat(ledger().runs().restoreOutcome(first.key(), outcome)).isEmpty();
    Attempt live = claimed(second);
    assertThat(ledger().runs().restoreOutcome(second.key(), outcome))
        .as("its attempt may be running")
        .isEmpty();
    assertThat(reload(live)).isEqualTo(live);
  }

  @Test
  default void eachOfManyRequestsIsAnsweredOnItsOwnAndInOrder() {
    RunBuilder known = RunBuilder.named("known");
    Run before = accepted(known);
    RunBuilder held = RunBuilder.named("held").desired(DesiredState.Held);
    RunBuilder own = RunBuilder.named("own").withoutMutex();
    List<Acceptance> answers =
        ledger()
            .runs()
            .accept(
                List.of(
                    request(held),
                    request(known.another().client("zeta")),
                    request(own),
                    request(known),
                    request(held),
                    request(held.another())));
    Run heldRun = load(held.key());
    assertThat(answers)
        .containsExactly(
            new Acceptance.Accepted(heldRun),
            new Acceptance.NameTaken(before),
            new Acceptance.Accepted(load(own.key())),
            new Acceptance.Same(before),
            new Acceptance.Same(heldRun),
            new Acceptance.NameTaken(heldRun));
    assertThat(heldRun.state()).isEqualTo(RunState.HELD);
    assertThat(load(before)).isEqualTo(before);
    assertThat(heads()).containsExactlyInAnyOrder(known.key(), own.key());
    for (RunBuilder asking : List.of(held, own)) {
      assertThat(record(asking.key()).orElseThrow().object()).contains(object(asking.key()));
    }
    assertThat(ledger().maintenance().auditHeads(Optional.empty(), 10).corrected()).isEmpty();
  }

  @Test
  default void aListOfRequestsMayBeLongOrEmpty() {
    List<RunBuilder> askings = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      askings.add(RunBuilder.named("r" + i).client("c" + i % 9));
    }
    List<Acceptance> answers = ledger().runs().accept(askings.stream().map(this::request).toList());
    assertThat(answers).hasSize(120).hasOnlyElementsOfType(Acceptance.Accepted.class);
    assertThat(answers)
        .extracting(Acceptance::key)
        .containsExactlyElementsOf(askings.stream().map(RunBuilder::key).toList());
    assertThat(ledger().queries().countByState()).containsEntry(RunState.READY, 120L);
    assertThat(heads()).hasSize(9);
    assertThat(ledger().runs().accept(List.of())).isEmpty();
  }

  @Test
  default void namespaceAndNameTogetherIdentifyARun() {
    Run run = accepted(RunBuilder.named("r"));
    assertThat(record(new RunKey("team-b", "r"))).isEmpty();
    assertThat(record(new RunKey("team-a", "R"))).isEmpty();
    assertThat(record(run.key())).isPresent();
  }

  @Test
  default void aRunThatIsToBeHeldIsHeld() {
    Run run = accepted(RunBuilder.named("r").desired(DesiredState.Held));
    assertThat(run.state()).isEqualTo(RunState.HELD);
    assertThat(run.stateDetails().reason()).isEqualTo(Reasons.HELD);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void aRunThatIsCanceledFromTheStartNeverWaits() {
    for (RunBuilder asking :
        List.of(RunBuilder.named("r"), RunBuilder.named("own").withoutMutex())) {
      Run run = accepted(asking.desired(DesiredState.Canceled));
      assertThat(run.state()).isEqualTo(RunState.CANCELED);
      assertThat(run.times().finishedAt()).isPresent();
      assertThat(claim(run)).isEmpty();
    }
    assertThat(heads()).isEmpty();
  }

  @Test
  default void aRunForLaterIsDelayedAndQueuesFromThen() {
    Instant later = ledger().queries().now().plusSeconds(3600);
    Run run = accepted(RunBuilder.named("r").notBefore(later).startDeadline(60));
    assertThat(run.state()).isEqualTo(RunState.DELAYED);
    assertThat(run.stateDetails().reason()).isEqualTo(Reasons.WAITING_FOR_TIME);
    assertThat(run.times().admitAt()).isEqualTo(AGEING.admitAt(run.priority(), later));
    assertThat(run.times().startDeadline()).contains(later.plusSeconds(60));
    assertThat(ledger().queries().nextDue()).contains(later);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void aTimeThatHasPassedDoesNotDelay() {
    Run run =
        accepted(RunBuilder.named("r").notBefore(Instant.EPOCH.plusSeconds(1)).startDeadline(60));
    assertThat(run.state()).isEqualTo(RunState.READY);
    assertThat(run.times().startDeadline()).contains(run.times().acceptedAt().plusSeconds(60));
  }

  @Test
  default void anObjectRecordIsReplaced() {
    Run run = accepted(RunBuilder.named("r"));
    ObjectRecord anew = LedgerFixture.object(CLUSTER, "anew", 4);
    ledger().runs().recordObject(run.key(), anew);
    ledger().runs().recordObject(run.key(), anew);
    assertThat(record(run).object()).contains(anew);
    assertThat(record(run).run()).isEqualTo(run);
  }

  @Test
  default void noObjectOfAnUnknownRunIsRecorded() {
    RunKey unknown = new RunKey("team-a", "unknown");
    ledger().runs().recordObject(unknown, object(unknown));
    assertThat(ledger().queries().recordedObjects(CLUSTER, Optional.empty(), 10)).isEmpty();
    assertThat(record(unknown)).isEmpty();
  }

  @Test
  default void recordedObjectsComeInPagesAndWithoutThoseOfEndedRuns() {
    List<RecordedObject> expected = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      Run run = accepted(RunBuilder.named("r" + i).client("c" + i));
      ledger().runs().recordObject(run.key(), LedgerFixture.object(OTHER_CLUSTER, "there", 1));
      expected.add(new RecordedObject(run.key(), "", object(run.key())));
    }
    ledger().runs().cancel(expected.getFirst().run(), Reasons.CANCELED, "");
    expected.removeFirst();
    List<RecordedObject> seen = new ArrayList<>();
    List<RecordedObject> page = ledger().queries().recordedObjects(CLUSTER, Optional.empty(), 3);
    while (!page.isEmpty()) {
      assertThat(page).hasSizeLessThanOrEqualTo(3);
      seen.addAll(page);
      page = ledger().queries().recordedObjects(CLUSTER, Optional.of(page.getLast().run()), 3);
    }
    assertThat(seen).containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  default void clientsThatDifferInCaseDoNotExcludeEachOther() {
    Run small = accepted(RunBuilder.named("r1").client("acme"));
    Run large = accepted(RunBuilder.named("r2").client("Acme"));
    assertThat(heads()).containsExactlyInAnyOrder(small.key(), large.key());
    claimed(small);
    assertThat(claimed(large).state()).isEqualTo(AttemptState.CLAIMED);
  }

  @Test
  default void runsThatHaveNotEndedAreCountedByState() {
    accepted(RunBuilder.named("ready").client("a"));
    accepted(RunBuilder.named("held").client("b").desired(DesiredState.Held));
    accepted(
        RunBuilder.named("delayed")
            .client("c")
            .notBefore(ledger().queries().now().plusSeconds(99)));
    claimed(accepted(RunBuilder.named("active").client("d")));
    accepted(RunBuilder.named("canceled").client("e").desired(DesiredState.Canceled));
    claimed(accepted(RunBuilder.named("active2").client("f")));
    assertThat(ledger().queries().countByState())
        .containsOnly(
            java.util.Map.entry(RunState.READY, 1L),
            java.util.Map.entry(RunState.HELD, 1L),
            java.util.Map.entry(RunState.DELAYED, 1L),
            java.util.Map.entry(RunState.ACTIVE, 2L));
  }

  @Test
  default void anEmptyLedgerReturnsNothing() {
    assertThat(ledger().queries().countByState().values()).hasSize(4).containsOnly(0L);
    assertThat(heads()).isEmpty();
    assertThat(ledger().queries().nextDue()).isEmpty();
    assertThat(ledger().maintenance().due(10)).isEmpty();
    assertThat(ledger().maintenance().expire(10)).isEmpty();
    assertThat(ledger().maintenance().purge(ledger().queries().now(), 10)).isZero();
    assertThat(ledger().queries().liveAttempts(CLUSTER)).isEmpty();
    assertThat(ledger().queries().heldFor(Reasons.HELD, Optional.empty(), 10)).isEmpty();
    assertThat(ledger().maintenance().freeStaleHolders(10)).isEmpty();
    assertThat(ledger().maintenance().auditHeads(Optional.empty(), 10))
        .isEqualTo(new LedgerMaintenance.Audit(List.of(), Optional.empty()));
  }
}
