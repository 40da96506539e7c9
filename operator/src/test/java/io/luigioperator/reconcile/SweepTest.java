/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static io.luigioperator.OperatorFixture.RETENTION;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.OperatorFixture;
import io.luigioperator.api.RetrySpec;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import io.luigioperator.sim.LedgerProxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** One pass: each row is a state that a crash or a user left behind, and what the pass does. */
class SweepTest {
  private final OperatorFixture fixture = new OperatorFixture();
  private final List<RunKey> woken = new ArrayList<>();
  private final Sweep sweep = fixture.sweep(woken::add);

  private Sweep.Result passAt(Duration age) {
    fixture.at(age);
    fixture.registered(OperatorFixture.HERE);
    return sweep.pass();
  }

  private static Arguments row(String situation, Consumer<OperatorFixture> given, String expected) {
    return arguments(situation, given, expected);
  }

  private static Duration secs(long n) {
    return Duration.ofSeconds(n);
  }

  // ---- runs

  static Stream<Arguments> runs() {
    return Stream.of(
        // a deletion counts only by a live read, and only in the registered cluster
        row("its object exists", s -> {}, "READY"),
        row("its object was deleted", s -> s.objectDeleted("a"), "CANCELED Deleted"),
        row("its object is only missing in the cache", s -> s.objectNotCached("a"), "READY"),
        row("its object is being deleted", s -> s.objectDeleting("a"), "CANCELED Deleted"),
        row("another object with its name", s -> s.objectExists("a", "uid-2"), "CANCELED Deleted"),
        row(
            "its object was deleted, its namespace is terminating",
            s -> s.objectDeleted("a").kube.namespace = NamespaceState.TERMINATING,
            "READY"),
        row(
            "its object and its namespace were deleted",
            s -> s.objectDeleted("a").kube.namespace = NamespaceState.ABSENT,
            "READY"),
        row(
            "its object was deleted with the CRD",
            s -> s.objectDeleted("a").kube.crdEstablished = false,
            "READY"),
        row(
            "its object is missing because the cluster was rebuilt",
            s -> rebuilt(s.objectDeleted("a")),
            "READY"),
        row(
            "its object was deleted before it was bound",
            s -> s.claimed("a").objectDeleted("a"),
            "CANCELED Deleted"),
        row(
            "its object was deleted while it runs",
            s -> s.bound("a").gateOpened("a").objectDeleted("a"),
            "ACTIVE Deleted"),

        // held
        row(
            "held for its namespace, which is active",
            s -> held(s, Reasons.NAMESPACE_MISSING),
            "READY"),
        row(
            "held for its namespace, which is terminating",
            s -> held(s, Reasons.NAMESPACE_MISSING).kube.namespace = NamespaceState.TERMINATING,
            "HELD NamespaceMissing"),
        row(
            "held for the CRD, which is missing",
            s -> held(s, Reasons.NAMESPACE_MISSING).kube.crdEstablished = false,
            "HELD NamespaceMissing"),
        row(
            "held for a deletion, its object exists",
            s -> held(s, Reasons.DELETION_UNCONFIRMED),
            "READY"),
        row(
            "held for a deletion, one of many",
            s -> held(massDeletion(s).objectDeleted("a"), Reasons.DELETION_UNCONFIRMED),
            "HELD MassDeletion"),
        row(
            "held for a deletion, another object with its name exists",
            s -> held(massDeletion(s).objectExists("a", "uid-2"), Reasons.DELETION_UNCONFIRMED),
            "READY"),
        row(
            "held for a deletion, one of many, its object is being deleted",
            s -> held(massDeletion(s).objectDeleting("a"), Reasons.DELETION_UNCONFIRMED),
            "HELD MassDeletion"),
        row("held by a person", s -> held(s, Reasons.HELD), "HELD Held"));
  }

  private static void rebuilt(OperatorFixture s) {
    s.kube.identity = "uid-of-another";
  }

  private static OperatorFixture held(OperatorFixture s, String reason) {
    s.ledger.runs().hold(OperatorFixture.key("a"), reason, "set by the test").orElseThrow();
    return s;
  }

  /** So many objects are deleted that it counts as a mass deletion. */
  private static OperatorFixture massDeletion(OperatorFixture s) {
    IntStream.range(0, 11).forEach(i -> s.accepted("b" + i).objectDeleted("b" + i));
    return s;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("runs")
  void aPassSetsTheStateOfARun(String situation, Consumer<OperatorFixture> given, String expected) {
    fixture.accepted("a");
    given.accept(fixture);
    passAt(secs(30));
    assertThat(fixture.stateAndReason("a")).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, true",
    "11, 10, true",
    "11, 11, false",
    "59, 11, true",
    "60, 12, true",
    "60, 13, false",
    "250, 50, true", // more than one page of records
    "250, 51, false"
  })
  void fewDeletionsCancelTheirRunsAndManyDoNot(int recorded, int deleted, boolean canceled) {
    IntStream.range(0, recorded).forEach(i -> fixture.accepted("r" + i));
    IntStream.range(0, deleted).forEach(i -> fixture.objectDeleted("r" + i));
    passAt(secs(30));
    assertThat(IntStream.range(0, recorded).mapToObj(i -> fixture.run("r" + i).state()))
        .filteredOn(RunState.CANCELED::equals)
        .hasSize(canceled ? deleted : 0);
  }

