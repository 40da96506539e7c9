/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.server.mock.EnableKubernetesMockClient;
import io.fabric8.kubernetes.client.server.mock.KubernetesMockServer;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What an election says that gets no answer, or only refusals. */
@EnableKubernetesMockClient(https = false)
class LeaderElectionTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final String LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

  /** It logs every request; kept here, or the level would be collected with the logger. */
  private static final Logger SERVER_LOG = Logger.getLogger("io.fabric8.mockwebserver");

  static {
    SERVER_LOG.setLevel(Level.WARNING);
  }

  // set by the extension, anew for each test
  KubernetesMockServer server;
  KubernetesClient client;

  private final AtomicInteger led = new AtomicInteger();
  private final AtomicInteger lost = new AtomicInteger();
  private final AtomicInteger requestsWhenLost = new AtomicInteger();
  private LeaderElection leaderElection;

  private void start(LeaderElection.Pace pace) {
    leaderElection =
        new LeaderElection(
            client,
            "default",
            "lease",
            "pod",
            pace,
            Clock.systemUTC(),
            led::incrementAndGet,
            () -> {
              requestsWhenLost.compareAndSet(0, server.getRequestCount());
              lost.incrementAndGet();
            });
    leaderElection.start();
  }

  @AfterEach
  void stop() throws InterruptedException {
    leaderElection.release();
  }

  private static LeaderElection.Pace pace(Duration renew, Duration giveUp, Duration silence) {
    return new LeaderElection.Pace(
        Duration.ofSeconds(60), renew, giveUp, Duration.ofMillis(20), silence);
  }

  private void refuse(String method, String path) {
    var answer =
        new StatusBuilder()
            .withStatus("Failure")
            .withCode(403)
            .withMessage("no such right")
            .build();
    (method.equals("GET") ? server.expect().get() : server.expect().put())
        .withPath(path)
        .andReturn(403, answer)
        .always();
  }

  @Test
  void aMissingRightIsSaid() {
    refuse("GET", LEASES + "/lease");
    start(pace(Duration.ofMillis(20), Duration.ofSeconds(5), Duration.ofMillis(200)));

    await()
        .atMost(LONG)
        .untilAsserted(
            () ->
                assertThat(leaderElection.silence())
                    .hasValueSatisfying(words -> assertThat(words).contains("no such right")));
    assertThat(leaderElection.problem()).as("it goes on trying").isEmpty();
    assertThat(led).hasValue(0);
  }

  @Test
  void aLeaderThatIsRefusedTriesAgainSoonAndStopsInTime() {
    server
        .expect()
        .get()
        .withPath(LEASES + "/lease")
        .andReturn(
            200,
            """
            {"apiVersion":"coordination.k8s.io/v1","kind":"Lease",
             "metadata":{"namespace":"default","name":"lease","resourceVersion":"1"},
             "spec":{"holderIdentity":""}}
            """)
        .always();
    server
        .expect()
        .put()
        .withPath(LEASES + "/lease")
        .andReturn(
            200,
            """
            {"apiVersion":"coordination.k8s.io/v1","kind":"Lease",
             "metadata":{"namespace":"default","name":"lease","resourceVersion":"2"},
             "spec":{"holderIdentity":"pod"}}
            """)
        .once();
    refuse("PUT", LEASES + "/lease");
    start(pace(Duration.ofMillis(400), Duration.ofMillis(2_000), LONG));

    await().atMost(LONG).until(() -> lost.get() == 1);
    assertThat(led).hasValue(1);
    assertThat(requestsWhenLost.get())
        .as("two to lead, and more than the five that fit in at the pace of renewals")
        .isGreaterThan(10);
  }
}
