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

/** Whatever a door throws, a drive ends and says when to come back: others are waiting. */
class RunReconcilerTest {
  private static final RunKey RUN = new RunKey("flights", "ua-20130115");
  private static final Duration SOON = Duration.ofSeconds(2);
  private static final Duration SELDOM = Duration.ofSeconds(60);

  private static final KubeUnavailable SILENCE =
      new KubeUnavailable("no answer", new IllegalStateException());
  private static final KubeForbidden FORBIDDEN =
      new KubeForbidden("no such right", new IllegalStateException());
  private static final LedgerUnavailable AWAY = new LedgerUnavailable("no answer");
  private static final IllegalStateException OURS = new IllegalStateException("a fault of our own");

  /** A run by reference to a schedule that nobody has. */
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

  static Stream<Arguments> faults() {
    return Stream.of(
        arguments("the API server is away", Map.of(), SILENCE, AWAY, SOON),
        arguments("the ledger is away", Map.of("run", Optional.empty()), SILENCE, AWAY, SOON),
        arguments("the ledger is away, and nobody can be told", AN_OBJECT, SILENCE, AWAY, SOON),
        arguments("a permission is missing", AN_OBJECT, FORBIDDEN, OURS, SELDOM),
        arguments("a fault of our own", AN_OBJECT, SILENCE, OURS, SELDOM));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("faults")
  void aDriveEndsWhateverHappens(
      String situation,
      Map<String, Optional<?>> answers,
      RuntimeException ofKube,
      RuntimeException ofLedger,
      Duration again) {
    RunReconciler runReconciler =
        new RunReconciler(
            broken(Ledger.class, ofLedger, Map.of()),
            broken(Kube.class, ofKube, answers),
            "main",
            Limits.DEFAULT,
            Clock.systemUTC(),
            System::nanoTime,
            OperatorFixture.NO_WAKEUPS);

    assertThat(runReconciler.reconcile(RUN)).contains(again);
  }

  /** Throws whenever it has no answer. */
  private static <T> T broken(Class<T> door, RuntimeException fault, Map<String, ?> answers) {
    return door.cast(
        Proxy.newProxyInstance(
            door.getClassLoader(),
            new Class<?>[] {door},
            (proxy, method, args) -> {
              Object answer = answers.get(method.getName());
              if (answer == null) {
                throw fault;
              }
              return answer;
            }));
  }
}
