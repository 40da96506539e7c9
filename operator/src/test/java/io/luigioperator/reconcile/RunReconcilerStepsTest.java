/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.OperatorFixture;
import io.luigioperator.api.Phase;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Limits;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** When a reconciliation repeats its steps, and when it requeues the run. */
class RunReconcilerStepsTest {
  private static final RunKey RUN = OperatorFixture.key("a");

  private final OperatorFixture fixture = new OperatorFixture();
  private final RunReconciler runReconciler = fixture.runReconciler();

  @BeforeEach
  void accept() {
    fixture.accepted("a");
  }

  @Test
  void aStatusConflictRepeatsTheDecision() {
    fixture.at(Duration.ofSeconds(60)); // before, a READY run has no Queued status to write
    fixture.kube.lateStatuses = 1;

    runReconciler.reconcile(RUN);

    assertThat(fixture.kube.statusWrites).isEqualTo(2);
    assertThat(fixture.kube.cachedReads).as("decided again").isEqualTo(2);
    assertThat(fixture.kube.liveReads).isZero();
  }

  @Test
  void statusConflictsAreRetriedABoundedNumberOfTimes() {
    fixture.at(Duration.ofSeconds(60));
    fixture.kube.lateStatuses = Integer.MAX_VALUE;

    assertThat(runReconciler.reconcile(RUN)).isPresent();
    assertThat(fixture.kube.statusWrites).isBetween(2, 20);
  }

  /** The cache does not keep large specs. */
  @Test
  void aSpecThatIsNotCachedIsReadLive() {
    fixture.at(Duration.ofSeconds(60));
    fixture.kube.cachedRuns.computeIfPresent(RUN, (key, object) -> object.withoutSpec());

    runReconciler.reconcile(RUN);

    assertThat(fixture.kube.liveReads).isEqualTo(1);
    assertThat(fixture.kube.status.orElseThrow().phase()).isEqualTo(Phase.Queued);
    assertThat(fixture.kube.status.orElseThrow().conditions())
        .noneMatch(c -> c.getReason().equals(Reasons.SPEC_UNREADABLE));
  }

  @Test
  void aMissingPodIsDiagnosedOnceInAReconciliation() {
    fixture.claimed("a").job("a", "token-a").at(Limits.DEFAULT.claimTtl());

    assertThat(runReconciler.reconcile(RUN)).contains(Limits.DEFAULT.claimTtl());
    assertThat(fixture.kube.dryRuns).isEqualTo(1);
    assertThat(fixture.kube.statusWrites)
        .as("the status shows that it waits for its pod")
        .isEqualTo(1);
    assertThat(fixture.kube.changes).isEmpty();
  }

  // ---- requests that the API server refuses for this run only

  private static final KubeRefused WEBHOOK_FAILS =
      new KubeRefused("500: failed calling webhook \"w\"", new IllegalStateException());

  @Test
  void aRefusedRequestIsShownAndRepeatedAndIsNoOutage() {
    fixture.bound("a").kube.failing.put("openGate", WEBHOOK_FAILS);

    assertThat(runReconciler.reconcileNow(List.of(RUN))).containsExactly(Optional.empty());
    assertThat(runReconciler.reconcile(RUN)).contains(Duration.ofSeconds(10));

    assertThat(fixture.kube.status.orElseThrow().message())
        .contains("has not opened the gate", "failed calling webhook \"w\"");
    fixture.kube.failing.clear();
    runReconciler.reconcile(RUN);
    assertThat(fixture.kube.changes).containsExactly("open pod-a");
  }

  @Test
  void aPodWhoseGateCannotBeOpenedIsStoppedAfterStartSeconds() {
    fixture.bound("a").kube.failing.put("openGate", WEBHOOK_FAILS);
    runReconciler.reconcile(RUN);

    fixture.at(Duration.ofSeconds(900));
    runReconciler.reconcile(RUN);

    assertThat(fixture.attempt("a").stopReason().orElseThrow().message())
        .contains("startSeconds (900)", "failed calling webhook \"w\"");
    assertThat(fixture.kube.changes).containsExactly("delete pod pod-a");
  }

  @Test
  void aRequestWithoutAnAnswerIsShownTheSecondTime() {
    fixture.bound("a").kube.failing.put("openGate", new KubeUnavailable("no response"));

    assertThat(runReconciler.reconcile(RUN)).contains(Duration.ofSeconds(2));
    assertThat(fixture.kube.status).isEmpty();
    runReconciler.reconcile(RUN);

    assertThat(fixture.kube.status.orElseThrow().message()).contains("no response");
  }

  @Test
  void aPodThatCannotBeCheckedIsShownTheSecondTime() {
    fixture.objectExists("new", "uid-new");
    RunKey run = OperatorFixture.key("new");
    fixture.kube.failing.put("dryRun", new KubeUnavailable("no response"));

    runReconciler.reconcile(run);
    assertThat(fixture.kube.status).isEmpty();
    runReconciler.reconcile(run);

    assertThat(fixture.kube.status.orElseThrow().phase()).isEqualTo(Phase.Pending);
    assertThat(fixture.kube.status.orElseThrow().reason()).isEqualTo(Reasons.POD_NOT_CHECKED);
    assertThat(fixture.kube.status.orElseThrow().message()).contains("no response");
    fixture.kube.failing.clear();
    runReconciler.reconcile(run);
    assertThat(fixture.ledger.queries().load(run, OperatorFixture.HERE).run(run)).isPresent();
  }

