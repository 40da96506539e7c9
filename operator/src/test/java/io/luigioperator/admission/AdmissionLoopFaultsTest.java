/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.OperatorFixture;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Errors of one head do not affect the others. Heads are in the order of their names. */
class AdmissionLoopFaultsTest {
  private final OperatorFixture fixture = new OperatorFixture();
  private final AdmissionLoop loop = fixture.admission(10, run -> {});

  private void failLiveRead(String run, RuntimeException error) {
    fixture.kube.unreadable.put(OperatorFixture.key(run), error);
  }

  private void assertHeld(String run, String reason, String message) {
    assertThat(fixture.stateAndReason(run)).isEqualTo("HELD " + reason);
    assertThat(fixture.run(run).stateDetails().message()).contains(message);
  }

  private void assertPostponed(String run, String message) {
    assertThat(fixture.stateAndReason(run)).isEqualTo("DELAYED ObjectRefused");
    assertThat(fixture.run(run).stateDetails().message()).contains(message);
  }

  private void assertClaimed(String run) {
    assertThat(fixture.stateAndReason(run)).isEqualTo("ACTIVE");
  }

  private void assertWaits(String run) {
    assertThat(fixture.stateAndReason(run)).isEqualTo("READY");
  }

  private Optional<ObjectRecord> recorded(String run) {
    return fixture
        .ledger
        .queries()
        .load(OperatorFixture.key(run), OperatorFixture.HERE)
        .run(OperatorFixture.key(run))
        .orElseThrow()
        .object();
  }

  @Test
  void aHeadThatMustNotBeReadIsHeldAndTheNextIsClaimed() {
    fixture.accepted("first").objectNotCached("first").accepted("second");
    failLiveRead("first", new KubeForbidden("403: no permission", new IllegalStateException()));

    loop.pass();

    assertHeld("first", Reasons.NAMESPACE_MISSING, "no permission");
    assertClaimed("second");
  }

  @Test
  void aHeadInAnInactiveNamespaceIsHeld() {
    fixture.accepted("head").objectDeleted("head").kube.namespace = NamespaceState.TERMINATING;

    loop.pass();

    assertHeld("head", Reasons.NAMESPACE_MISSING, "namespace data");
  }

  @Test
  void aHeadWithoutItsObjectIsSkipped() {
    fixture.accepted("head").objectDeleted("head");

    loop.pass();

    assertWaits("head");
  }

  @Test
  void aHeadWithAnUnexpectedErrorIsHeldAndBlocksNoOther() {
    fixture.accepted("broken").objectNotCached("broken").accepted("waiting");
    failLiveRead("broken", new IllegalStateException("a defect"));

    loop.pass();

    assertHeld("broken", Reasons.INTERNAL_ERROR, "a defect");
    assertClaimed("waiting");
  }

  @Test
  void oneLostAnswerSkipsTheHeadAndTwoInARowEndThePass() {
    List<String> heads = List.of("a", "b", "c", "d", "e", "f", "g");
    heads.forEach(head -> fixture.accepted(head).objectNotCached(head));
    RuntimeException unavailable = new KubeUnavailable("no answer");
    List.of("a", "c", "e", "f").forEach(head -> failLiveRead(head, unavailable));

    assertThatThrownBy(loop::pass).isSameAs(unavailable);

    assertThat(heads)
        .extracting(fixture::stateAndReason)
        .describedAs("the heads of one page are claimed in parallel")
        .containsExactly("READY", "ACTIVE", "READY", "ACTIVE", "READY", "READY", "ACTIVE");
  }

  @Test
  void refusalsOfTheirOwnDoNotEndThePass() {
    List<String> heads = List.of("a", "b", "c", "d");
    heads.forEach(head -> fixture.accepted(head).objectNotCached(head));
    RuntimeException refused =
        new KubeRefused("500: failed calling webhook", new IllegalStateException());
    List.of("a", "b", "c").forEach(head -> failLiveRead(head, refused));

    loop.pass();

    assertThat(heads)
        .extracting(fixture::stateAndReason)
        .containsExactly("READY", "READY", "READY", "ACTIVE");
  }

  @Test
  void anObjectWithAnotherRequestIsNotAdopted() {
    fixture.acceptedElsewhere("head").objectExistsWithAnotherSpec("head", "uid-head");

    loop.pass();

    assertPostponed("head", "with another request");
    assertThat(recorded("head")).isEmpty();
  }

  @Test
  void theMutableFieldsOfAnAdoptedObjectAreAppliedLater() {
    fixture.acceptedElsewhere("head").objectExists("head", "uid-head");

    loop.pass();

    assertClaimed("head");
    assertThat(recorded("head"))
        .contains(new ObjectRecord(OperatorFixture.HERE, "uid-head", 0, OperatorFixture.T0, false));
  }

