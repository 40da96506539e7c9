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

/** What makes the edge look at a PipelineRun, and what it writes. */
class ControllersTest {
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  @RegisterExtension final ControllersFixture world = new ControllersFixture();

  // ---- what makes it look

  @Test
  void aRunGoesOnWhenItsScheduleListsItsClient() {
    world.start();
    world.applySchedule("[{id: globex}]");
    world.applyRun("", "scheduleRef: {name: nightly}");
    world.awaitAccepted("False", "ClientNotAllowed");
    assertThat(world.recorded()).isEmpty();
    world.listClients("[{\"id\":\"acme\"}]");
    world.awaitState(RunState.READY);
  }

  @Test
  void aRunIsLookedAtAgainWhenItsTimeHasComeWithoutAnyEvent() {
    world.applyRun("", "startDeadlineSeconds: 1, scheduleRef: {name: nightly}");
    Instant created = Instant.parse(world.run().getMetadata().getCreationTimestamp());
    world.ledgerClock.set(created.plusMillis(900));
    world.start();
    world.awaitAccepted("False", "ScheduleNotFound");
    assertThat(world.run().getStatus().conditions())
        .noneMatch(c -> c.getMessage().contains("given up after startDeadlineSeconds"));
    world.ledgerClock.set(created.plusSeconds(1));
    eventually(
        () ->
            assertThat(world.run().getStatus().conditions())
                .anyMatch(c -> c.getMessage().contains("given up after startDeadlineSeconds")));
  }

  @Test
  void theKindsThatAreNotWatchedAreNamed() {
    world.start();
    eventually(() -> assertThat(world.edge.brokenInformers()).isEmpty());
    world.server.shutdown();
    eventually(
        () ->
            assertThat(world.edge.brokenInformers())
                .contains("PipelineRun in namespace data, PipelineSchedule in namespace data"));
  }

