/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What it means that PipelineRuns are missing: a few, many, and where nothing may be read. */
class ObjectDeletionsTest {
  private static final RuntimeException FORBIDDEN =
      new KubeForbidden("no rights there", new IllegalStateException());

  private final OperatorFixture fixture = new OperatorFixture();
  private Sweep sweep = fixture.sweep(run -> {});

  /** Runs that wait, each with its object and of a client of its own. */
  private List<String> waiting(String namespace, int number) {
    List<String> runs = names(namespace + "/r", number);
    runs.forEach(fixture::accepted);
    return runs;
  }

  private static List<String> names(String stem, int number) {
    return IntStream.range(0, number).mapToObj(i -> "%s%02d".formatted(stem, i)).toList();
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
  void aFewMissingOnesWereDeletedByUsers() {
    List<String> runs = waiting("data", 12);
    delete(runs.subList(0, 10));

    sweep.concludeDeletions();

    assertCanceled(runs.subList(0, 10));
    assertAre("READY", runs.subList(10, 12));
  }

  @Test
  void manyAtOnceAreHeldToTheLastOneAndNoneIsCanceled() {
    List<String> held = names("h", 4);
    held.forEach(fixture::acceptedHeld);
    assertAre("HELD Held", held);
    List<String> runs = Stream.concat(waiting("data", 8).stream(), held.stream()).toList();
    delete(runs);

    sweep.concludeDeletions();
    sweep = fixture.sweep(run -> {}); // the next operator goes on where this one was killed
    sweep.concludeDeletions();

    assertUnconfirmed(runs);
    int looks = fixture.kube.liveReads;
    assertThat(sweep.pass().unconfirmedDeletions()).isEqualTo(12);
    assertThat(fixture.kube.liveReads).as("what is held costs no more requests").isEqualTo(looks);
  }

  @Test
  void theLastOfManyIsNoLoneDeletion() {
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
  void itLooksNoFurtherThanItMust() {
    delete(waiting("data", 100));

    sweep.concludeDeletions();

    assertThat(fixture.kube.liveReads).isEqualTo(21);
  }

  @Test
  void aFewDeletedAfterwardsAreAnotherMatter() {
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
  void aPersonsConfirmationCancelsWhatIsMissingInThatNamespace() {
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
  void anObjectThatAsksForTheSameBringsItsRunBack() {
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
        .as("what the new object says is still to be applied")
        .contains(new ObjectRecord(OperatorFixture.HERE, "uid-new", 0));
    assertUnconfirmed(runs.subList(1, 2));
    assertUnconfirmed(runs.subList(3, 12));
  }

  @Test
  void whereNothingMayBeReadNothingIsConcludedAndElsewhereAllIs() {
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
  void aRunHeldForItsNamespaceWaitsUntilThatMayBeRead() {
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
}
