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
 * Kills a component of the installation with kill -9, three times while runs have a live attempt:
 * no run is lost, no run starts twice, and runs of one client do not overlap.
 */
@Timeout(1200)
class FaultsIT {

  private static final int KILLS = 3;
  private static final int CLIENTS = 4;

  /** One for each kill: all running runs may have ended after a kill of the kubelet. */
  private static final int RUNS_PER_CLIENT = KILLS;

  private static Installation installation;

  /** The component to kill. */
  enum Component {
    OPERATOR {
      @Override
      void kill(List<String> names) {
        installation.killPod(Installation.SYSTEM, installation.leader());
        var renewed = installation.renewed();
        // the other replica, or the same pod after its restart, which then has the same identity
        await("an operator is the leader")
            .atMost(Installation.TIMEOUT)
            .until(() -> installation.renewed().isAfter(renewed));
      }
    },
    MYSQL {
      @Override
      void kill(List<String> names) {
        String pod =
            installation
                .client
                .pods()
                .inNamespace(Installation.SYSTEM)
                .withLabel("app.kubernetes.io/component", "mysql")
                .list()
                .getItems()
                .getFirst()
                .getMetadata()
                .getName();
        int restarts = restarts(pod);
        installation.killPod(Installation.SYSTEM, pod);
        await("MySQL has restarted and is ready")
            .atMost(Installation.TIMEOUT)
            .until(() -> restarts(pod) > restarts && isReady(pod));
      }

      private int restarts(String pod) {
        return installation
            .client
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
        return installation.client.pods().inNamespace(Installation.SYSTEM).withName(pod).isReady();
      }
    },
    KUBELET {
      @Override
      void kill(List<String> names) {
        String container = newContainer(names);
        installation.killKubelet();
        assertThat(installation.isAlive(container))
            .as("the container runs when the kubelet is killed")
            .isTrue();
        // the run ends while the kubelet is not running
        await("the container has ended")
            .atMost(Installation.TIMEOUT)
            .until(() -> !installation.isAlive(container));
        installation.restartKubelet();
      }

      /** A container that started within the last 3 s, so that it outlives the kubelet. */
      private String newContainer(List<String> names) {
        return await("a container that has just started")
            .atMost(Installation.TIMEOUT)
            .pollInterval(Duration.ofMillis(100))
            .until(
                () ->
                    names.stream()
                        .flatMap(name -> installation.pods(name).stream())
                        .flatMap(pod -> pod.getStatus().getContainerStatuses().stream())
                        .filter(c -> isNew(c.getState().getRunning()))
                        .map(ContainerStatus::getContainerID)
                        .findFirst(),
                Optional::isPresent)
            .orElseThrow();
      }

      private boolean isNew(ContainerStateRunning running) {
        return running != null
            && Instant.parse(running.getStartedAt()).isAfter(Instant.now().minusSeconds(3));
      }
    };

    /** Kills the component while some of these runs are running; returns when it is ready again. */
    abstract void kill(List<String> names);
  }

  @BeforeAll
  static void connect() {
    installation = new Installation("faults");
  }

  @AfterAll
  static void remove() {
    installation.close();
  }

  @ParameterizedTest
  @EnumSource(Component.class)
  void nothingIsLostAndNothingRunsTwice(Component component) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < CLIENTS * RUNS_PER_CLIENT; i++) {
      String name = "%s-%d".formatted(component.name().toLowerCase(Locale.ROOT), i);
      installation.run(name).client("client-" + i % CLIENTS).seconds(4).apply();
      names.add(name);
    }
    for (int kill = 0; kill < KILLS; kill++) {
      await("a run has a live attempt")
          .atMost(Installation.TIMEOUT)
          .pollInterval(Duration.ofMillis(100))
          .until(() -> names.stream().anyMatch(this::isLive));
      component.kill(names);
    }

    for (String name : names) {
      installation.awaitPhase(name, "Succeeded");
      assertThat(installation.status(name, "attemptSummary")).as(name).isEqualTo("1/3");
      assertThat(LifecycleIT.spans(installation, name)).as("containers of " + name).hasSize(1);
    }
    for (int client = 0; client < CLIENTS; client++) {
      assertNoOverlap(client, names);
    }
  }

  private boolean isLive(String name) {
    return installation.pods(name).stream()
        .anyMatch(
            p ->
                p.getStatus() != null
                    && List.of("Pending", "Running").contains(p.getStatus().getPhase()));
  }

  /**
   * Kubernetes reports whole seconds, so a run may start in the second in which the previous one
   * ended.
   */
  private static void assertNoOverlap(int client, List<String> names) {
    List<Span> spans =
        IntStream.range(0, names.size())
            .filter(i -> i % CLIENTS == client)
            .boxed()
            .flatMap(i -> LifecycleIT.spans(installation, names.get(i)))
            .sorted(Comparator.comparing(Span::start))
            .toList();
    assertThat(spans).hasSize(RUNS_PER_CLIENT);
    for (int i = 1; i < spans.size(); i++) {
      assertThat(spans.get(i).start()).isAfterOrEqualTo(spans.get(i - 1).end());
    }
  }
}