  @Test
  void aRunThatIsGoingAndThenGoneWakesTheDeletionPass() {
    AtomicInteger passes = countDeletionPasses();
    world.applyRun(", finalizers: [example.com/keep]", "pipeline: " + PIPELINE);
    world.start();
    world.awaitState(RunState.READY);
    assertThat(passes).hasValue(1);

    world.client.resource(world.run()).delete();
    eventually(() -> assertThat(passes).hasValue(2));
    assertThat(world.run().isMarkedForDeletion()).isTrue();

    world
        .client
        .resource(world.run())
        .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"metadata\":{\"finalizers\":null}}");
    eventually(() -> assertThat(passes).hasValue(3));
    assertThat(world.run()).isNull();
  }

  /** It begins with one. */
  private AtomicInteger countDeletionPasses() {
    AtomicInteger passes = new AtomicInteger();
    Loop loop =
        new Loop(
            "deletions",
            world.deletionSeen,
            Duration.ZERO,
            LONG,
            () -> {
              passes.incrementAndGet();
              return Duration.ofHours(1);
            });
    loop.start();
    world.started(
        () -> {
          loop.stop();
          assertThat(loop.awaitStopped(LONG)).isTrue();
        });
    eventually(() -> assertThat(passes).hasValue(1));
    return passes;
  }

  @Test
  void aRunWhoseObjectIsGoneIsDrivenToItsEndAllTheSame() {
    AtomicInteger passes = countDeletionPasses();
    world.applyRun("", "pipeline: " + PIPELINE);
    world.start();
    world.awaitState(RunState.READY);
    world.claim();
    world.client.resource(world.run()).delete();
    eventually(() -> assertThat(passes).hasValue(2));

    world.ledger.runs().cancel(RUN, "Deleted", "its PipelineRun was deleted");
    assertThat(world.recorded().orElseThrow().state()).isNotEqualTo(RunState.CANCELED);
    world.queue.wake(RUN, Lane.LIVE);
    world.awaitState(RunState.CANCELED);
    assertThat(world.ledger.queries().liveAttempts(HERE)).isEmpty();
  }

  @Test
  void whatCameOffDutyIsDoneWhenDutyBegins() {
    world.applySchedule("[{id: acme}]");
    world.applyRun("", "scheduleRef: {name: nightly}");
    world.startOffDuty();
    eventually(() -> assertThat(world.looksRefused()).isGreaterThanOrEqualTo(2));
    assertThat(world.schedule().getStatus()).isNull();
    assertThat(world.run().getStatus()).isNull();
    assertThat(world.scheduleClock.asked()).isZero();

    world.leaderGate.open();
    world.edge.wakeAll();
    world.awaitReady("True", "Usable");
    world.awaitState(RunState.READY);
  }

  // ---- what it writes

  @Test
  void nothingOfAUsersObjectIsWrittenButItsStatus() throws Exception {
    world.applyRun("", "scheduleRef: {name: nightly}");
    PipelineRun runBefore = world.run();
    world.start();
    world.awaitAccepted("False", "ScheduleNotFound");
    world.leaderGate.close();
    world.applySchedule("[{id: acme}]");
    PipelineSchedule scheduleBefore = world.schedule();
    world.leaderGate.open();
    world.edge.wakeAll();
    world.awaitReady("True", "Usable");
    world.awaitState(RunState.READY);
    world.claim();
    world.queue.wake(RUN, Lane.LIVE);
    eventually(() -> assertThat(jobOf(RUN)).isNotNull());
    world.edge.stop();

    assertSameButForStatus(world.run(), runBefore);
    assertSameButForStatus(world.schedule(), scheduleBefore);
    List<RecordedRequest> changes =
        world.writes().stream()
            .filter(w -> w.getPath().startsWith("/apis/luigi-operator.io/"))
            .filter(w -> !w.getMethod().equals("POST")) // the users' own
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
  void aSecondLookAtARunWritesNothing() throws Exception {
    world.start();
    world.applyRun("", "pipeline: " + PIPELINE);
    awaitSaidToWait(RUN, "WaitingForCapacity");
    int looks = world.ledgerClock.asked();
    world.ledgerClock.advance(Duration.ofSeconds(60));
    world.edge.wakeAll();
    eventually(() -> assertThat(world.ledgerClock.asked()).isGreaterThan(looks));
    world.edge.stop(); // waits for what that look may still write
    assertThat(world.patches()).singleElement().asString().contains("/acme-1/status");
  }

  /** A run that waits says so only after a while. */
  private void awaitSaidToWait(RunKey run, String reason) {
    world.awaitState(run, RunState.READY);
    world.ledgerClock.advance(PATIENCE);
    world.queue.wake(run, Lane.LIVE);
    world.awaitCondition(run, "Queued", "True", reason);
  }

  @Test
  void whileTheLedgerIsAwayOnlyNewRunsSaySoAndAllGoOnAfterwards() throws Exception {
    RunKey late = new RunKey(DATA, "acme-2");
    world.start();
    world.applyRun("", "pipeline: " + PIPELINE);
    awaitSaidToWait(RUN, "WaitingForCapacity");
    PipelineRunStatus heard = world.run().getStatus();

    world.loseLedger();
    world.applyRun(late, "", "pipeline: " + PIPELINE);
    world.awaitCondition(late, "Accepted", "Unknown", "StoreUnavailable");
    for (RunKey run : List.of(RUN, late, RUN, late)) {
      int missed = world.ledgerMissed();
      world.queue.wake(run, Lane.LIVE);
      eventually(() -> assertThat(world.ledgerMissed()).isGreaterThan(missed));
    }
    assertThat(world.run().getStatus()).isEqualTo(heard);

    world.findLedger();
    world.claim();
    world.queue.wake(RUN, Lane.LIVE);
    eventually(() -> assertThat(jobOf(RUN)).isNotNull());
    awaitSaidToWait(late, "WaitingForClient");
    world.awaitCondition(late, "Accepted", "True", "Accepted");
    world.edge.stop();
    assertThat(world.patches())
        .filteredOn(p -> p.contains("/acme-2/"))
        .describedAs("once that the store is away, once that it waits")
        .hasSize(2);
  }

  private Object jobOf(RunKey run) {
    return world
        .client
        .batch()
        .v1()
        .jobs()
        .inNamespace(run.namespace())
        .withName(run.name() + "-a1")
        .get();
  }
}
