/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunKey;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a door throws, a drive ends and says when to come back: others are waiting. */
class RunDriverTest {

  static Stream<Arguments> faults() {
    return Stream.of(
        Arguments.of(new KubeUnavailable("no answer", new IllegalStateException()), 2),
        Arguments.of(new IllegalStateException("a fault of our own"), 60));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void aDriveEndsWhateverHappens(RuntimeException fault, long seconds) {
    RunDriver driver =
        new RunDriver(
            broken(Ledger.class, fault),
            broken(Kube.class, fault),
            "main",
            Limits.DEFAULT,
            Clock.systemUTC(),
            () -> {});

    assertThat(driver.drive(new RunKey("flights", "ua-20130115")))
        .contains(Duration.ofSeconds(seconds));
  }

  private static <T> T broken(Class<T> door, RuntimeException fault) {
    return door.cast(
        Proxy.newProxyInstance(
            door.getClassLoader(),
            new Class<?>[] {door},
            (proxy, method, args) -> {
              throw fault;
            }));
  }
}
