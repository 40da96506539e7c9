/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static io.luigioperator.reconcile.ControllersFixture.DATA;
import static io.luigioperator.reconcile.ControllersFixture.HERE;
import static io.luigioperator.reconcile.ControllersFixture.LONG;
import static io.luigioperator.reconcile.ControllersFixture.PIPELINE;
import static io.luigioperator.reconcile.ControllersFixture.RUN;
import static io.luigioperator.reconcile.ControllersFixture.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.mockwebserver.http.RecordedRequest;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.reconcile.RunQueue.Lane;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What triggers the reconciliation of a PipelineRun, and what is written. */
class ControllersTest {
  private static final Duration QUEUED_AFTER = Duration.ofSeconds(2);

  @RegisterExtension final ControllersFixture fixture = new ControllersFixture();

  // ---- triggers

  @Test
  void aRunIsAcceptedOnceItsScheduleListsItsClient() {
    fixture.start();
    fixture.applySchedule("[{id: globex}]");
    fixture.applyRun("", "scheduleRef: {name: nightly}");
    fixture.awaitAccepted("False", "ClientNotAllowed");
    assertThat(fixture.recorded()).isEmpty();
    fixture.listClients("[{\"id\":\"acme\"}]");
    fixture.awaitState(RunState.READY);
  }

  @Test
  void aRunIsReconciledAtItsRequeueTimeWithoutAnEvent() {
    fixture.applyRun("", "startDeadlineSeconds: 1, scheduleRef: {name: nightly}");
    Instant created = Instant.parse(fixture.run().getMetadata().getCreationTimestamp());
    fixture.ledgerClock.set(created.plusMillis(900));
    fixture.start();
    fixture.awaitAccepted("False", "ScheduleNotFound");
    assertThat(fixture.run().getStatus().conditions())
        .noneMatch(c -> c.getMessage().contains("given up after startDeadlineSeconds"));
    fixture.ledgerClock.set(created.plusSeconds(1));
    eventually(
        () ->
            assertThat(fixture.run().getStatus().conditions())
                .anyMatch(c -> c.getMessage().contains("given up after startDeadlineSeconds")));
  }

  @Test
  void brokenWatchesAreReported() {
    fixture.start();
    eventually(() -> assertThat(fixture.controllers.brokenInformers()).isEmpty());
    fixture.server.shutdown();
    eventually(
        () ->
            assertThat(fixture.controllers.brokenInformers())
                .contains("PipelineRun in namespace data, PipelineSchedule in namespace data"));
  }

