/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.job.Kube;
import io.luigioperator.ledger.Ledger.Claimed;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.Ending;
import io.luigioperator.run.Limits;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
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

/** What stays as a record, and for how long. */
class SweepTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final Sweep.Retention RETENTION =
      new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400));

  private Instant now = T0;
  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final List<JobSeen> jobs = new ArrayList<>();
  private final Kube kube = clusterOfJobs();
  private final Sweep sweep =
      new Sweep(
          ledger,
          kube,
          "here",
          RETENTION,
          new RunDriver(ledger, kube, "here", Limits.DEFAULT, () -> now, () -> {}),
          run -> {});

  /** A cluster that holds Jobs and nothing else. */
  private Kube clusterOfJobs() {
    return (Kube)
        Proxy.newProxyInstance(
            Kube.class.getClassLoader(),
            new Class<?>[] {Kube.class},
            (proxy, method, args) ->
                switch (method.getName()) {
                  case "identity" -> "uid-of-kube-system";
                  case "jobs" -> List.copyOf(jobs);
                  case "pods" -> List.of();
                  case "deleteJob" -> {
                    jobs.remove(args[0]);
                    yield null;
                  }
                  default -> throw new AssertionError("not expected: " + method);
                });
  }

  private JobSeen jobOf(String name, Verdict verdict) {
    RunKey key = new RunKey("data", name);
    NewRun run =
        new NewRun(
            key,
            name,
            "2026-02-28",
            "",
            AdmitKey.ofClient("data", name, "default"),
            DesiredState.Running,
            Priority.Normal,
            Optional.empty(),
            OptionalLong.empty(),
            1,
            10,
            "{}",
            "sha-" + name,
            1);
    ledger.accept(run, new ObjectRecord("here", "uid-" + name, 1));
    Claimed claimed = ledger.claim(run.admitKey(), key, "token-" + name, "here").orElseThrow();
    JobSeen job = new JobSeen("data", name + "-a1", "job-" + name, "token-" + name, now, true);
    jobs.add(job);
    ledger.bind(claimed.attempt().ref(), job.uid(), "pod-" + name).orElseThrow();
    ledger
        .finish(
            claimed.attempt().ref(),
            "pod-" + name,
            new Ending(verdict, OptionalInt.of(verdict.exitCode()), "", ""),
            new RetryPolicy(Duration.ZERO, Duration.ZERO),
            Presence.PRESENT)
        .orElseThrow();
    return job;
  }

  private void passAt(Duration age) {
    now = T0.plus(age);
    sweep.pass();
  }

  @Test
  void jobsStayAsLongAsTheirOutcomeSays() {
    JobSeen good = jobOf("good", Verdict.SUCCEEDED);
    JobSeen bad = jobOf("bad", Verdict.TASK_FAILED);

    passAt(RETENTION.jobs().minusSeconds(1));
    assertThat(jobs).containsExactlyInAnyOrder(good, bad);
    passAt(RETENTION.jobs());
    assertThat(jobs).containsExactly(bad);
    passAt(RETENTION.failedJobs().minusSeconds(1));
    assertThat(jobs).containsExactly(bad);
    passAt(RETENTION.failedJobs());
    assertThat(jobs).isEmpty();
  }

  @Test
  void requestsStayAsLongAsTheHistoryAndTheOutcomeForEver() {
    jobOf("good", Verdict.SUCCEEDED);
    RunKey key = new RunKey("data", "good");

    passAt(RETENTION.history().minusSeconds(1));
    assertThat(ledger.load(key, "here").orElseThrow().attempts()).hasSize(1);
    passAt(RETENTION.history().plusSeconds(1));
    assertThat(ledger.load(key, "here").orElseThrow().attempts()).isEmpty();
    assertThat(ledger.load(key, "here").orElseThrow().run().state()).isEqualTo(RunState.SUCCEEDED);
  }
}
