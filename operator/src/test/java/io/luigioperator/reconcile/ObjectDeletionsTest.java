/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What happens if PipelineRuns are missing: a few, many, or in a namespace that cannot be read. */
class ObjectDeletionsTest {
  private static final RuntimeException FORBIDDEN =
      new KubeForbidden("no permission", new IllegalStateException());

  private final OperatorFixture fixture = new OperatorFixture();
  private Sweep sweep = fixture.sweep(run -> {});

  /** READY runs with their objects, each of another client. */
  private List<String> waiting(String namespace, int count) {
    List<String> runs = names(namespace + "/r", count);
    runs.forEach(fixture::accepted);
    return runs;
  }

  private static List<String> names(String prefix, int count) {
    return IntStream.range(0, count).mapToObj(i -> "%s%02d".formatted(prefix, i)).toList();
  }

  private void delete(List<String> runs) {
    runs.forEach(fixture::objectDeleted);
  }

  private void assertAre(String expected, List<String> runs) {
    assertThat(runs).allSatisfy(r -> assertThat(fixture.stateAndReason(r)).isEqualTo(expected));
  }

  private void assertUnconfirmed(List<String> runs) {
    assertAre("HELD MassDeletion", runs);
  }

  private void assertCanceled(List<String> runs) {
    assertAre("CANCELED Deleted", runs);
  }

  @Test
  void aFewMissingObjectsCancelTheirRuns() {
    List<String> runs = waiting("data", 12);
    delete(runs.subList(0, 10));

    sweep.concludeDeletions();

    assertCanceled(runs.subList(0, 10));
    assertAre("READY", runs.subList(10, 12));
  }

  @Test
  void manyMissingObjectsHoldAllTheirRuns() {
    List<String> held = names("h", 4);
    held.forEach(fixture::acceptedHeld);
    assertAre("HELD Held", held);
    List<String> runs = Stream.concat(waiting("data", 8).stream(), held.stream()).toList();
    delete(runs);

    sweep.concludeDeletions();
    sweep = fixture.sweep(run -> {}); // another process continues where this one was stopped
    sweep.concludeDeletions();

    assertUnconfirmed(runs);
    int reads = fixture.kube.liveReads;
    assertThat(sweep.pass().unconfirmedDeletions()).isEqualTo(12);
    assertThat(fixture.kube.liveReads).as("held runs cost no further requests").isEqualTo(reads);
  }

  @Test
  void anObjectThatWasDeletedWithItsNamespaceOrDefinitionHoldsItsRun() {
    List<String> runs = waiting("data", 3);
    delete(runs);
    fixture.kube.servedSince = fixture.run(runs.getFirst()).times().acceptedAt().plusSeconds(5);

    sweep.concludeDeletions();
    assertUnconfirmed(runs);
    assertThat(fixture.run(runs.getFirst()).stateDetails().message())
        .contains("together with its namespace", "create it again", "kubectl annotate");

    fixture.objectExists(runs.getFirst(), "applied again from Git");
    sweep.pass();
    assertAre("READY", runs.subList(0, 1));
    assertUnconfirmed(runs.subList(1, 3));
  }

  @Test
  void theLastOfManyMissingObjectsHoldsItsRunToo() {
    List<String> runs = waiting("data", 12);
    sweep.concludeDeletions(); // nothing is missing yet
    delete(runs);

    sweep.concludeDeletions();
    assertUnconfirmed(runs.subList(0, 11));
    assertAre("READY", runs.subList(11, 12));
    sweep.concludeDeletions();

    assertUnconfirmed(runs);
  }

  @Test
  void aReplicaThatLeadsAgainHoldsTheRestOfAMassDeletion() {
    List<String> runs = waiting("data", 12);
    sweep.concludeDeletions(); // nothing is missing while this replica leads
    delete(runs);
    Sweep other = fixture.sweep(run -> {});
    other.concludeDeletions();
    assertAre("READY", runs.subList(11, 12));

    sweep.leadershipBegins();
    sweep.concludeDeletions();

    assertUnconfirmed(runs);
  }

  @Test
  void readsNoMoreObjectsThanNeeded() {
    delete(waiting("data", 100));

    sweep.concludeDeletions();

    assertThat(fixture.kube.liveReads).isEqualTo(21);
  }