  @Test
  void anObjectThatExistsAgainIsRecorded() {
    held(
        massDeletion(fixture.accepted("a")).objectExists("a", "uid-2"),
        Reasons.DELETION_UNCONFIRMED);
    passAt(secs(30));
    assertThat(
            fixture
                .ledger
                .queries()
                .load(OperatorFixture.key("a"), OperatorFixture.HERE)
                .run(OperatorFixture.key("a"))
                .flatMap(RunRecord::object))
        .hasValueSatisfying(o -> assertThat(o.uid()).isEqualTo("uid-2"));
    assertThat(woken).containsExactly(OperatorFixture.key("a"));
  }

  // ---- other clusters

  static Stream<Arguments> claimsOfAnother() {
    return Stream.of(
        arguments(
            "claimed, with a recent heartbeat",
            (Consumer<OperatorFixture>) s -> s.claimedBy(OperatorFixture.THERE, "a"),
            59,
            "ACTIVE"),
        arguments(
            "claimed, without a heartbeat",
            (Consumer<OperatorFixture>) s -> s.claimedBy(OperatorFixture.THERE, "a"),
            60,
            "DELAYED BackingOff"),
        arguments(
            "bound, without a heartbeat",
            (Consumer<OperatorFixture>) s -> s.boundBy(OperatorFixture.THERE, "a"),
            100_000,
            "ACTIVE"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("claimsOfAnother")
  void claimsOfASilentClusterAreAbandoned(
      String situation, Consumer<OperatorFixture> given, long silence, String expected) {
    fixture.accepted("a");
    fixture.registered(OperatorFixture.THERE);
    given.accept(fixture);
    passAt(secs(silence));
    assertThat(fixture.stateAndReason("a")).isEqualTo(expected);
    assertThat(fixture.run("a").budget().infra())
        .describedAs("it counts against no budget")
        .isZero();
    assertThat(fixture.attempt("a").end().map(e -> e.reason()))
        .isEqualTo(
            expected.startsWith("DELAYED") ? Optional.of("ClusterSilent") : Optional.empty());
  }

  @Test
  void theAttemptsOfARetiredClusterEndAndFreeTheirKeys() {
    fixture.accepted("claimed").accepted("bound").accepted("mine").bound("mine");
    fixture.registered(OperatorFixture.THERE);
    fixture.claimedBy(OperatorFixture.THERE, "claimed").boundBy(OperatorFixture.THERE, "bound");
    passAt(secs(10));
    assertThat(fixture.stateAndReason("bound")).isEqualTo("ACTIVE");

    fixture.at(secs(200));
    assertThat(fixture.ledger.clusters().retire("uid-of-there", secs(60))).isPresent();
    passAt(secs(200));

    assertThat(fixture.stateAndReason("bound")).isEqualTo("DELAYED BackingOff");
    assertThat(fixture.attempt("bound").end().orElseThrow().reason()).isEqualTo("ClusterRetired");
    assertThat(fixture.stateAndReason("claimed")).startsWith("DELAYED");
    assertThat(fixture.stateAndReason("mine")).isEqualTo("ACTIVE");
  }

  @Test
  void aRunThatBeginsOrEndsInAnotherClusterIsWokenOnce() {
    fixture.accepted("a").boundBy(OperatorFixture.THERE, "a");
    passAt(secs(30));
    assertThat(woken).containsExactly(OperatorFixture.key("a"));
    passAt(secs(60));
    assertThat(woken).hasSize(1);

    Attempt attempt = fixture.attempt("a");
    fixture
        .ledger
        .attempts()
        .finish(
            attempt.ref(),
            attempt.binding().orElseThrow().podUid(),
            Ending.of(FailureCause.EVICTED, ""),
            RetryPolicy.of(new RetrySpec(3, 60, 3600, 10, List.of())),
            Presence.PRESENT);
    woken.clear();
    passAt(secs(70));
    passAt(secs(80));
    assertThat(woken).containsOnlyOnce(OperatorFixture.key("a"));
  }

  // ---- due and expired runs

  @Test
  void everyRunInAnotherClusterIsWokenHoweverManyThereAre() {
    int all = 450;
    OperatorFixture fixture = new OperatorFixture();
    fixture.registered(OperatorFixture.THERE);
    for (int i = 0; i < all; i++) {
      fixture.accepted("c" + i).claimedBy(OperatorFixture.THERE, "c" + i);
    }
    List<RunKey> woken = new ArrayList<>();
    Sweep sweep = fixture.sweep(woken::add);

    sweep.pass();
    assertThat(woken).hasSize(all).doesNotHaveDuplicates();
    woken.clear();
    sweep.pass();
    assertThat(woken).as("none has changed").isEmpty();
  }

  @Test
  void dueAndExpiredRunsAreMovedAndWoken() {
    fixture.accepted("due").ended("due", Verdict.TASK_FAILED).acceptedWithStartDeadline("late", 60);
    passAt(secs(59));
    assertThat(woken).isEmpty();
    passAt(secs(60));
    assertThat(fixture.stateAndReason("due")).isEqualTo("READY");
    assertThat(fixture.stateAndReason("late")).isEqualTo("FAILED StartDeadlineExceeded");
    assertThat(woken).containsExactly(OperatorFixture.key("due"), OperatorFixture.key("late"));
  }

  @Test
  void liveAttemptsAreReconciled() {
    fixture.accepted("a").claimed("a");
    passAt(secs(1));
    assertThat(fixture.kube.changes).containsExactly("create Job a-a1");
  }

  // ---- Jobs and pods

  static Stream<Arguments> orphans() {
    return Stream.of(
        arguments(
            "a Job without an attempt",
            (Consumer<OperatorFixture>) s -> s.job("x", "token-x"),
            300,
            "delete Job job-x"),
        arguments(
            "a new Job without an attempt",
            (Consumer<OperatorFixture>) s -> s.job("x", "token-x"),
            299,
            ""),
        arguments(
            "a Job without a token",
            (Consumer<OperatorFixture>) s -> s.job("x", ""),
            300,
            "delete Job job-x"),
        arguments(
            "a second Job of a bound attempt",
            (Consumer<OperatorFixture>)
                s -> {
                  s.accepted("a").bound("a").gateOpened("a");
                  ObservedJob job = s.kube.jobs.getFirst();
                  s.kube.jobs.add(
                      new ObservedJob(
                          "data", "late", "job-2", job.token(), job.createdAt(), false, 0, false));
                },
            300,
            "delete Job job-2"),
        arguments(
            "a Job without an attempt whose pods lost labels and owner",
            (Consumer<OperatorFixture>)
                s -> {
                  s.kube.jobs.add(
                      new ObservedJob(
                          "data", "x-a1", "job-x", "token-x", s.now(), false, 1, false));
                  s.kube.strippedPods.add(Pods.gated("data", "p", "p", "token-x", ""));
                  s.kube.strippedPods.add(Pods.gated("data", "q", "q", "token-x", "job-x"));
                },
            300,
            "delete pod p, delete Job job-x"),
        arguments(
            "the Job of a claimed attempt",
            (Consumer<OperatorFixture>)
                s -> s.accepted("a").job("a", "token-a").at(secs(200)).claimed("a"),
            301,
            ""),
        arguments(
            "a gated pod that no Job owns",
            (Consumer<OperatorFixture>)
                s -> s.kube.pods.add(Pods.gated("data", "p", "p", "token-x", "")),
            0,
            "delete pod p"),
        arguments(
            "a gated pod whose Job is not cached",
            (Consumer<OperatorFixture>) s -> s.pod("p", "x"),
            0,
            ""),
        arguments(
            "a gated pod whose attempt has ended",
            (Consumer<OperatorFixture>)
                s -> s.accepted("a").ended("a", Verdict.TASK_FAILED).pod("p", "a"),
            0,
            "delete pod pod-a, delete pod p"),
        arguments(
            "a second gated pod of a live attempt",
            (Consumer<OperatorFixture>)
                s -> s.accepted("a").bound("a").gateOpened("a").pod("p", "a"),
            0,
            ""),
        arguments(
            "an open pod without an attempt",
            (Consumer<OperatorFixture>)
                s -> s.job("x", "token-x").pod("pod-x", "x").gateOpened("x"),
            0,
            "delete pod pod-x"),
        arguments(
            "a terminating open pod without an attempt",
            (Consumer<OperatorFixture>)
                s -> s.job("x", "token-x").pod("pod-x", "x").gateOpened("x").podTerminating("x"),
            0,
            ""),
        arguments(
            "a terminal open pod without an attempt",
            (Consumer<OperatorFixture>)
                s -> s.job("x", "token-x").pod("pod-x", "x").podTerminal("x", Verdict.SUCCEEDED),
            0,
            ""));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("orphans")
  void orphanedObjectsAreDeleted(
      String what, Consumer<OperatorFixture> given, long age, String expected) {
    given.accept(fixture);
    passAt(secs(age));
    assertThat(String.join(", ", fixture.kube.changes)).isEqualTo(expected);
  }

  // ---- failures

  @Test
  void runsWithoutAnAnswerDoNotKeepTheOtherStepsFromBeingDone() {
    for (String name : List.of("a", "b")) {
      fixture.accepted(name).bound(name); // its pod is missing, which takes a live read
      fixture.kube.unreadable.put(OperatorFixture.key(name), new KubeUnavailable("no answer"));
    }
    fixture.accepted("late").ended("late", Verdict.TASK_FAILED);
    fixture.kube.pods.clear();
    fixture.job("x", "token-x");

    Sweep.Result result = passAt(secs(3600));

    assertThat(result.failure()).hasValueSatisfying(e -> assertThat(e).hasMessage("no answer"));
    assertThat(fixture.kube.changes).containsExactly("delete Job job-x");
    assertThat(fixture.stateAndReason("late")).isEqualTo("READY");
    assertThat(result.blocked()).as("keys to block are known").isPresent();
  }

  // ---- retention

  @Test
  void finishedJobsAreKeptAccordingToTheirOutcome() {
    fixture.accepted("good").ended("good", Verdict.SUCCEEDED);
    fixture.accepted("bad").ended("bad", Verdict.TASK_FAILED_PERMANENT);
    fixture.kube.pods.clear();

    passAt(RETENTION.jobs().minusSeconds(1));
    assertThat(fixture.kube.changes).isEmpty();
    passAt(RETENTION.jobs());
    assertThat(fixture.kube.changes).containsExactly("delete Job job-good");
    passAt(RETENTION.failedJobs().minusSeconds(1));
    assertThat(fixture.kube.changes).hasSize(1);
    passAt(RETENTION.failedJobs());
    assertThat(fixture.kube.changes).containsExactly("delete Job job-good", "delete Job job-bad");
  }

  @Test
  void requestsAreKeptForTheHistoryAndOutcomesPermanently() {
    fixture.accepted("good").ended("good", Verdict.SUCCEEDED);
    RunKey key = OperatorFixture.key("good");

    passAt(RETENTION.history().minusSeconds(1));
    assertThat(
            fixture
                .ledger
                .queries()
                .load(key, OperatorFixture.HERE)
                .run(key)
                .orElseThrow()
                .attempts())
        .hasSize(1);
    passAt(RETENTION.history().plusSeconds(1));
    assertThat(
            fixture
                .ledger
                .queries()
                .load(key, OperatorFixture.HERE)
                .run(key)
                .orElseThrow()
                .attempts())
        .isEmpty();
    assertThat(fixture.stateAndReason("good")).isEqualTo("SUCCEEDED Completed");
  }

  @Test
  void runsThatTheLimitOfTheirScheduleHoldsInVainAreReleased() {
    Set<String> calls = new TreeSet<>();
    Ledger observed =
        LedgerProxy.of(
            fixture.ledger,
            (role, method, args) -> {
              calls.add(method.getName());
              return LedgerProxy.invoke(role, method, args);
            });
    Sweep sweep = fixture.sweep(observed, woken::add);
    sweep.pass();
    assertThat(calls).contains("limited").doesNotContain("enforceLimit");
    ScheduleKey nightly = new ScheduleKey("data", "nightly");
    fixture.ledger.schedules().limit(nightly, Optional.of(1));
    fixture.ledger.schedules().limit(nightly, Optional.empty());
    sweep.pass();
    assertThat(calls).contains("enforceLimit");
  }

  @Test
  void theCostOfAPassDoesNotGrowWithFinishedJobs() {
    AtomicInteger calls = new AtomicInteger();
    Set<Object> tokens = new TreeSet<>();
    Ledger counted =
        LedgerProxy.of(
            fixture.ledger,
            (role, method, args) -> {
              calls.incrementAndGet();
              if (method.getName().equals("attemptsByToken")) {
                tokens.addAll((Collection<?>) args[0]);
              }
              return LedgerProxy.invoke(role, method, args);
            });
    Sweep sweep = fixture.sweep(counted, woken::add);
    fixture.accepted("one").ended("one", Verdict.SUCCEEDED);
    sweep.pass();
    int forOne = calls.getAndSet(0);
    for (int i = 0; i < 30; i++) {
      fixture.accepted("a" + i).ended("a" + i, Verdict.SUCCEEDED);
    }
    fixture.kube.pods.clear();
    sweep.pass();
    assertThat(tokens).as("each finished Job is looked up once").hasSize(31);
    assertThat(calls).hasValue(forOne);

    tokens.clear();
    fixture.accepted("new").claimed("new");
    sweep.pass();
    assertThat(fixture.kube.jobs).hasSize(32);
    assertThat(tokens).hasSize(1);
  }
}
