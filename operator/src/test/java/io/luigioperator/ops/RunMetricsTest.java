/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.AttemptTransitions;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import io.luigioperator.run.WaitingTransitions;
import io.luigioperator.schedule.TimeZones;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class RunMetricsTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final RetryPolicy POLICY =
      new RetryPolicy(Duration.ofSeconds(5), Duration.ofSeconds(60));

  private final Metrics metrics = new Metrics(new BuildInfo("1.2.3", "abc"));
  private long nanos;
  private final RunMetrics runMetrics = new RunMetrics(metrics, () -> nanos);
  private int tokens;

  private Run accept(String name, String client) {
    RunKey key = new RunKey("data", name);
    Run run =
        WaitingTransitions.accept(
            new NewRun(
                key,
                client,
                "2026-02-28",
                "",
                AdmitKey.ofClient("data", client, "default"),
                AttemptKind.RUN,
                DesiredState.Running,
                Priority.Normal,
                Optional.empty(),
                OptionalLong.empty(),
                2,
                10,
                "{}",
                "sha",
                1),
            Ageing.DEFAULT,
            T0);
    runMetrics.accepted(new Acceptance.Accepted(run));
    return run;
  }

  private RunAndAttempt claim(Run run) {
    RunAndAttempt claimed =
        AttemptTransitions.claim(run, 1, "token-" + tokens++, "here", T0).orElseThrow();
    runMetrics.claimed(new Claimed(claimed.run(), claimed.attempt(), Optional.empty(), T0));
    return claimed;
  }

  private void open(Attempt attempt) {
    runMetrics.gateOpened(Pods.gated("data", "pod", "uid", attempt.token(), "job"));
  }

  private Run finish(RunAndAttempt m, Ending ending) {
    Attempt bound =
        AttemptTransitions.bind(m.run(), m.attempt(), "job", "uid", T0).orElseThrow().attempt();
    Run after =
        EndTransitions.finish(m.run(), bound, "uid", ending, POLICY, 0, Presence.PRESENT, T0)
            .orElseThrow()
            .run();
    runMetrics.finished(ending, after);
    return after;
  }

  private void assertMetric(String line) {
    assertThat(metrics.scrape().lines()).contains(line);
  }

  @Test
  void countsARunFromAcceptanceToItsEnd() {
    Run run = accept("a", "acme");
    nanos += Duration.ofMillis(40).toNanos();
    RunAndAttempt claimed = claim(run);
    nanos += Duration.ofMillis(20).toNanos();
    open(claimed.attempt());
    finish(claimed, new Ending(Verdict.SUCCEEDED, OptionalInt.of(0), "", ""));

    assertMetric("luigi_operator_runs_accepted_total 1.0");
    assertMetric("luigi_operator_claims_total 1.0");
    assertMetric("luigi_operator_accept_to_gate_seconds_count 1");
    assertMetric("luigi_operator_accept_to_gate_seconds_sum 0.06");
    assertMetric(
        "luigi_operator_attempts_ended_total{reason=\"Succeeded\",treatment=\"done\"} 1.0");
    assertMetric("luigi_operator_runs_finished_total{state=\"succeeded\"} 1.0");
    assertMetric("luigi_operator_retries_total 0.0");
    assertMetric("luigi_operator_turnaround_seconds_count 0");
  }

  @Test
  void countsARetryIfARunDoesNotEnd() {
    RunAndAttempt claimed = claim(accept("a", "acme"));
    Run after = finish(claimed, Ending.of(FailureCause.EVICTED, "evicted"));

    assertThat(after.state()).isEqualTo(RunState.DELAYED);
    assertMetric("luigi_operator_retries_total 1.0");
    assertMetric(
        "luigi_operator_attempts_ended_total{reason=\"Evicted\",treatment=\"infrastructure\"} 1.0");
    assertThat(metrics.scrape()).doesNotContain("luigi_operator_runs_finished_total");
  }

  @Test
  void countsAbandonedClaimsByReason() {
    RunAndAttempt claimed = claim(accept("a", "acme"));
    Abandonment abandonment =
        new Abandonment("LaunchRefused", "quota", Abandonment.BudgetCharge.INFRASTRUCTURE);
    Run after =
        EndTransitions.abandon(claimed.run(), claimed.attempt(), abandonment, POLICY, T0)
            .orElseThrow()
            .run();
    runMetrics.abandoned(abandonment, after);

    assertMetric(
        "luigi_operator_claims_abandoned_total{charge=\"infrastructure\",reason=\"LaunchRefused\"} 1.0");
    assertMetric("luigi_operator_retries_total 1.0");
  }

  @Test
  void turnaroundIsTheTimeFromAnEndToTheNextGateOfThatKey() {
    RunAndAttempt first = claim(accept("first", "acme"));
    RunAndAttempt other = claim(accept("other", "globex"));
    Run second = accept("second", "acme");
    nanos += Duration.ofMillis(100).toNanos();
    finish(other, new Ending(Verdict.SUCCEEDED, OptionalInt.of(0), "", ""));
    nanos += Duration.ofMillis(100).toNanos();
    finish(first, new Ending(Verdict.SUCCEEDED, OptionalInt.of(0), "", ""));
    nanos += Duration.ofMillis(30).toNanos();
    open(claim(second).attempt());

    assertMetric("luigi_operator_turnaround_seconds_count 1");
    assertMetric("luigi_operator_turnaround_seconds_sum 0.03");
  }

  @Test
  void aRunThatDidNotWaitHasNoTurnaround() {
    finish(claim(accept("a", "acme")), new Ending(Verdict.SUCCEEDED, OptionalInt.of(0), "", ""));
    nanos += Duration.ofMinutes(5).toNanos();
    open(claim(accept("b", "acme")).attempt());

    assertMetric("luigi_operator_turnaround_seconds_count 0");
    assertMetric("luigi_operator_accept_to_gate_seconds_count 1");
  }

  @Test
  void countsRunsThatEndWhileTheyWait() {
    Run run = accept("a", "acme");
    Run canceled = WaitingTransitions.cancel(run, "Canceled", "", T0).orElseThrow();
    runMetrics.changed(run);
    runMetrics.changed(canceled);

    assertMetric("luigi_operator_runs_finished_total{state=\"canceled\"} 1.0");
  }

  @Test
  void gaugesOfTheLeaderAreNanWhileNotLeading() {
    metrics.leads();
    metrics.freeSlots(7);
    metrics.countByState(Map.of(RunState.READY, 3L));
    metrics.repaired("heads", 2);
    metrics.unconfirmedDeletions(12);

    assertMetric(
        "luigi_operator_info{commit=\"abc\",tzdb=\"%s\",version=\"1.2.3\"} 1"
            .formatted(TimeZones.version()));
    assertMetric("luigi_operator_leader 1.0");
    assertMetric("luigi_operator_free_slots 7.0");
    assertMetric("luigi_operator_runs{state=\"READY\"} 3.0");
    assertMetric("luigi_operator_runs{state=\"HELD\"} 0.0");
    assertMetric("luigi_operator_sweep_repairs_total{kind=\"heads\"} 2.0");
    assertMetric("luigi_operator_deletions_unconfirmed 12.0");
    metrics.follows();
    assertMetric("luigi_operator_leader 0.0");
    metrics.freeSlots(3); // a pass that was under way
    assertMetric("luigi_operator_free_slots NaN");
    assertMetric("luigi_operator_runs{state=\"READY\"} NaN");
    metrics.leads();
    assertMetric("luigi_operator_free_slots NaN");
  }

  @Test
  void noLabelNamesARunOrAClient() {
    for (int i = 0; i < 50; i++) {
      RunAndAttempt claimed = claim(accept("run-" + i, "client-" + i));
      open(claimed.attempt());
      finish(claimed, new Ending(Verdict.SUCCEEDED, OptionalInt.of(0), "", ""));
    }
    assertThat(metrics.scrape()).doesNotContain("run-", "client-", "data/");
  }
}
