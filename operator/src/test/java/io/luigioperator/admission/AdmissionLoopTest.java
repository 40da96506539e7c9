/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.OperatorFixture;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Pods;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.Verdict;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One pass with two slots: each row is a state of runs and cluster, and the runs that are claimed.
 */
class AdmissionLoopTest {
  private static final int SLOTS = 2;

  private final OperatorFixture fixture = new OperatorFixture();
  private final List<RunKey> launched = new ArrayList<>();

  private int pass(int slots) {
    return fixture.admission(slots, launched::add).pass();
  }

  private static Arguments row(
      String situation, Consumer<OperatorFixture> given, String... launched) {
    return arguments(situation, given, List.of(launched));
  }

  static Stream<Arguments> passes() {
    return Stream.of(
        row("more heads than slots", s -> s.accepted("a").accepted("b").accepted("c"), "a", "b"),
        row("two runs of one client", s -> s.accepted("a-1").accepted("a-2"), "a-1"),
        row("its client is busy", s -> s.accepted("a-1").claimed("a-1").accepted("a-2")),
        row(
            "a slot is used",
            s -> s.accepted("a").bound("a").gateOpened("a").accepted("b").accepted("c"),
            "b"),
        row(
            "a pod that has ended frees its slot, not its client",
            s ->
                s.accepted("a-1")
                    .bound("a-1")
                    .podTerminal("a-1", Verdict.SUCCEEDED)
                    .accepted("a-2")
                    .accepted("b")
                    .accepted("c"),
            "b",
            "c"),
        row(
            "a terminating pod keeps its slot",
            s ->
                s.accepted("a")
                    .bound("a")
                    .gateOpened("a")
                    .podTerminating("a")
                    .accepted("b")
                    .accepted("c"),
            "b"),
        row(
            "slots of another cluster",
            s -> s.accepted("a").boundBy(OperatorFixture.THERE, "a").accepted("b").accepted("c"),
            "b",
            "c"),
        row(
            "the cluster is full for the namespace",
            s -> {
              s.accepted("a").accepted("b");
              s.kube.withoutNode.put("data", Pods.gated("data", "p", "u", "t", "j"));
            }),
        row(
            "the cluster is full for another namespace only",
            s -> {
              s.accepted("a").accepted("b");
              s.kube.withoutNode.put("other", Pods.gated("other", "p", "u", "t", "j"));
            },
            "a",
            "b"),

        // the PipelineRun is checked before the claim
        row(
            "its object was deleted, but is cached: its Job is garbage-collected",
            s -> s.accepted("a").objectDeletedButCached("a").accepted("b"),
            "a",
            "b"),
        row(
            "a retry, its object was deleted, but is cached",
            s ->
                s.accepted("a")
                    .bound("a")
                    .finished("a", Verdict.TASK_FAILED)
                    .at(Duration.ofHours(1))
                    .due("a")
                    .objectDeletedButCached("a")
                    .accepted("b"),
            "b"),
        row("its object exists, but is not cached", s -> s.accepted("a").objectNotCached("a"), "a"),
        row("another object with its name", s -> s.accepted("a").objectExists("a", "uid-2")),
        row("its object is being deleted", s -> s.accepted("a").objectDeleting("a")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("passes")
  void claimsHeadsForFreeSlots(
      String situation, Consumer<OperatorFixture> given, List<String> expected) {
    given.accept(fixture);
    pass(SLOTS);
    assertThat(launched).extracting(RunKey::name).isEqualTo(expected);
    assertThat(fixture.kube.changes).isEmpty();
  }

  // ---- runs that another cluster accepted

  static Stream<Arguments> objects() {
    return Stream.of(
        arguments("is created", (Consumer<OperatorFixture>) s -> {}, "ACTIVE", "made-a"),
        arguments(
            "exists already",
            (Consumer<OperatorFixture>) s -> s.objectExists("a", "uid-2"),
            "ACTIVE",
            "uid-2"),
        arguments(
            "is being deleted",
            (Consumer<OperatorFixture>) s -> s.objectDeleting("a"),
            "READY",
            "uid-a"),
        arguments(
            "is refused",
            (Consumer<OperatorFixture>)
                s -> s.kube.runCreation = Optional.of(new RunCreation.Refused("invalid")),
            "DELAYED ObjectRefused",
            "none"),
        arguments(
            "is refused for now",
            (Consumer<OperatorFixture>)
                s -> s.kube.runCreation = Optional.of(new RunCreation.NotNow("exceeded quota")),
            "READY",
            "none"),
        arguments(
            "would be in a terminating namespace",
            (Consumer<OperatorFixture>) s -> s.kube.namespace = NamespaceState.TERMINATING,
            "HELD NamespaceMissing",
            "none"),
        arguments(
            "would be in a missing namespace",
            (Consumer<OperatorFixture>) s -> s.kube.namespace = NamespaceState.ABSENT,
            "HELD NamespaceMissing",
            "none"),
        arguments(
            "has no CRD",
            (Consumer<OperatorFixture>) s -> s.kube.crdEstablished = false,
            "HELD NamespaceMissing",
            "none"));
  }

  @ParameterizedTest(name = "its object {0}")
  @MethodSource("objects")
  void aRunOfAnotherClusterNeedsAnObjectHereBeforeItsClaim(
      String what, Consumer<OperatorFixture> given, String expected, String recorded) {
    fixture.acceptedElsewhere("a");
    given.accept(fixture);
    pass(SLOTS);
    assertThat(fixture.stateAndReason("a")).isEqualTo(expected);
    assertThat(launched).hasSize(expected.equals("ACTIVE") ? 1 : 0);
    assertThat(fixture.changedByAdmission).hasSize(expected.contains(" ") ? 1 : 0);
    assertThat(
            fixture
                .ledger
                .queries()
                .load(OperatorFixture.key("a"), OperatorFixture.HERE)
                .run(OperatorFixture.key("a"))
                .orElseThrow()
                .object()
                .map(ObjectRecord::uid)
                .orElse("none"))
        .isEqualTo(recorded);
  }

  // ---- many heads

  @Test
  void headsThatCannotBeClaimedDoNotBlockLaterOnes() {
    IntStream.range(0, 120).forEach(i -> fixture.accepted("c%03d".formatted(i)));
    IntStream.range(0, 110).forEach(i -> fixture.objectDeleted("c%03d".formatted(i)));
    assertThat(pass(SLOTS)).isZero();
    assertThat(launched).extracting(RunKey::name).containsExactly("c110", "c111");
    assertThat(pass(20)).describedAs("slots left when no further run can be claimed").isEqualTo(10);
    assertThat(launched).hasSize(10);
  }

  // ---- a limit for each namespace

  private int passWithLimit(int slots, int perNamespace) {
    return fixture
        .admission(new Capacity(slots, OptionalInt.of(perNamespace)), launched::add)
        .pass();
  }

  static Stream<Arguments> passesWithALimitOfTwo() {
    return Stream.of(
        row(
            "later runs of other namespaces start",
            s -> s.accepted("x/a").accepted("x/b").accepted("x/c").accepted("y/d").accepted("y/e"),
            "x/a",
            "x/b",
            "y/d",
            "y/e"),
        row(
            "live attempts count",
            s ->
                s.accepted("x/a")
                    .bound("x/a")
                    .gateOpened("x/a")
                    .accepted("x/b")
                    .accepted("x/c")
                    .accepted("y/d"),
            "x/b",
            "y/d"),
        row(
            "an ended pod does not count",
            s ->
                s.accepted("x/a")
                    .bound("x/a")
                    .podTerminal("x/a", Verdict.SUCCEEDED)
                    .accepted("x/b")
                    .accepted("x/c")
                    .accepted("x/d"),
            "x/b",
            "x/c"),
        row(
            "the slots of another cluster do not count",
            s -> s.accepted("x/a").boundBy("there", "x/a").accepted("x/b").accepted("x/c"),
            "x/b",
            "x/c"),
        row(
            "a run that cannot be claimed leaves its slot to the next one",
            s ->
                s.accepted("x/a")
                    .objectDeleted("x/a")
                    .accepted("x/b")
                    .objectDeleted("x/b")
                    .accepted("x/c")
                    .accepted("x/d")
                    .accepted("x/e"),
            "x/c",
            "x/d"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("passesWithALimitOfTwo")
  void aNamespaceFillsOnlyItsShare(
      String situation, Consumer<OperatorFixture> given, List<String> expected) {
    given.accept(fixture);
    passWithLimit(10, 2);
    assertThat(launched)
        .extracting(key -> key.namespace() + "/" + key.name())
        .containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  void theSlotsOfTheClusterStillLimit() {
    fixture.accepted("x/a").accepted("x/b").accepted("y/c").accepted("z/d");
    assertThat(passWithLimit(3, 2)).isZero();
    assertThat(launched).extracting(RunKey::name).containsExactly("a", "b", "c");
  }

  /** Its heads are not read page by page. */
  @Test
  void aFullNamespaceWithManyWaitingRunsCostsNoFurtherQueries() {
    IntStream.range(0, 2000).forEach(i -> fixture.accepted("x/c%04d".formatted(i)));
    fixture.accepted("y/d");
    passWithLimit(10, 2);
    assertThat(launched).extracting(RunKey::name).containsExactly("c0000", "c0001", "d");
    launched.clear();

    var queries = new AtomicInteger();
    Ledger counted = counting(fixture.ledger, queries);
    assertThat(
            new AdmissionLoop(
                    counted,
                    fixture.kube,
                    OperatorFixture.HERE,
                    new Capacity(10, OptionalInt.of(2)),
                    () -> "t",
                    Runnable::run,
                    claimed -> launched.add(claimed.run().key()),
                    run -> {})
                .pass())
        .isEqualTo(7);
    assertThat(launched).isEmpty();
    assertThat(queries).hasValue(1);
  }

  private static Ledger counting(Ledger ledger, AtomicInteger headQueries) {
    LedgerQueries queries =
        (LedgerQueries)
            Proxy.newProxyInstance(
                LedgerQueries.class.getClassLoader(),
                new Class<?>[] {LedgerQueries.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("openHeads")) {
                    headQueries.incrementAndGet();
                  }
                  return method.invoke(ledger.queries(), arguments);
                });
    return (Ledger)
        Proxy.newProxyInstance(
            Ledger.class.getClassLoader(),
            new Class<?>[] {Ledger.class},
            (proxy, method, arguments) ->
                method.getName().equals("queries") ? queries : method.invoke(ledger, arguments));
  }

  @Test
  void aPausedLoopClaimsNothing() {
    fixture.accepted("a");
    AdmissionLoop loop = fixture.admission(SLOTS, launched::add);
    loop.pause();
    assertThat(loop.pass()).isZero();
    assertThat(launched).isEmpty();

    loop.block(Set.of(fixture.run("a").admitKey()));
    loop.resume();
    loop.pass();
    assertThat(launched).describedAs("its key is blocked").isEmpty();
    loop.block(Set.of());
    loop.pass();
    assertThat(launched).hasSize(1);
  }
}