  @Test
  void aFewLaterDeletionsCancelTheirRuns() {
    List<String> lost = waiting("data", 12);
    delete(lost);
    sweep.concludeDeletions();
    sweep.concludeDeletions();
    List<String> later = waiting("other", 3);
    sweep.concludeDeletions();
    delete(later.subList(0, 1));

    sweep.concludeDeletions();

    assertCanceled(later.subList(0, 1));
    assertUnconfirmed(lost);
  }

  @Test
  void aConfirmationCancelsTheHeldRunsOfItsNamespace() {
    List<String> ours = waiting("data", 12);
    List<String> others = waiting("other", 12);
    delete(ours);
    delete(others);
    sweep.concludeDeletions();
    sweep.concludeDeletions();
    fixture.kube.deletionsConfirmed.put("data", fixture.now().minusSeconds(3601));
    sweep.concludeDeletions();
    assertUnconfirmed(ours);

    fixture.kube.deletionsConfirmed.put("data", fixture.now().minusSeconds(3600));
    sweep.concludeDeletions();

    assertCanceled(ours);
    assertUnconfirmed(others);
  }

  @Test
  void anObjectWithTheSameRequestReleasesItsRun() {
    List<String> runs = waiting("data", 12);
    delete(runs);
    sweep.concludeDeletions();
    sweep.concludeDeletions();
    fixture.objectExists(runs.get(0), "uid-new");
    fixture.objectExistsWithAnotherSpec(runs.get(1), "uid-new");
    fixture.objectExists(runs.get(2), "uid-" + runs.get(2));

    sweep.concludeDeletions();

    assertAre("READY", List.of(runs.get(0), runs.get(2)));
    assertThat(
            fixture
                .ledger
                .queries()
                .load(OperatorFixture.key(runs.get(0)), OperatorFixture.HERE)
                .run(OperatorFixture.key(runs.get(0)))
                .orElseThrow()
                .object())
        .as("the mutable fields of the new object are applied later")
        .contains(new ObjectRecord(OperatorFixture.HERE, "uid-new", 0, OperatorFixture.T0, false));
    assertUnconfirmed(runs.subList(1, 2));
    assertUnconfirmed(runs.subList(3, 12));
  }

  /** The objects are gone because their namespace is, which is only visible afterwards. */
  @Test
  void looksAtTheNamespaceAfterTheAbsence() {
    List<String> runs = waiting("data", 2);
    delete(runs);
    fixture.kube.afterLiveRead = () -> fixture.kube.namespace = NamespaceState.TERMINATING;

    sweep.concludeDeletions();

    assertAre("READY", runs);
  }

  @Test
  void onlyDeletionsInAForbiddenNamespaceAreIgnored() {
    List<String> hidden = waiting("hidden", 1);
    List<String> open = waiting("open", 1);
    delete(hidden);
    delete(open);
    fixture.kube.unreadable.put(OperatorFixture.key(hidden.getFirst()), FORBIDDEN);

    sweep.concludeDeletions();

    assertCanceled(open);
    assertAre("READY", hidden);
  }

  @Test
  void aRunHeldForItsNamespaceIsReleasedOnceItCanBeRead() {
    fixture
        .accepted("a")
        .ledger
        .runs()
        .hold(OperatorFixture.key("a"), Reasons.NAMESPACE_MISSING, "");
    fixture.kube.unreadable.put(OperatorFixture.key("a"), FORBIDDEN);
    sweep.pass();
    assertThat(fixture.stateAndReason("a")).isEqualTo("HELD NamespaceMissing");

    fixture.kube.unreadable.clear();
    sweep.pass();
    assertThat(fixture.stateAndReason("a")).isEqualTo("READY");
  }

  // ---- PipelineRuns that the operator created, which are in no file of a user

  private static final Instant CREATED = OperatorFixture.T0.plusSeconds(60);

  /** READY runs whose PipelineRuns the operator has created here, and which are missing now. */
  private List<String> lost(int count) {
    List<String> runs = names("data/r", count);
    for (String run : runs) {
      fixture.acceptedElsewhere(run);
      RunKey key = OperatorFixture.key(run);
      fixture
          .ledger
          .runs()
          .recordObject(key, new ObjectRecord(OperatorFixture.HERE, "made", 1, CREATED, true));
    }
    return runs;
  }

  private boolean isRecorded(String run) {
    RunKey key = OperatorFixture.key(run);
    return fixture
        .ledger
        .queries()
        .load(key, OperatorFixture.HERE)
        .run(key)
        .flatMap(r -> r.object())
        .isPresent();
  }

