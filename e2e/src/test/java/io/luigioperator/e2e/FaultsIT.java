/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ContainerStateRunning;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.luigioperator.e2e.LifecycleIT.Span;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * kill -9 of a part of the installation, three times while runs are between claim and finish: no
 * run is lost, none is started twice, and none of one client overlaps another.
 */
@Timeout(1200)
class FaultsIT {

  private static final int KILLS = 3;
  private static final int CLIENTS = 4;

  /** One for each kill, since all that run at a kill of the kubelet may have ended after it. */
  private static final int RUNS_PER_CLIENT = KILLS;

  private static Installation it;

  /** What is killed. */
  enum Victim {
    OPERATOR {
      @Override
      void kill(List<String> names) {
        it.killPod(Installation.SYSTEM, it.leader());
        var renewed = it.renewed();
        // the one that stood by, or the same pod once it is back: its name is its identity
        await("an operator leads")
            .atMost(Installation.PATIENCE)
            .until(() -> it.renewed().isAfter(renewed));
      }
    },
    MYSQL {
      @Override
      void kill(List<String> names) {
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
            .atMost(Installation.PATIENCE)
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
      void kill(List<String> names) {
        String container = freshContainer(names);
        it.killKubelet();
        assertThat(it.isAlive(container)).as("the container at the kill").isTrue();
        // a run ends while nobody is there to see it
        await("the container has ended")
            .atMost(Installation.PATIENCE)
            .until(() -> !it.isAlive(container));
        it.restartKubelet();
      }

      /** One that was started within the last seconds, so that it outlives what is to be killed. */
      private String freshContainer(List<String> names) {
        return await("a container that has just started")
            .atMost(Installation.PATIENCE)
            .pollInterval(Duration.ofMillis(100))
            .until(
                () ->
                    names.stream()
                        .flatMap(name -> it.pods(name).stream())
                        .flatMap(pod -> pod.getStatus().getContainerStatuses().stream())
                        .filter(c -> isFresh(c.getState().getRunning()))
                        .map(ContainerStatus::getContainerID)
                        .findFirst(),
                Optional::isPresent)
            .orElseThrow();
      }

      private boolean isFresh(ContainerStateRunning running) {
        return running != null
            && Instant.parse(running.getStartedAt()).isAfter(Instant.now().minusSeconds(3));
      }
    };

    /** Kills it, while some of these runs are under way, and returns when it is back. */
    abstract void kill(List<String> names);
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
    List<String> names = new ArrayList<>();
    for (int i = 0; i < CLIENTS * RUNS_PER_CLIENT; i++) {
      String name = "%s-%d".formatted(victim.name().toLowerCase(Locale.ROOT), i);
      it.run(name).client("client-" + i % CLIENTS).seconds(4).apply();
      names.add(name);
    }
    for (int kill = 0; kill < KILLS; kill++) {
      await("a run between claim and finish")
          .atMost(Installation.PATIENCE)
          .pollInterval(Duration.ofMillis(100))
          .until(() -> names.stream().anyMatch(this::isLive));
      victim.kill(names);
    }

    for (String name : names) {
      it.awaitPhase(name, "Succeeded");
      assertThat(it.status(name, "attemptSummary")).as(name).isEqualTo("1/3");
      assertThat(LifecycleIT.spans(it, name)).as("containers of " + name).hasSize(1);
    }
    for (int client = 0; client < CLIENTS; client++) {
      assertNoOverlap(client, names);
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
  private static void assertNoOverlap(int client, List<String> names) {
    List<Span> spans =
        IntStream.range(0, names.size())
            .filter(i -> i % CLIENTS == client)
            .boxed()
            .flatMap(i -> LifecycleIT.spans(it, names.get(i)))
            .sorted(Comparator.comparing(Span::start))
            .toList();
    assertThat(spans).hasSize(RUNS_PER_CLIENT);
    for (int i = 1; i < spans.size(); i++) {
      assertThat(spans.get(i).start()).isAfterOrEqualTo(spans.get(i - 1).end());
    }
  }
}
