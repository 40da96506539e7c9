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

/** Leader election while the API server refuses requests. */
@EnableKubernetesMockClient(https = false)
class LeaderElectionTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final String LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

  /** It logs every request. A strong reference, so that its level is not garbage-collected. */
  private static final Logger SERVER_LOG = Logger.getLogger("io.fabric8.mockwebserver");

  static {
    SERVER_LOG.setLevel(Level.WARNING);
  }

  // set by the extension for each test
  KubernetesMockServer server;
  KubernetesClient client;

  private final AtomicInteger led = new AtomicInteger();
  private final AtomicInteger lost = new AtomicInteger();
  private final AtomicInteger requestsWhenLost = new AtomicInteger();
  private LeaderElection leaderElection;

  private void start(LeaderElection.Timing timing) {
    leaderElection =
        new LeaderElection(
            client,
            "default",
            "lease",
            "pod",
            timing,
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

  private static LeaderElection.Timing timing(Duration renew, Duration giveUp, Duration notReady) {
    return new LeaderElection.Timing(
        Duration.ofSeconds(60), renew, giveUp, Duration.ofMillis(20), notReady);
  }

  private void refuse(String method, String path) {
    var response =
        new StatusBuilder()
            .withStatus("Failure")
            .withCode(403)
            .withMessage("no permission")
            .build();
    (method.equals("GET") ? server.expect().get() : server.expect().put())
        .withPath(path)
        .andReturn(403, response)
        .always();
  }

  @Test
  void aMissingPermissionIsReported() {
    refuse("GET", LEASES + "/lease");
    start(timing(Duration.ofMillis(20), Duration.ofSeconds(5), Duration.ofMillis(200)));

    await()
        .atMost(TIMEOUT)
        .untilAsserted(
            () ->
                assertThat(leaderElection.unavailability())
                    .hasValueSatisfying(message -> assertThat(message).contains("no permission")));
    assertThat(leaderElection.failure()).as("it keeps trying").isEmpty();
    assertThat(led).hasValue(0);
  }

  @Test
  void aLeaderRetriesAFailedRenewalAndStopsInTime() {
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
    start(timing(Duration.ofMillis(400), Duration.ofMillis(2_000), TIMEOUT));

    await().atMost(TIMEOUT).until(() -> lost.get() == 1);
    assertThat(led).hasValue(1);
    assertThat(requestsWhenLost.get())
        .as("two to become leader, and more retries than the five renewals in this time")
        .isGreaterThan(10);
  }
}
