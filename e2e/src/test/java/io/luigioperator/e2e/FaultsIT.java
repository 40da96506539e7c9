/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.luigioperator.e2e.LifecycleIT.Span;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * kill -9 of a part of the installation, three times while runs are between claim and finish: no
 * run is lost, none of one client overlaps another, and each has ended once.
 */
@Timeout(600)
class FaultsIT {

  private static final int KILLS = 3;
  private static final int RUNS = 8;

  private static Installation it;

  /** What is killed. */
  enum Victim {
    OPERATOR {
      @Override
      void kill() {
        it.killPod(Installation.SYSTEM, it.leader());
        var renewed = it.renewed();
        // the one that stood by, or the same pod once it is back: its name is its identity
        await("an operator leads")
            .atMost(Duration.ofSeconds(60))
            .until(() -> it.renewed().isAfter(renewed));
      }
    },
    MYSQL {
      @Override
      void kill() {
        String pod =
            it.client
                .pods()
                .inNamespace(Installation.SYSTEM)
                .withLabel("app.kubernetes.io/component", "mysql")
                .list()
                .getItems()
                .getFirst()
                .getMetadata()
                .getName();
        int restarts = restarts(pod);
        it.killPod(Installation.SYSTEM, pod);
        await("MySQL is back")
            .atMost(Duration.ofSeconds(120))
            .until(() -> restarts(pod) > restarts && isReady(pod));
      }

      private int restarts(String pod) {
        return it.client
            .pods()
            .inNamespace(Installation.SYSTEM)
            .withName(pod)
            .get()
            .getStatus()
            .getContainerStatuses()
            .getFirst()
            .getRestartCount();
      }

      private boolean isReady(String pod) {
        return it.client.pods().inNamespace(Installation.SYSTEM).withName(pod).isReady();
      }
    },
    KUBELET {
      @Override
      void kill() {
        it.killKubelet();
        it.restartKubelet();
      }
    };

    abstract void kill();
  }

  @BeforeAll
  static void connect() {
    it = new Installation("faults");
  }

  @AfterAll
  static void leave() {
    it.close();
  }

  @ParameterizedTest
  @EnumSource(Victim.class)
  void nothingIsLostAndNothingRunsTwice(Victim victim) {
    List<String> names =
        IntStream.range(0, RUNS)
            .mapToObj(i -> "%s-%d".formatted(victim.name().toLowerCase(java.util.Locale.ROOT), i))
            .toList();
    for (int i = 0; i < RUNS; i++) {
      it.run(names.get(i)).client("client-" + i % 4).seconds(4).apply();
    }
    for (int kill = 0; kill < KILLS; kill++) {
      await("a run between claim and finish")
          .atMost(Duration.ofSeconds(120))
          .pollInterval(Duration.ofMillis(100))
          .until(() -> names.stream().anyMatch(this::isLive));
      victim.kill();
    }

    for (String name : names) {
      it.awaitPhase(name, "Succeeded");
    }
    for (int client = 0; client < 4; client++) {
      assertNoOverlap(names.get(client), names.get(client + 4));
    }
  }

  private boolean isLive(String name) {
    return it.pods(name).stream()
        .anyMatch(
            p ->
                p.getStatus() != null
                    && List.of("Pending", "Running").contains(p.getStatus().getPhase()));
  }

  /**
   * Kubernetes gives whole seconds, so two runs of one client may share the second of a handover.
   */
  private static void assertNoOverlap(String one, String other) {
    List<Span> spans =
        new ArrayList<>(
            java.util.stream.Stream.concat(LifecycleIT.spans(it, one), LifecycleIT.spans(it, other))
                .sorted(Comparator.comparing(Span::start))
                .toList());
    for (int i = 1; i < spans.size(); i++) {
      assertThat(spans.get(i).start()).isAfterOrEqualTo(spans.get(i - 1).end());
    }
  }
}
