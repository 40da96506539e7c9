/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.OperatorFixture;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.ClusterLedger;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.ScheduleLedger.Deletion;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Run;
import io.luigioperator.run.Verdict;
import io.luigioperator.sim.SimLedger;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class InstrumentedLedgerTest {
  private boolean unavailable;

  private final Ledger store =
      new SimLedger(
          () -> {
            if (unavailable) {
              throw new LedgerUnavailable("MySQL does not answer", null);
            }
            return Instant.EPOCH;
          },
          Ageing.DEFAULT);
  private final Metrics metrics = new Metrics(new BuildInfo("1", "c"));
  private final Ledger ledger =
      new InstrumentedLedger(store, metrics, new RunMetrics(metrics, () -> 0L));

  private void assertCalls(String call, String outcome, int count) {
    assertThat(metrics.scrape().lines())
        .contains(
            "luigi_operator_store_calls_seconds_count{call=\"%s\",outcome=\"%s\",store=\"ledger\"} %d"
                .formatted(call, outcome, count));
  }

  static Stream<Arguments> methods() {
    return Stream.of(Ledger.class.getMethods())
        .flatMap(role -> methodsOf(role).map(method -> arguments(role, method)));
  }

  private static Stream<Method> methodsOf(Method role) {
    return Stream.of(role.getReturnType().getMethods()).filter(m -> !m.isDefault());
  }

  @ParameterizedTest
  @MethodSource("methods")
  void forwardsEachMethodOfEachRoleOnceAndTimesItUnderItsName(Method role, Method method)
      throws Exception {
    List<String> called = new ArrayList<>();
    Ledger target =
        (Ledger) proxy(Ledger.class, r -> proxy(r.getReturnType(), m -> recorded(m, called)));
    Ledger wrapped = new InstrumentedLedger(target, metrics, new RunMetrics(metrics, () -> 0L));

    method.invoke(
        role.invoke(wrapped), Stream.of(method.getParameterTypes()).map(zero()).toArray());

    assertThat(called).containsExactly(method.getName());
    assertCalls(method.getName(), "ok", 1);
  }

  private static Object proxy(Class<?> type, Function<Method, @Nullable Object> call) {
    return Proxy.newProxyInstance(
        type.getClassLoader(), new Class<?>[] {type}, (proxy, method, args) -> call.apply(method));
  }

  private static @Nullable Object recorded(Method method, List<String> called) {
    called.add(method.getName());
    return zero().apply(method.getReturnType());
  }

  private static Function<Class<?>, @Nullable Object> zero() {
    return type ->
        switch (type.getSimpleName()) {
          case "int" -> 0;
          case "long" -> 0L;
          case "boolean" -> false;
          case "List" -> List.of();
          case "Optional" -> Optional.empty();
          case "Deletion" -> new Deletion(List.of(), true);
          default -> null;
        };
  }

  private void assertMetric(String line) {
    assertThat(metrics.scrape().lines()).contains(line);
  }

  @Test
  void reportsEachCommitToTheMetricsOfRuns() {
    OperatorFixture fixture = new OperatorFixture();
    Ledger wrapped =
        new InstrumentedLedger(fixture.ledger, metrics, new RunMetrics(metrics, () -> 0L));
    for (String name : List.of("finished", "abandoned", "canceled")) {
      fixture.accepted(name);
    }
    fixture.acceptedWithStartDeadline("expired", 60);
    ObjectRecord object =
        new ObjectRecord(OperatorFixture.HERE, "uid", 1, OperatorFixture.T0, false);

    wrapped.runs().accept(List.of(new AcceptRequest(newRun("new"), object)));
    assertMetric("luigi_operator_runs_accepted_total 1.0");

    claim(wrapped, fixture.run("abandoned"));
    assertMetric("luigi_operator_claims_total 1.0");
    wrapped
        .attempts()
        .abandon(
            fixture.attempt("abandoned").ref(),
            new Abandonment("LaunchRefused", "", BudgetCharge.NONE),
            OperatorFixture.POLICY);
    assertMetric(
        "luigi_operator_claims_abandoned_total{charge=\"none\",reason=\"LaunchRefused\"} 1.0");

    claim(wrapped, fixture.run("finished"));
    wrapped.attempts().bind(fixture.attempt("finished").ref(), "job", "pod");
    wrapped
        .attempts()
        .finish(
            fixture.attempt("finished").ref(),
            "pod",
            OperatorFixture.ending(Verdict.SUCCEEDED),
            OperatorFixture.POLICY,
            Presence.PRESENT);
    assertMetric(
        "luigi_operator_attempts_ended_total{reason=\"Succeeded\",treatment=\"done\"} 1.0");
    assertMetric("luigi_operator_runs_finished_total{state=\"succeeded\"} 1.0");

    wrapped.runs().cancel(OperatorFixture.key("canceled"), "Canceled", "");
    assertMetric("luigi_operator_runs_finished_total{state=\"canceled\"} 1.0");

    fixture.at(Duration.ofSeconds(60));
    wrapped.maintenance().expire(10);
    assertMetric("luigi_operator_runs_finished_total{state=\"failed\"} 1.0");
  }

  private static void claim(Ledger wrapped, Run run) {
    wrapped
        .attempts()
        .claim(run.admitKey(), run.key(), "token-" + run.key(), OperatorFixture.HERE)
        .orElseThrow();
  }

  private static NewRun newRun(String name) {
    return new NewRun(
        OperatorFixture.key(name),
        name,
        "2026-02-28",
        "",
        AdmitKey.ofClient("data", name, "default"),
        AttemptKind.RUN,
        DesiredState.Running,
        Priority.Normal,
        Optional.empty(),
        OptionalLong.empty(),
        2,
        10,
        "{}",
        "sha",
        1);
  }

  @Test
  void timesCallsByNameAndReturnsTheirResults() {
    assertThat(ledger.queries().now()).isEqualTo(Instant.EPOCH);
    assertThat(ledger.queries().now()).isEqualTo(Instant.EPOCH);
    ClusterIdentity here = new ClusterIdentity("here", "uid");
    assertThat(ledger.clusters().register(here, true))
        .isEqualTo(new ClusterLedger.Registration.Registered());
    assertCalls("now", "ok", 2);
    assertCalls("register", "ok", 1);
  }

  @Test
  void countsUnavailabilityAndRethrowsTheError() {
    unavailable = true;
    assertThatThrownBy(() -> ledger.queries().now())
        .isInstanceOf(LedgerUnavailable.class)
        .hasMessage("MySQL does not answer");
    assertCalls("now", "unavailable", 1);
  }
}
