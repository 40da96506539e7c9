/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static io.luigioperator.ledger.BackfillContract.NIGHTLY;
import static io.luigioperator.ledger.ScheduleContract.decision;
import static io.luigioperator.ledger.ScheduleContract.fires;
import static io.luigioperator.ledger.ScheduleContract.first;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.api.Reprocess;
import io.luigioperator.ledger.BackfillLedger.Answer;
import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.State;
import io.luigioperator.ledger.BackfillLedger.Step;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * A COMMIT whose answer is lost: each change must have happened once, and its caller must get the
 * same answer as without the loss, or the error that the outcome is not known.
 */
interface BrokenCommitTests extends SqlFixture {

  /** A change that is ready to be made. */
  @FunctionalInterface
  interface Change {
    Object by(Ledger ledger);
  }

  /** Each prepares its rows and returns the change. */
  default Map<String, Function<String, Change>> changes() {
    Map<String, Function<String, Change>> all = new LinkedHashMap<>();
    all.put("register", n -> l -> l.clusters().register(new ClusterIdentity(n, n), true));
    all.put(
        "retire",
        n -> {
          ledger().clusters().register(new ClusterIdentity(n, n), true);
          return l -> l.clusters().retire(n, Duration.ZERO);
        });
    all.put("accept", n -> l -> accept(l, RunBuilder.named(n)));
    all.put(
        "restoreOutcome",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          RecordedOutcome outcome =
              new RecordedOutcome(
                  RunState.SUCCEEDED, "Completed", "", 0, 0, Optional.empty(), Optional.empty());
          return l -> l.runs().restoreOutcome(run.key(), outcome);
        });
    all.put(
        "recordObject",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          return then(
              l -> l.runs().recordObject(run.key(), LedgerFixture.object(CLUSTER, "anew", 5)));
        });
    all.put(
        "amend",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          return l ->
              l.runs().amend(run.key(), CLUSTER, 2, RunBuilder.named(n).maxAttempts(7).amendment());
        });
    all.put(
        "claim",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          return l -> l.attempts().claim(run.admitKey(), run.key(), "token of " + n, CLUSTER);
        });
    all.put(
        "bind",
        n -> {
          Attempt claimed = claimed(accepted(RunBuilder.named(n)));
          return l -> l.attempts().bind(claimed.ref(), "job of " + n, "pod of " + n);
        });
    all.put("recordNode", n -> whileBound(n, (l, a) -> l.attempts().recordNode(a, "node-1")));
    all.put(
        "markForStop",
        n -> whileBound(n, (l, a) -> l.attempts().markForStop(a, FailureCause.KILLED, "it hung")));
    all.put("markPodMissing", n -> whileBound(n, (l, a) -> l.attempts().markPodMissing(a)));
    all.put(
        "clearPodMissing",
        n -> {
          Attempt bound = bound(accepted(RunBuilder.named(n)));
          Attempt missing = ledger().attempts().markPodMissing(bound).orElseThrow();
          return l -> l.attempts().clearPodMissing(missing);
        });
    for (var cause : List.of(Verdict.SUCCEEDED, Verdict.INTERNAL_ERROR, FailureCause.EVICTED)) {
      all.put(
          "finish " + cause,
          n -> {
            Attempt bound = bound(accepted(RunBuilder.named(n).withoutMutex()));
            return l ->
                l.attempts()
                    .finish(
                        bound.ref(),
                        podOf(bound),
                        ending(cause),
                        AT_ONCE,
                        io.luigioperator.run.Presence.PRESENT);
          });
    }
    all.put(
        "abandon",
        n -> {
          Attempt claimed = claimed(accepted(RunBuilder.named(n)));
          return l -> l.attempts().abandon(claimed.ref(), AbandonContract.REFUSED, AT_ONCE);
        });
    all.put(
        "cancel",
        n -> {
          Run run = accepted(RunBuilder.named(n).withoutMutex());
          return l -> l.runs().cancel(run.key(), Reasons.CANCELED, "enough");
        });
    all.put(
        "hold",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          return l -> l.runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "gone");
        });
    all.put(
        "cancelWaiting",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          return l -> l.runs().cancelWaiting(run.key(), Reasons.CANCELED, "");
        });
    all.put(
        "objectRefused",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          return l -> l.runs().objectRefused(run.key(), "denied");
        });
    for (String reason : List.of(Reasons.NAMESPACE_MISSING, Reasons.DELETION_UNCONFIRMED)) {
      all.put(
          "forgetObject of a run held for " + reason,
          n -> {
            Run run = accepted(RunBuilder.named(n));
            ledger().runs().hold(run.key(), reason, "");
            return l -> l.runs().forgetObject(run.key(), object(run.key()));
          });
    }
    all.put(
        "release",
        n -> {
          Run run = accepted(RunBuilder.named(n));
          ledger().runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "gone");
          return l -> l.runs().release(run.key(), Reasons.NAMESPACE_MISSING);
        });
    all.put(
        "own",
        n -> {
          ledger().schedules().own(new ScheduleKey("team-a", n), CLUSTER);
          ledger().schedules().disown(new ScheduleKey("team-a", n), CLUSTER);
          return l -> l.schedules().own(new ScheduleKey("team-a", n), OTHER_CLUSTER);
        });
    all.put(
        "disown",
        n -> {
          ledger().schedules().own(new ScheduleKey("team-a", n), CLUSTER);
          return then(l -> l.schedules().disown(new ScheduleKey("team-a", n), CLUSTER));
        });
    all.put("limit", n -> then(l -> l.schedules().limit(nightly(), Optional.of(2))));
    all.put(
        "limit of none",
        n -> {
          ledger().schedules().limit(nightly(), Optional.of(2));
          return then(l -> l.schedules().limit(nightly(), Optional.empty()));
        });
    all.put(
        "enforceLimit by releasing",
        n -> {
          ledger().schedules().limit(nightly(), Optional.of(1));
          accepted(RunBuilder.named(n).client("a"));
          accepted(RunBuilder.named(n + "2").client("b"));
          return l -> l.schedules().enforceLimit(nightly());
        });
    all.put(
        "enforceLimit by holding",
        n -> {
          accepted(RunBuilder.named(n).client("a"));
          accepted(RunBuilder.named(n + "2").client("b"));
          ledger().schedules().limit(nightly(), Optional.of(1));
          return l -> l.schedules().enforceLimit(nightly());
        });
    all.put(
        "enforceLimit of none",
        n -> {
          ledger().schedules().limit(nightly(), Optional.of(1));
          ledger().schedules().limit(nightly(), Optional.empty());
          return l -> l.schedules().enforceLimit(nightly());
        });
    all.put(
        "applied",
        n -> {
          ledger().schedules().own(new ScheduleKey("team-a", n), CLUSTER);
          return then(
              l ->
                  l.schedules()
                      .applied(
                          new ScheduleKey("team-a", n), CLUSTER, ScheduleDeletionContract.CANCELS));
        });
    all.put("deleted without a waiting run", n -> deleting(n, List.of()));
    all.put("deleted with a waiting run", n -> deleting(n, List.of(fires(n, 1))));
    all.put("decide the first of a client", n -> deciding(n, List.of(), first(n)));
    all.put(
        "decide that a tick fires", n -> deciding(n, List.of(n), decision(n, 0, 1, fires(n, 1))));
    all.put(
        "decide to change the rules only",
        n -> deciding(n, List.of(n), rules(decision(n, 0, 0), Optional.of("{}"))));
    all.put(
        "decide to remove a client, and that a tick of another one fires",
        n ->
            deciding(
                n,
                List.of("a", n),
                rules(decision("a", 0, 0), Optional.empty()),
                decision(n, 0, 1, fires(n, 1))));
    all.put(
        "beginBackfill",
        n -> {
          ledger().schedules().own(NIGHTLY, CLUSTER);
          return l -> l.backfills().beginBackfill(NIGHTLY, n, "{}");
        });
    all.put(
        "advanceBackfill",
        n -> {
          Backfill begun = backfill(n);
          Step first = BackfillContract.step(begun, Reprocess.All, BackfillContract.date(1, n));
          Backfill after =
              ((Answer.Advanced) ledger().backfills().advanceBackfill(NIGHTLY, CLUSTER, first))
                  .backfill();
          finish(bound(load(BackfillContract.date(1, n).first().key())), Verdict.SUCCEEDED);
          Step second = BackfillContract.step(after, Reprocess.All, BackfillContract.date(2, n));
          return l -> l.backfills().advanceBackfill(NIGHTLY, CLUSTER, second);
        });
    all.put(
        "moveBackfill",
        n -> {
          backfill(n);
          return l -> l.backfills().moveBackfill(NIGHTLY, n, State.RUNNING, State.COMPLETED);
        });
    all.put(
        "due",
        n -> {
          finish(bound(accepted(RunBuilder.named(n))), Verdict.TASK_FAILED);
          return l -> l.maintenance().due(10);
        });
    all.put(
        "expire",
        n -> {
          accepted(RunBuilder.named(n).startDeadline(0));
          return l -> l.maintenance().expire(10);
        });
    all.put(
        "purge",
        n -> {
          finish(bound(accepted(RunBuilder.named(n))), Verdict.SUCCEEDED);
          pass(Duration.ofMillis(1));
          return l -> l.maintenance().purge(ledger().queries().now(), 10);
        });
    all.put(
        "freeStaleHolders",
        n -> {
          accepted(RunBuilder.named(n));
          sql().handle().execute("UPDATE client_mutex SET holder_run = 'nobody'");
          return l -> l.maintenance().freeStaleHolders(10);
        });
    all.put(
        "auditHeads",
        n -> {
          accepted(RunBuilder.named(n));
          sql().handle().execute("UPDATE client_mutex SET next_admit_at = NULL");
          return l -> l.maintenance().auditHeads(Optional.empty(), 10);
        });
    return all;
  }

  private Backfill backfill(String name) {
    ledger().schedules().own(NIGHTLY, CLUSTER);
    return ledger().backfills().beginBackfill(NIGHTLY, name, "{}");
  }

  private static ScheduleKey nightly() {
    return ScheduleContract.NIGHTLY;
  }

  private Change deciding(String name, List<String> clients, ClientDecision... decisions) {
    ScheduleKey schedule = new ScheduleKey("team-a", name);
    ledger().schedules().own(schedule, CLUSTER);
    ledger()
        .schedules()
        .decide(schedule, CLUSTER, clients.stream().map(ScheduleContract::first).toList());
    return l -> l.schedules().decide(schedule, CLUSTER, List.of(decisions));
  }

  private Change deleting(String name, List<Tick> ticks) {
    ScheduleKey schedule = new ScheduleKey("team-a", name);
    deciding(name, List.of(name), decision(name, 0, 1, ticks.toArray(Tick[]::new))).by(ledger());
    ledger().schedules().applied(schedule, CLUSTER, ScheduleDeletionContract.CANCELS);
    return l -> l.schedules().deleted(schedule, CLUSTER, Reasons.SCHEDULE_DELETED, "it is gone");
  }

  private static ClientDecision rules(ClientDecision decision, Optional<String> rules) {
    return new ClientDecision(
        decision.client(),
        decision.from(),
        decision.until(),
        rules,
        decision.ticks(),
        decision.gaps());
  }

  default Change whileBound(String name, BiFunction<Ledger, Attempt, Object> change) {
    Attempt bound = bound(accepted(RunBuilder.named(name)));
    return l -> change.apply(l, bound);
  }

  /** A change without a result. */
  default Change then(java.util.function.Consumer<Ledger> change) {
    return l -> {
      change.accept(l);
      return "done";
    };
  }

  /** An answer without its times. */
  default String told(Object answer) {
    return switch (answer) {
      case Optional<?> o -> o.map(v -> "an answer").orElse("empty");
      case List<?> l when !l.isEmpty() && l.getFirst() instanceof TickAnswer -> l.toString();
      case Collection<?> c -> c.size() + " items";
      case ScheduleLedger.LimitChange c -> c.changed().size() + " runs";
      case ScheduleLedger.Deletion d -> d.canceled().size() + " canceled, " + d.complete();
      case RunLedger.Acceptance a -> a.getClass().getSimpleName();
      default -> answer.toString();
    };
  }

  /** All tables without times, messages that hold times, and tokens, which are always new. */
  default List<Map<String, Object>> state() {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (String query :
        List.of(
            """
            SELECT run_id, state, reason, cancel, claims, counted, infra, uncounted,
              max_attempts, request, tick_schedule, not_before IS NULL, finished_at IS NULL FROM run
            """,
            """
            SELECT run_id, number, fence, state, bound_at IS NULL, node, stop_cause,
              missing_since IS NULL, reason, exit_code, termination_message FROM attempt
            """,
            "SELECT admit_key, holder_run, fence, next_admit_at IS NULL FROM client_mutex",
            "SELECT run_id, cluster_identity, uid, applied_generation, created_at, by_operator FROM run_object",
            """
            SELECT schedule_id, owner_cluster, deletion_policy, object_created_at, max_runs, limited
              FROM schedule
            """,
            "SELECT client, decided_until, rules, cron_times FROM schedule_client",
            "SELECT tick_id, decision, cron_times, run_id FROM tick",
            "SELECT name, state, last_date, skipped, succeeded, failed FROM backfill",
            "SELECT backfill_id, run_id FROM backfill_run",
            "SELECT cluster_identity, retired_at IS NULL FROM cluster")) {
      rows.addAll(sql().handle().createQuery(query).mapToMap().list());
    }
    return rows;
  }

  @Test
  default void noChangeIsLeftOut() {
    assertThat(changes().keySet().stream().map(name -> name.split(" ")[0]).distinct())
        .containsExactlyInAnyOrderElementsOf(namesOfChanges());
  }

  @TestFactory
  default List<DynamicTest> aBrokenCommitHappensOnceOrNotAtAll() {
    List<DynamicTest> tests = new ArrayList<>();
    changes()
        .forEach(
            (name, change) -> {
              for (TcpProxy.Cut cut : TcpProxy.Cut.values()) {
                tests.add(
                    DynamicTest.dynamicTest(name + ", cut " + cut, () -> breakCommit(change, cut)));
              }
            });
    return tests;
  }

  private void breakCommit(Function<String, Change> change, TcpProxy.Cut cut) {
    sql().empty();
    metrics().clear();
    String expected = told(change.apply("r").by(ledger()));
    List<Map<String, Object>> expectedState = state();
    double expectedAlarms = brokenInvariants(metrics());

    sql().empty();
    Change prepared = change.apply("r");
    SimpleMeterRegistry metrics = new SimpleMeterRegistry();
    try (TcpProxy proxy = TcpProxy.to(server());
        MySqlLedger ledger = open(sql().through(proxy.port()), metrics)) {
      proxy.cutNextCommit(cut);
      if (cut == TcpProxy.Cut.FOR_LONG) {
        assertThatThrownBy(() -> prepared.by(ledger))
            .isInstanceOf(LedgerUnavailable.class)
            .hasMessageContaining("not known");
        assertThat(state()).isEqualTo(expectedState);
        assertThat(brokenInvariants(metrics)).isZero();
        proxy.reconnect();
        ledger.queries().now();
      } else {
        assertThat(told(prepared.by(ledger))).isEqualTo(expected);
        assertThat(state()).isEqualTo(expectedState);
        assertThat(brokenInvariants(metrics)).isEqualTo(expectedAlarms);
      }
      assertThat(proxy.cuts()).as("a commit was cut").isEqualTo(1);
    }
  }
}