  @Test
  void anObjectOfTheOperatorThatWasDeletedWithItsNamespaceIsCreatedAgain() {
    List<String> runs = lost(30);
    fixture
        .ledger
        .runs()
        .hold(OperatorFixture.key(runs.getFirst()), Reasons.DELETION_UNCONFIRMED, "");
    fixture.kube.servedSince = CREATED.plusSeconds(1);

    sweep.concludeDeletions();

    assertAre("READY", runs);
    assertThat(runs).noneMatch(this::isRecorded);
    fixture.admission(30, run -> {}).pass();
    assertAre("ACTIVE", runs);
    assertThat(fixture.kube.changes).hasSize(30).contains("create PipelineRun r00");
  }

  /** Without it nobody could release the run. */
  @Test
  void theObjectOfARunThatAUserHasHeldIsCreatedAtOnce() {
    List<String> runs = lost(2);
    RunKey held = OperatorFixture.key(runs.getFirst());
    fixture
        .ledger
        .runs()
        .amend(
            held,
            OperatorFixture.HERE,
            2,
            new Amendment(
                DesiredState.Held, Priority.Normal, Optional.empty(), OptionalLong.empty(), 3));
    fixture.kube.servedSince = CREATED.plusSeconds(1);

    sweep.concludeDeletions();

    assertAre("HELD Held", runs.subList(0, 1));
    assertThat(fixture.kube.changes).containsExactly("create PipelineRun r00");
    assertThat(fixture.kube.runs.get(held).spec().desiredState()).isEqualTo(DesiredState.Held);
    assertThat(fixture.ledger.queries().load(held, OperatorFixture.HERE).run(held))
        .get()
        .extracting(r -> r.object().orElseThrow().uid())
        .isEqualTo("made-r00");
  }

  @Test
  void itIsCreatedAgainOnlyOnceNamespaceAndDefinitionAreServed() {
    List<String> runs = lost(1);
    fixture.kube.servedSince = CREATED.plusSeconds(1);
    fixture.kube.namespace = NamespaceState.TERMINATING;
    sweep.concludeDeletions();
    fixture.kube.namespace = NamespaceState.ACTIVE;
    fixture.kube.crdEstablished = false;
    sweep.concludeDeletions();

    assertAre("READY", runs);
    assertThat(isRecorded(runs.getFirst())).isTrue();
  }

  @Test
  void aUserWhoDeletesAnObjectOfTheOperatorCancelsItsRun() {
    List<String> runs = lost(3);
    // the namespace is younger than the run, but older than its PipelineRun
    fixture.kube.servedSince = CREATED.minusSeconds(1);
    assertThat(fixture.run(runs.getFirst()).times().acceptedAt())
        .isBefore(fixture.kube.servedSince);

    sweep.concludeDeletions();

    assertCanceled(runs);
  }

  @Test
  void manyMissingObjectsOfTheOperatorWaitForAConfirmation() {
    List<String> runs = lost(12);

    sweep.concludeDeletions();
    sweep.concludeDeletions();

    assertUnconfirmed(runs);
    fixture.kube.servedSince = CREATED.plusSeconds(1);
    sweep.pass();
    assertUnconfirmed(runs);
  }

  @Test
  void aConfirmationAppliesToTheObjectsOfTheOperatorToo() {
    List<String> runs = lost(1);
    fixture.kube.servedSince = CREATED.plusSeconds(1);
    fixture.kube.deletionsConfirmed.put("data", fixture.now());

    sweep.concludeDeletions();

    assertCanceled(runs);
  }

  /** The Job and its pod were deleted with the PipelineRun. */
  @Test
  void aLiveAttemptOfALostObjectIsFollowedByAnother() {
    List<String> runs = lost(1);
    String run = runs.getFirst();
    fixture.registered(OperatorFixture.HERE);
    fixture.claimed(run);
    fixture.kube.servedSince = CREATED.plusSeconds(1);

    sweep.concludeDeletions();
    assertAre("ACTIVE", runs);
    assertThat(isRecorded(run)).isFalse();

    fixture.at(Duration.ofSeconds(60));
    sweep.pass();
    assertAre("DELAYED BackingOff", runs);
    fixture.at(Duration.ofHours(2)).due(run);
    fixture.admission(1, r -> {}).pass();
    assertAre("ACTIVE", runs);
    assertThat(fixture.kube.changes).contains("create PipelineRun r00");
  }
}
