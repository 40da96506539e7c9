/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Leader election on a real API server, because it relies on the conflict for an outdated
 * resourceVersion, and with the permissions of the chart.
 */
class LeaderElectionIT {
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final LeaderElection.Timing QUICK =
      new LeaderElection.Timing(
          Duration.ofSeconds(2),
          Duration.ofMillis(300),
          Duration.ofMillis(1500),
          Duration.ofMillis(100),
          Duration.ofSeconds(10));

  /** Another release, whose Lease no other test uses. */
  private static final String NAMESPACE = "leader-election-system";

  private static KubernetesClient admin;
  private static String user;

  private final KubernetesClient client = OperatorClients.of(user);
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeAll
  static void grantPermissions() throws IOException, InterruptedException {
    admin = OperatorClients.admin();
    user = ChartRbac.grantIn(admin, NAMESPACE, List.of());
  }

  @AfterAll
  static void closeAdmin() {
    admin.close();
  }

  @AfterEach
  void close() throws InterruptedException {
    for (Replica replica : replicas) {
      replica.leaderElection.release();
    }
    theLease().delete();
    client.close();
  }

  private final class Replica {
    private final AtomicInteger led = new AtomicInteger();
    private final AtomicInteger lost = new AtomicInteger();
    private final LeaderElection leaderElection;

    Replica(String identity) {
      leaderElection =
          new LeaderElection(
              client,
              NAMESPACE,
              ChartRbac.LEASE,
              identity,
              QUICK,
              Clock.systemUTC(),
              led::incrementAndGet,
              lost::incrementAndGet);
      leaderElection.start();
      replicas.add(this);
    }

    boolean leads() {
      return led.get() > lost.get();
    }
  }

  private static Resource<Lease> theLease() {
    return admin.leases().inNamespace(NAMESPACE).withName(ChartRbac.LEASE);
  }

  private static Lease lease() {
    return theLease().get();
  }

  /** Overwrites the holder. */
  private static void hold(String identity) {
    Lease lease = lease();
    lease.getMetadata().setResourceVersion(null);
    lease.getSpec().setHolderIdentity(identity);
    admin.resource(lease).update();
  }

  @Test
  void oneReplicaLeadsUntilItStops() throws InterruptedException {
    Replica first = new Replica("first");
    await().atMost(TIMEOUT).until(first::leads);
    Replica second = new Replica("second");
    String renewed = lease().getMetadata().getResourceVersion();
    await()
        .atMost(TIMEOUT)
        .until(() -> !lease().getMetadata().getResourceVersion().equals(renewed));
    assertThat(second.leads()).isFalse();
    assertThat(lease().getSpec().getHolderIdentity()).isEqualTo("first");

    long stopped = System.nanoTime();
    first.leaderElection.release();
    await().atMost(TIMEOUT).pollInterval(Duration.ofMillis(10)).until(second::leads);
    // does not wait until the Lease expires
    assertThat(Duration.ofNanos(System.nanoTime() - stopped)).isLessThan(QUICK.lease());
    assertThat(lease().getSpec().getHolderIdentity()).isEqualTo("second");
    assertThat(lease().getSpec().getLeaseTransitions()).isEqualTo(1);
    second.leaderElection.release();
    assertThat(lease().getSpec().getHolderIdentity()).isEmpty();
  }

  @Test
  void anExpiredLeaseIsTaken() throws InterruptedException {
    Replica dead = new Replica("dead");
    await().atMost(TIMEOUT).until(dead::leads);
    dead.leaderElection.release();
    hold("dead");

    Replica next = new Replica("next");
    await().atMost(TIMEOUT).until(next::leads);
  }

  @Test
  void aNewProcessOfTheSamePodTakesItsLeaseImmediately() {
    Replica before = new Replica("pod");
    await().atMost(TIMEOUT).until(before::leads);
    Replica after = new Replica("pod");
    await().atMost(Duration.ofSeconds(1)).until(after::leads);
  }

  @Test
  void aLeaderStopsWhenAnotherHoldsTheLease() {
    Replica first = new Replica("first");
    await().atMost(TIMEOUT).until(first::leads);
    hold("person");
    await().atMost(TIMEOUT).until(() -> first.lost.get() == 1);

    hold("");
    await().atMost(TIMEOUT).until(first::leads);
  }

  @Test
  void aDeletedLeaseIsCreatedAgain() {
    Replica first = new Replica("first");
    await().atMost(TIMEOUT).until(first::leads);
    theLease().delete();
    await().atMost(TIMEOUT).until(() -> first.led.get() == 2);
    assertThat(lease().getSpec().getHolderIdentity()).isEqualTo("first");
  }
}
