/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.FakeKube;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.run.RunKey;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class InstrumentedKubeTest {

  private final Metrics metrics = new Metrics(new BuildInfo("1", "c"));

  private Kube instrumented(Kube kube) {
    return new InstrumentedKube(kube, metrics, new RunMetrics(metrics, () -> 0L));
  }

  private void assertCalls(String call, String outcome, int count) {
    assertThat(metrics.scrape().lines())
        .contains(
            "luigi_operator_store_calls_seconds_count{call=\"%s\",outcome=\"%s\",store=\"kubernetes\"} %d"
                .formatted(call, outcome, count));
  }

  static Stream<Method> methods() {
    return Stream.of(Kube.class.getMethods());
  }

  @ParameterizedTest
  @MethodSource("methods")
  void forwardsEachMethodOnceAndTimesItUnderItsName(Method method) throws Exception {
    List<String> called = new ArrayList<>();
    Kube target =
        (Kube)
            Proxy.newProxyInstance(
                Kube.class.getClassLoader(),
                new Class<?>[] {Kube.class},
                (proxy, m, args) -> {
                  called.add(m.getName());
                  return zero(m.getReturnType());
                });

    Object[] arguments = Stream.of(method.getParameterTypes()).map(type -> zero(type)).toArray();
    method.invoke(instrumented(target), arguments);

    assertThat(called).containsExactly(method.getName());
    assertCalls(method.getName(), "ok", 1);
  }

  private static @Nullable Object zero(Class<?> type) {
    return type == boolean.class ? false : null;
  }

  @Test
  void countsUnavailabilityAndRethrowsTheError() {
    FakeKube broken = new FakeKube();
    KubeUnavailable error = new KubeUnavailable("no response");
    broken.unreadable.put(new RunKey("data", "a"), error);

    assertThatThrownBy(() -> instrumented(broken).run(new RunKey("data", "a"), Kube.Freshness.LIVE))
        .isSameAs(error);
    assertCalls("run", "unavailable", 1);
  }

  @Test
  void countsOtherErrorsAsFailed() {
    FakeKube broken = new FakeKube();
    broken.undeletable.add("u-1");

    assertThatThrownBy(() -> instrumented(broken).deletePod("data", "p", "u-1"))
        .hasMessage("forbidden by the test");
    assertCalls("deletePod", "failed", 1);
  }
}
