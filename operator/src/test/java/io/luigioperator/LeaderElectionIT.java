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
 * On a real API server, because everything rests on its answer to a stale resourceVersion, and with
 * the rights the chart gives.
 */
class LeaderElectionIT {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final LeaderElection.Pace QUICK =
      new LeaderElection.Pace(
          Duration.ofSeconds(2),
          Duration.ofMillis(300),
          Duration.ofMillis(1500),
          Duration.ofMillis(100),
          Duration.ofSeconds(10));

  /** A release of its own, whose Lease no other test touches. */
  private static final String HOME = "leaderElection-system";

  private static KubernetesClient admin;
  private static String user;

  private final KubernetesClient client = OperatorClients.of(user);
  private final List<Replica> replicas = new ArrayList<>();

  @BeforeAll
  static void grantRights() throws IOException, InterruptedException {
    admin = OperatorClients.admin();
    user = ShippedRights.grantIn(admin, HOME, List.of());
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
              HOME,
              ShippedRights.LEASE,
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
    return admin.leases().inNamespace(HOME).withName(ShippedRights.LEASE);
  }

  private static Lease lease() {
    return theLease().get();
  }

  /** Writes the holder over whatever stands there. */
  private static void hold(String identity) {
    Lease lease = lease();
    lease.getMetadata().setResourceVersion(null);
    lease.getSpec().setHolderIdentity(identity);
    admin.resource(lease).update();
  }

  @Test
  void oneLeadsAndHandsOverWhenItStops() throws InterruptedException {
    Replica first = new Replica("first");
    await().atMost(LONG).until(first::leads);
    Replica second = new Replica("second");
    String renewed = lease().getMetadata().getResourceVersion();
    await().atMost(LONG).until(() -> !lease().getMetadata().getResourceVersion().equals(renewed));
    assertThat(second.leads()).isFalse();
    assertThat(lease().getSpec().getHolderIdentity()).isEqualTo("first");

    long stopped = System.nanoTime();
    first.leaderElection.release();
    await().atMost(LONG).pollInterval(Duration.ofMillis(10)).until(second::leads);
    // no waiting for the end of the lease
    assertThat(Duration.ofNanos(System.nanoTime() - stopped)).isLessThan(QUICK.lease());
    assertThat(lease().getSpec().getHolderIdentity()).isEqualTo("second");
    assertThat(lease().getSpec().getLeaseTransitions()).isEqualTo(1);
    second.leaderElection.release();
    assertThat(lease().getSpec().getHolderIdentity()).isEmpty();
  }

  @Test
  void aLeaseThatNobodyRenewsIsTakenWhenItHasRunOut() throws InterruptedException {
    Replica dead = new Replica("dead");
    await().atMost(LONG).until(dead::leads);
    dead.leaderElection.release();
    hold("dead");

    Replica next = new Replica("next");
    await().atMost(LONG).until(next::leads);
  }

  @Test
  void aNewProcessOfTheSamePodTakesItsOwnLeaseAtOnce() {
    Replica before = new Replica("pod");
    await().atMost(LONG).until(before::leads);
    Replica after = new Replica("pod");
    await().atMost(Duration.ofSeconds(1)).until(after::leads);
  }

  @Test
  void whoSeesAnotherHolderStopsAndLeadsAgainWhenItIsFree() {
    Replica first = new Replica("first");
    await().atMost(LONG).until(first::leads);
    hold("person");
    await().atMost(LONG).until(() -> first.lost.get() == 1);

    hold("");
    await().atMost(LONG).until(first::leads);
  }

  @Test
  void aLeaseThatIsDeletedIsMadeAgain() {
    Replica first = new Replica("first");
    await().atMost(LONG).until(first::leads);
    theLease().delete();
    await().atMost(LONG).until(() -> first.led.get() == 2);
    assertThat(lease().getSpec().getHolderIdentity()).isEqualTo("first");
  }
}
