/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static io.luigioperator.run.Pods.opened;
import static io.luigioperator.run.Pods.terminal;
import static io.luigioperator.run.Pods.terminating;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.ledger.Ledger.Claimed;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.Blame;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AttemptSeen;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.Ending;
import io.luigioperator.run.Limits;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.Verdict;
import io.luigioperator.sim.SimLedger;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** What a sweep does about pods that no live attempt is bound to, and what it must not. */
class UnboundPodsTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final RetryPolicy POLICY = new RetryPolicy(Duration.ZERO, Duration.ZERO);
  private static final AdmitKey KEY = AdmitKey.ofClient("data", "acme", "default");

  private final SimLedger ledger = new SimLedger(() -> T0, Ageing.DEFAULT);
  private final List<JobSeen> jobs = new ArrayList<>();
  private final List<PodSeen> pods = new ArrayList<>();
  private final List<String> deleted = new ArrayList<>();
  private Runnable afterPods = () -> {};
  private Optional<String> undeletable = Optional.empty();

  private final Kube kube =
      (Kube)
          Proxy.newProxyInstance(
              Kube.class.getClassLoader(),
              new Class<?>[] {Kube.class},
              (proxy, method, args) ->
                  switch (method.getName()) {
                    case "identity" -> "uid-of-kube-system";
                    case "run", "deletionsConfirmed" -> Optional.empty();
                    case "crdEstablished" -> false;
                    case "namespace" -> Kube.NamespaceState.ABSENT;
                    case "jobs" -> List.copyOf(jobs);
                    case "pods" -> {
                      List<PodSeen> listed = List.copyOf(pods);
                      afterPods.run();
                      afterPods = () -> {};
                      yield listed;
                    }
                    case "attempt" -> new AttemptSeen(Optional.empty(), List.copyOf(pods), true);
                    case "deletePod" -> {
                      if (undeletable.filter(args[2]::equals).isPresent()) {
                        throw new KubeForbidden("a policy", new IllegalStateException());
                      }
                      deleted.add((String) args[2]);
                      yield null;
                    }
                    default -> throw new AssertionError("not expected: " + method);
                  });

  private final Sweep sweep =
      new Sweep(
          ledger,
          kube,
          "here",
          new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400)),
          new RunDriver(ledger, kube, "here", Limits.DEFAULT, () -> T0, () -> {}),
          run -> {});

  private Claimed claim() {
    RunKey key = new RunKey("data", "run");
    ledger.accept(
        new NewRun(
            key,
            "acme",
            "2026-02-28",
            "",
            KEY,
            DesiredState.Running,
            Priority.Normal,
            Optional.empty(),
            OptionalLong.empty(),
            2,
            10,
            "",
            "sha",
            1),
        new ObjectRecord("here", "uid", 1));
    ledger.heartbeat("elsewhere", "alive");
    return ledger.claim(KEY, key, "token", "elsewhere").orElseThrow();
  }

  private static PodSeen gated(String uid) {
    return Pods.gated("data", uid, uid, "token", "job");
  }

  private void finish(Claimed claimed) {
    ledger
        .finish(
            claimed.attempt().ref(),
            "pod",
            new Ending(Verdict.SUCCEEDED, OptionalInt.of(0), "", ""),
            POLICY,
            Presence.PRESENT)
        .orElseThrow();
  }

  @Test
  void aPodWhoseAttemptEndedAfterTheListWasMadeIsNoAlarm() {
    Claimed claimed = claim();
    ledger.bind(claimed.attempt().ref(), "job", "pod").orElseThrow();
    pods.add(opened(gated("pod")));
    afterPods =
        () -> {
          pods.set(0, terminal(opened(gated("pod"))));
          finish(claimed);
        };

    Sweep.Report report = sweep.pass();

    assertThat(deleted).isEmpty();
    assertThat(report.unboundOpenPods()).isZero();
    assertThat(report.barred()).isEmpty();
  }

  @Test
  void theGatedPodOfAJobMadeWhileTheListsAreReadStays() {
    claim();
    // whoever lists Jobs first does not see this one
    afterPods = () -> jobs.add(new JobSeen("data", "run-a1", "job", "token", T0, false));
    pods.add(gated("pod"));

    assertThat(sweep.pass().strayPods()).isZero();
    assertThat(deleted).isEmpty();
  }

  @Test
  void aPodThatSomebodyOpenedIsStoppedAndItsKeyWaitsForItsEnd() {
    Claimed claimed = claim();
    ledger.abandon(claimed.attempt().ref(), new Abandonment("x", "", Blame.NOBODY), POLICY);
    pods.add(opened(gated("pod")));

    Sweep.Report report = sweep.pass();
    assertThat(deleted).containsExactly("pod");
    assertThat(report.unboundOpenPods()).isEqualTo(1);
    assertThat(report.barred()).containsExactly(KEY);

    pods.set(0, terminating(opened(gated("pod"))));
    report = sweep.pass();
    assertThat(deleted).as("told and stopped once").containsExactly("pod");
    assertThat(report.barred()).containsExactly(KEY);

    pods.clear();
    assertThat(sweep.pass().barred()).isEmpty();
  }

  @Test
  void onePodThatMayNotBeDeletedKeepsNoOtherFromBeingSwept() {
    ledger.abandon(claim().attempt().ref(), new Abandonment("x", "", Blame.NOBODY), POLICY);
    pods.add(gated("first"));
    pods.add(gated("second"));
    undeletable = Optional.of("first");

    assertThat(sweep.pass().strayPods()).isEqualTo(1);
    assertThat(deleted).containsExactly("second");
  }
}
