/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.ledger.Ledger.Acceptance;
import io.luigioperator.ledger.Ledger.RecordedObject;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
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

/** A run's way in, and its objects. */
interface AcceptContract extends LedgerFixture {

  @Test
  default void aNewRunIsReadyAndComesBackAsItWas() {
    Instant before = ledger().now();
    RunBuilder asking = RunBuilder.named("r");
    Run run = accepted(asking);
    assertThat(run.state()).isEqualTo(RunState.READY);
    assertThat(run.times().acceptedAt()).isBetween(before, ledger().now());
    assertThat(run.times().admitAt())
        .isEqualTo(AGEING.admitAt(run.priority(), run.times().acceptedAt()));
    assertThat(run.origin().request()).isEqualTo(asking.run().request());
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
    Acceptance again = ledger().accept(asking.run(), new ObjectRecord(CLUSTER, "another uid", 7));
    assertThat(again).isEqualTo(new Acceptance.Same(run));
    assertThat(record(run).run()).isEqualTo(run);
    assertThat(record(run).object()).contains(object(run.key()));
  }

  @Test
  default void anotherRequestUnderAUsedNameIsRefused() {
    Run run = accepted(RunBuilder.named("r"));
    RunBuilder another = RunBuilder.named("r").client("zeta").another();
    assertThat(ledger().accept(another.run(), object(run.key())))
        .isEqualTo(new Acceptance.NameTaken(run));
    assertThat(record(run).run()).isEqualTo(run);
    assertThat(heads()).containsExactly(run.key());
  }

  @Test
  default void aNameStaysUsedWhenItsRunHasEnded() {
    RunBuilder asking = RunBuilder.named("r").withoutMutex();
    Run done = finish(bound(accepted(asking)), Verdict.SUCCEEDED).orElseThrow();
    assertThat(ledger().accept(asking.run(), object(done.key())))
        .isEqualTo(new Acceptance.Same(done));
    assertThat(ledger().accept(asking.another().run(), object(done.key())))
        .isEqualTo(new Acceptance.NameTaken(done));
    assertThat(heads()).isEmpty();
  }

  @Test
  default void namespaceAndNameTogetherIdentifyARun() {
    Run run = accepted(RunBuilder.named("r"));
    assertThat(ledger().load(new RunKey("team-b", "r"), CLUSTER)).isEmpty();
    assertThat(ledger().load(new RunKey("team-a", "R"), CLUSTER)).isEmpty();
    assertThat(ledger().load(run.key(), CLUSTER)).isPresent();
  }

  @Test
  default void aRunThatIsToBeHeldIsHeld() {
    Run run = accepted(RunBuilder.named("r").desired(DesiredState.Held));
    assertThat(run.state()).isEqualTo(RunState.HELD);
    assertThat(run.standing().reason()).isEqualTo(Reasons.HELD);
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
    Instant later = ledger().now().plusSeconds(3600);
    Run run = accepted(RunBuilder.named("r").notBefore(later).startDeadline(60));
    assertThat(run.state()).isEqualTo(RunState.DELAYED);
    assertThat(run.standing().reason()).isEqualTo(Reasons.WAITING_FOR_TIME);
    assertThat(run.times().admitAt()).isEqualTo(AGEING.admitAt(run.priority(), later));
    assertThat(run.times().startDeadline()).contains(later.plusSeconds(60));
    assertThat(ledger().nextDue()).contains(later);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void aTimeThatHasPassedDelaysNobody() {
    Run run =
        accepted(RunBuilder.named("r").notBefore(Instant.EPOCH.plusSeconds(1)).startDeadline(60));
    assertThat(run.state()).isEqualTo(RunState.READY);
    assertThat(run.times().startDeadline()).contains(run.times().acceptedAt().plusSeconds(60));
  }

  @Test
  default void anObjectRecordIsReplaced() {
    Run run = accepted(RunBuilder.named("r"));
    ObjectRecord anew = new ObjectRecord(CLUSTER, "anew", 4);
    ledger().recordObject(run.key(), anew);
    ledger().recordObject(run.key(), anew);
    assertThat(record(run).object()).contains(anew);
    assertThat(record(run).run()).isEqualTo(run);
  }

  @Test
  default void nobodyRecordsAnObjectOfAnUnknownRun() {
    RunKey unknown = new RunKey("team-a", "unknown");
    ledger().recordObject(unknown, object(unknown));
    assertThat(ledger().recordedObjects(CLUSTER, Optional.empty(), 10)).isEmpty();
    assertThat(ledger().load(unknown, CLUSTER)).isEmpty();
  }

  @Test
  default void recordedObjectsComeInPagesAndWithoutThoseOfEndedRuns() {
    List<RecordedObject> expected = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      Run run = accepted(RunBuilder.named("r" + i).client("c" + i));
      ledger().recordObject(run.key(), new ObjectRecord(OTHER_CLUSTER, "there", 1));
      expected.add(new RecordedObject(run.key(), "", object(run.key())));
    }
    ledger().cancel(expected.getFirst().run(), Reasons.CANCELED, "");
    expected.removeFirst();
    List<RecordedObject> seen = new ArrayList<>();
    List<RecordedObject> page = ledger().recordedObjects(CLUSTER, Optional.empty(), 3);
    while (!page.isEmpty()) {
      assertThat(page).hasSizeLessThanOrEqualTo(3);
      seen.addAll(page);
      page = ledger().recordedObjects(CLUSTER, Optional.of(page.getLast().run()), 3);
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
  default void theCensusCountsWhatHasNotEnded() {
    accepted(RunBuilder.named("ready").client("a"));
    accepted(RunBuilder.named("held").client("b").desired(DesiredState.Held));
    accepted(RunBuilder.named("delayed").client("c").notBefore(ledger().now().plusSeconds(99)));
    claimed(accepted(RunBuilder.named("active").client("d")));
    accepted(RunBuilder.named("canceled").client("e").desired(DesiredState.Canceled));
    claimed(accepted(RunBuilder.named("active2").client("f")));
    assertThat(ledger().countByState())
        .containsOnly(
            java.util.Map.entry(RunState.READY, 1L),
            java.util.Map.entry(RunState.HELD, 1L),
            java.util.Map.entry(RunState.DELAYED, 1L),
            java.util.Map.entry(RunState.ACTIVE, 2L));
  }

  @Test
  default void anEmptyLedgerSaysSo() {
    assertThat(ledger().countByState().values()).hasSize(4).containsOnly(0L);
    assertThat(heads()).isEmpty();
    assertThat(ledger().nextDue()).isEmpty();
    assertThat(ledger().due(10)).isEmpty();
    assertThat(ledger().expire(10)).isEmpty();
    assertThat(ledger().purge(ledger().now(), 10)).isZero();
    assertThat(ledger().liveAttempts(CLUSTER)).isEmpty();
    assertThat(ledger().heldFor(Reasons.HELD, 10)).isEmpty();
    assertThat(ledger().freeStaleHolders(10)).isEmpty();
    assertThat(ledger().auditHeads(Optional.empty(), 10))
        .isEqualTo(new Ledger.Audit(List.of(), Optional.empty()));
  }
}