  @Test
  void aRunThatEndedBeforeTheLedgerWasRestoredIsNotClaimed() {
    fixture.accepted("known").objectShowsSuccess("known", "uid-known");
    fixture.acceptedElsewhere("adopted").objectShowsSuccess("adopted", "uid-adopted");
    fixture.accepted("uncached").objectShowsSuccess("uncached", "uid-uncached");
    fixture.objectNotCached("uncached");
    fixture.accepted("other");

    loop.pass();

    for (String ended : List.of("known", "adopted", "uncached")) {
      assertThat(fixture.stateAndReason(ended)).isEqualTo("SUCCEEDED Completed");
    }
    assertClaimed("other");
  }

  @Test
  void theObjectThatIsCreatedHereHasTheMutableFieldsOfNow() {
    fixture.acceptedElsewhere("head");
    RunKey key = OperatorFixture.key("head");
    fixture
        .ledger
        .runs()
        .recordObject(
            key,
            new ObjectRecord(OperatorFixture.THERE, "uid-there", 1, OperatorFixture.T0, false));
    fixture
        .ledger
        .runs()
        .amend(
            key,
            OperatorFixture.THERE,
            2,
            new Amendment(
                DesiredState.Running, Priority.High, Optional.empty(), OptionalLong.empty(), 7));

    loop.pass();

    PipelineRunSpec created = fixture.kube.runs.get(key).spec();
    assertThat(created.priority()).isEqualTo(Priority.High);
    assertThat(created.maxAttempts()).isEqualTo(7);
    assertThat(recorded("head").orElseThrow().appliedGeneration()).isEqualTo(1);
  }

  @Test
  void onlyAPermanentRefusalPostponesTheRun() {
    fixture.acceptedElsewhere("head");
    fixture.kube.runCreation = Optional.of(new RunCreation.NotNow("exceeded quota: q"));

    loop.pass();
    assertWaits("head");

    fixture.kube.runCreation = Optional.of(new RunCreation.Refused("strict decoding error"));
    loop.pass();
    assertPostponed("head", "strict decoding error");
  }

  /** For example by a policy that is corrected: the run blocks no other one meanwhile. */
  @Test
  void aRefusedPipelineRunIsCreatedLater() {
    fixture.acceptedElsewhere("a-1").acceptedElsewhere("a-2");
    AtomicInteger postponed = new AtomicInteger();
    loop.onPostponed(postponed::incrementAndGet);
    fixture.kube.runCreation = Optional.of(new RunCreation.Refused("denied by a policy"));
    loop.pass();
    fixture.kube.runCreation = Optional.empty();
    loop.pass();

    assertPostponed("a-1", "denied by a policy");
    assertThat(postponed).hasValue(1);
    assertClaimed("a-2");

    Instant next = fixture.run("a-1").times().notBefore().orElseThrow();
    assertThat(Duration.between(fixture.now(), next)).isBetween(ofSeconds(60), ofSeconds(90));
    fixture.at(Duration.between(OperatorFixture.T0, next)).due("a-1");
    assertWaits("a-1");
  }

  @Test
  void heldAndThenRunningReleasesARunAfterAnInternalError() {
    fixture
        .accepted("head")
        .ledger
        .runs()
        .hold(OperatorFixture.key("head"), Reasons.INTERNAL_ERROR, "");

    amended(2, DesiredState.Running);
    assertHeld("head", Reasons.INTERNAL_ERROR, "");
    amended(3, DesiredState.Held);
    assertHeld("head", Reasons.INTERNAL_ERROR, "");
    amended(4, DesiredState.Running);
    assertWaits("head");
  }

  private void amended(long generation, DesiredState desired) {
    fixture
        .ledger
        .runs()
        .amend(
            OperatorFixture.key("head"),
            OperatorFixture.HERE,
            generation,
            new Amendment(desired, Priority.Normal, Optional.empty(), OptionalLong.empty(), 3));
  }

  @Test
  void aDeletedPodUsesNoSlot() {
    AdmissionLoop oneSlot = fixture.admission(1, run -> {});
    fixture.accepted("first").bound("first").gateOpened("first").accepted("second");

    assertThat(oneSlot.pass()).isZero();
    assertWaits("second");
    fixture.podDeleted("first");
    oneSlot.pass();
    assertClaimed("second");
  }

  @Test
  void onlyABlockedKeyIsNotClaimed() {
    fixture.accepted("first").accepted("second");
    loop.block(Set.of(fixture.run("first").admitKey()));

    loop.pass();
    assertWaits("first");
    assertClaimed("second");

    loop.block(Set.of());
    loop.pass();
    assertClaimed("first");
  }
}