  @Test
  void markingForDeletionAndDeletingEachStartADeletionPass() {
    AtomicInteger passes = countDeletionPasses();
    fixture.applyRun(", finalizers: [example.com/keep]", "pipeline: " + PIPELINE);
    fixture.start();
    fixture.awaitState(RunState.READY);
    assertThat(passes).hasValue(1);

    fixture.client.resource(fixture.run()).delete();
    eventually(() -> assertThat(passes).hasValue(2));
    assertThat(fixture.run().isMarkedForDeletion()).isTrue();

    fixture
        .client
        .resource(fixture.run())
        .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"metadata\":{\"finalizers\":null}}");
    eventually(() -> assertThat(passes).hasValue(3));
    assertThat(fixture.run()).isNull();
  }

  /** Counts the passes of a loop that waits for the deletion signal; it starts with one. */
  private AtomicInteger countDeletionPasses() {
    AtomicInteger passes = new AtomicInteger();
    Loop loop =
        new Loop(
            "deletions",
            fixture.deletionSeen,
            Duration.ZERO,
            LONG,
            () -> {
              passes.incrementAndGet();
              return Duration.ofHours(1);
            });
    loop.start();
    fixture.started(
        () -> {
          loop.stop();
          assertThat(loop.awaitStopped(LONG)).isTrue();
        });
    eventually(() -> assertThat(passes).hasValue(1));
    return passes;
  }

  @Test
  void aCanceledRunWithoutItsObjectIsReconciled() {
    AtomicInteger passes = countDeletionPasses();
    fixture.applyRun("", "pipeline: " + PIPELINE);
    fixture.start();
    fixture.awaitState(RunState.READY);
    fixture.claim();
    fixture.client.resource(fixture.run()).delete();
    eventually(() -> assertThat(passes).hasValue(2));

    fixture.ledger.runs().cancel(RUN, "Deleted", "its PipelineRun was deleted");
    assertThat(fixture.recorded().orElseThrow().state()).isNotEqualTo(RunState.CANCELED);
    fixture.queue.wake(RUN, Lane.LIVE);
    fixture.awaitState(RunState.CANCELED);
    assertThat(fixture.ledger.queries().liveAttempts(HERE)).isEmpty();
  }

  @Test
  void eventsBeforeLeadershipAreHandledAfterwards() {
    fixture.applySchedule("[{id: acme}]");
    fixture.applyRun("", "scheduleRef: {name: nightly}");
    fixture.startWithoutLeadership();
    eventually(() -> assertThat(fixture.refusedCalls()).isGreaterThanOrEqualTo(2));
    assertThat(fixture.schedule().getStatus()).isNull();
    assertThat(fixture.run().getStatus()).isNull();
    assertThat(fixture.scheduleClock.asked()).isZero();

    fixture.leaderGate.open();
    fixture.controllers.wakeAll();
    fixture.awaitReady("True", "Usable");
    fixture.awaitState(RunState.READY);
  }

  // ---- writes

  @Test
  void onlyTheStatusOfUsersObjectsIsWritten() throws Exception {
    fixture.applyRun("", "scheduleRef: {name: nightly}");
    PipelineRun runBefore = fixture.run();
    fixture.start();
    fixture.awaitAccepted("False", "ScheduleNotFound");
    fixture.leaderGate.close();
    fixture.applySchedule("[{id: acme}]");
    PipelineSchedule scheduleBefore = fixture.schedule();
    fixture.leaderGate.open();
    fixture.controllers.wakeAll();
    fixture.awaitReady("True", "Usable");
    fixture.awaitState(RunState.READY);
    fixture.claim();
    fixture.queue.wake(RUN, Lane.LIVE);
    eventually(() -> assertThat(jobOf(RUN)).isNotNull());
    fixture.controllers.stop();

    assertSameButForStatus(fixture.run(), runBefore);
    assertSameButForStatus(fixture.schedule(), scheduleBefore);
    List<RecordedRequest> changes =
        fixture.writes().stream()
            .filter(w -> w.getPath().startsWith("/apis/luigi-operator.io/"))
            .filter(w -> !w.getMethod().equals("POST")) // those of the users
            .toList();
    assertThat(changes)
        .extracting(ControllersFixture::line)
        .anyMatch(l -> l.contains("/acme-1/"))
        .anyMatch(l -> l.contains("/nightly/"))
        .allMatch(l -> l.matches("PATCH .*/(acme-1|nightly)/status"));
  }

  private static void assertSameButForStatus(HasMetadata now, HasMetadata before) {
    before.getMetadata().setResourceVersion(now.getMetadata().getResourceVersion());
    assertThat(now.getMetadata()).isEqualTo(before.getMetadata());
    assertThat(now.getMetadata().getFinalizers()).isEmpty();
    assertThat(((CustomResource<?, ?>) now).getSpec())
        .isEqualTo(((CustomResource<?, ?>) before).getSpec());
  }

  @Test
  void reconcilingARunAgainWritesNothing() throws Exception {
    fixture.start();
    fixture.applyRun("", "pipeline: " + PIPELINE);
    awaitQueued(RUN, "WaitingForCapacity");
    int reads = fixture.ledgerClock.asked();
    fixture.ledgerClock.advance(Duration.ofSeconds(60));
    fixture.controllers.wakeAll();
    eventually(() -> assertThat(fixture.ledgerClock.asked()).isGreaterThan(reads));
    fixture.controllers.stop(); // waits for writes in progress
    assertThat(fixture.patches()).singleElement().asString().contains("/acme-1/status");
  }

  /** The condition Queued is written only after a run has waited for some time. */
  private void awaitQueued(RunKey run, String reason) {
    fixture.awaitState(run, RunState.READY);
    fixture.ledgerClock.advance(QUEUED_AFTER);
    fixture.queue.wake(run, Lane.LIVE);
    fixture.awaitCondition(run, "Queued", "True", reason);
  }

  @Test
  void anUnavailableLedgerIsShownByNewRunsOnlyAndAllContinueAfterwards() throws Exception {
    RunKey late = new RunKey(DATA, "acme-2");
    fixture.start();
    fixture.applyRun("", "pipeline: " + PIPELINE);
    awaitQueued(RUN, "WaitingForCapacity");
    PipelineRunStatus before = fixture.run().getStatus();

    fixture.makeLedgerUnavailable();
    fixture.applyRun(late, "", "pipeline: " + PIPELINE);
    fixture.awaitCondition(late, "Accepted", "Unknown", "StoreUnavailable");
    for (RunKey run : List.of(RUN, late, RUN, late)) {
      int failed = fixture.failedLedgerCalls();
      fixture.queue.wake(run, Lane.LIVE);
      eventually(() -> assertThat(fixture.failedLedgerCalls()).isGreaterThan(failed));
    }
    assertThat(fixture.run().getStatus()).isEqualTo(before);

    fixture.makeLedgerAvailable();
    fixture.claim();
    fixture.queue.wake(RUN, Lane.LIVE);
    eventually(() -> assertThat(jobOf(RUN)).isNotNull());
    awaitQueued(late, "WaitingForClient");
    fixture.awaitCondition(late, "Accepted", "True", "Accepted");
    fixture.controllers.stop();
    assertThat(fixture.patches())
        .filteredOn(p -> p.contains("/acme-2/"))
        .describedAs("once for the unavailable ledger, once for the condition Queued")
        .hasSize(2);
  }

  private Object jobOf(RunKey run) {
    return fixture
        .client
        .batch()
        .v1()
        .jobs()
        .inNamespace(run.namespace())
        .withName(run.name() + "-a1")
        .get();
  }
}
