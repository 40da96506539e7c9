/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.OperatorFixture;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever the ledger or the API server throws, the reconciliation ends and the run is requeued.
 */
class RunReconcilerTest {
  private static final RunKey RUN = new RunKey("flights", "ua-20130115");
  private static final Duration SOON = Duration.ofSeconds(2);
  private static final Duration SELDOM = Duration.ofSeconds(60);

  private static final KubeUnavailable KUBE_UNAVAILABLE =
      new KubeUnavailable("no answer", new IllegalStateException());
  private static final KubeForbidden FORBIDDEN =
      new KubeForbidden("no permission", new IllegalStateException());
  private static final LedgerUnavailable LEDGER_UNAVAILABLE = new LedgerUnavailable("no answer");
  private static final IllegalStateException DEFECT =
      new IllegalStateException("a defect of the operator");

  /** A PipelineRun that refers to a missing schedule. */
  private static final Map<String, Optional<?>> AN_OBJECT =
      Map.of(
          "run",
          Optional.of(
              new RunObject(
                  RUN,
                  "uid-1",
                  1,
                  Instant.EPOCH,
                  false,
                  false,
                  new PipelineRunSpec(
                      null, null, "UA", null, List.of(), null, null, null, null, null, null, null,
                      null),
                  Optional.empty())),
          "schedule",
          Optional.empty());

  static Stream<Arguments> errors() {
    return Stream.of(
        arguments(
            "the API server is unavailable", Map.of(), KUBE_UNAVAILABLE, LEDGER_UNAVAILABLE, SOON),
        arguments(
            "the ledger is unavailable",
            Map.of("run", Optional.empty()),
            KUBE_UNAVAILABLE,
            LEDGER_UNAVAILABLE,
            SOON),
        arguments(
            "the ledger is unavailable, and the status cannot be written",
            AN_OBJECT,
            KUBE_UNAVAILABLE,
            LEDGER_UNAVAILABLE,
            SOON),
        arguments("a permission is missing", AN_OBJECT, FORBIDDEN, DEFECT, SELDOM),
        arguments("a defect of the operator", AN_OBJECT, KUBE_UNAVAILABLE, DEFECT, SELDOM));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("errors")
  void anErrorEndsTheReconciliationWithARequeue(
      String situation,
      Map<String, Optional<?>> answers,
      RuntimeException ofKube,
      RuntimeException ofLedger,
      Duration expected) {
    Ledger ledger = failing(Ledger.class, ofLedger, Map.of());
    RunReconciler runReconciler =
        new RunReconciler(
            ledger,
            failing(Kube.class, ofKube, answers),
            "main",
            Limits.DEFAULT,
            Clock.systemUTC(),
            System::nanoTime,
            OperatorFixture.NO_WAKEUPS,
            OperatorFixture.limits(ledger));

    assertThat(runReconciler.reconcile(RUN)).contains(expected);
  }

  /** Returns the given answers, and throws the error from all other methods. */
  private static <T> T failing(Class<T> type, RuntimeException error, Map<String, ?> answers) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, args) -> {
              Object answer = answers.get(method.getName());
              if (answer == null) {
                throw error;
              }
              return answer;
            }));
  }
}