  /** The rows of both runs are read together, and the request for the first one takes long. */
  @Test
  void aRowThatBecameOldIsReadAgain() {
    fixture.accepted("slow").claimed("slow").claimed("a");
    fixture.kube.onCreateJob =
        () -> {
          fixture.kube.onCreateJob = () -> {};
          fixture.at(Duration.ofSeconds(10));
          AttemptRef ref = fixture.attempt("a").ref();
          Abandonment why = new Abandonment(Reasons.NO_POD, "", Abandonment.BudgetCharge.NONE);
          fixture
              .ledger
              .attempts()
              .abandon(ref, why, new RetryPolicy(Duration.ofSeconds(60), Duration.ofSeconds(60)));
        };

    runReconciler.reconcileNow(List.of(OperatorFixture.key("slow"), RUN));

    assertThat(fixture.kube.changes).containsExactly("create Job slow-a1");
  }

  /** The deletion of the Job wakes the run on another thread, while a sweep reconciles it. */
  @Test
  void aDeletedJobIsNotCreatedAgain() {
    fixture.claimed("a").job("a", "token-a");
    runReconciler.reconcile(RUN);
    fixture.kube.jobs.replaceAll(
        j ->
            new ObservedJob(
                j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), true, 0, false));
    fixture.kube.afterDeletion = () -> runReconciler.reconcile(RUN);
    fixture.at(Limits.DEFAULT.claimTtl().minusSeconds(10));
    runReconciler.reconcile(RUN); // remembers the row
    fixture.at(Limits.DEFAULT.claimTtl());

    runReconciler.reconcileNow(List.of(RUN));

    assertThat(fixture.kube.changes).containsExactly("delete Job job-a");
  }

  @Test
  void aJobWhosePodsNoLabelShowsIsDeletedWithThem() {
    fixture.claimed("a");
    fixture.kube.jobs.add(
        new ObservedJob("data", "a-a1", "job-a", "token-a", OperatorFixture.T0, false, 1, false));
    fixture.kube.strippedPods.add(Pods.gated("data", "p", "u", "token-a", ""));
    fixture.at(Duration.ofSeconds(20));

    runReconciler.reconcile(RUN);

    assertThat(fixture.stateAndReason("a")).isEqualTo("DELAYED BackingOff");
    assertThat(fixture.kube.changes).containsExactly("delete pod u", "delete Job job-a");
  }

  /** Without the Job nothing would lead to the pods, which have no labels and no owner. */
  @Test
  void aJobIsKeptForTheSweepUntilItsPodsWithoutLabelsAreDeleted() {
    fixture.claimed("a");
    fixture.kube.jobs.add(
        new ObservedJob("data", "a-a1", "job-a", "token-a", OperatorFixture.T0, false, 1, false));
    fixture.kube.strippedPods.add(Pods.gated("data", "p", "u", "token-a", ""));
    fixture.kube.failing.put("podsWithToken", new KubeUnavailable("no answer"));
    fixture.at(Duration.ofSeconds(20));
    runReconciler.reconcile(RUN);
    assertThat(fixture.stateAndReason("a")).isEqualTo("DELAYED BackingOff");
    assertThat(fixture.kube.changes).isEmpty();

    fixture.kube.failing.clear();
    fixture.at(Duration.ofMinutes(6));
    fixture.sweep(run -> {}).pass();
    assertThat(fixture.kube.changes).containsSubsequence("delete pod u", "delete Job job-a");
  }

  @ParameterizedTest
  @MethodSource("failuresOfACreation")
  void aClaimWhoseJobCannotBeCreatedIsGivenUpAfterItsTtl(RuntimeException failure, String reason) {
    fixture.claimed("a").kube.failing.put("createJob", failure);
    fixture.at(Limits.DEFAULT.claimTtl().minusSeconds(1));
    runReconciler.reconcile(RUN);
    assertThat(fixture.stateAndReason("a")).isEqualTo("ACTIVE");

    fixture.at(Limits.DEFAULT.claimTtl());
    runReconciler.reconcile(RUN);

    assertThat(fixture.stateAndReason("a")).isEqualTo("DELAYED BackingOff");
    assertThat(fixture.attempt("a").end().orElseThrow().reason()).isEqualTo(reason);
    assertThat(fixture.attempt("a").end().orElseThrow().message()).contains("the answer");
    assertThat(fixture.run("a").budget().infra()).isEqualTo(reason.equals("NoPod") ? 0 : 1);
  }

  static Stream<Arguments> failuresOfACreation() {
    return Stream.of(
        arguments(new KubeUnavailable("the answer"), "NoPod"),
        arguments(new KubeRefused("the answer", new IllegalStateException()), "LaunchRefused"));
  }
}
