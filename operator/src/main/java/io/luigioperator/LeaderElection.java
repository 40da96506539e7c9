/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.RequestConfigBuilder;
import io.luigioperator.reconcile.Signal;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Elects the replica that works, by a Lease. It avoids that work is done twice, but protects
 * nothing: two leaders at the same time are safe.
 *
 * <p>A Lease is free if it has not changed for its duration, measured by the clock of this machine,
 * so that clocks need not agree. The elector of the client library compares the clocks of two
 * machines, never releases a Lease, and sends two requests for each renewal.
 */
final class LeaderElection {
  private static final Logger LOG = LoggerFactory.getLogger(LeaderElection.class);

  /**
   * @param lease a Lease that is unchanged for this long is free
   * @param renew how often the leader renews the Lease
   * @param giveUp a leader that could not renew for this long stops; less than {@code lease} by the
   *     timeout of a request
   * @param poll how often the other replicas read the Lease, and a leader retries a failed renewal
   * @param notReady without a response for this long, this replica is not ready
   */
  record Timing(Duration lease, Duration renew, Duration giveUp, Duration poll, Duration notReady) {
    /** Another replica leads within one second after a stop, and within eight after a kill. */
    static final Timing NORMAL =
        new Timing(
            Duration.ofSeconds(7),
            Duration.ofSeconds(2),
            Duration.ofMillis(4_500),
            Duration.ofMillis(750),
            Duration.ofSeconds(30));
  }

  private static final int REQUEST_TIMEOUT_MILLIS = 2_000;
  private static final Duration LOG_INTERVAL = Duration.ofMinutes(1);

  private final KubernetesClient client;
  private final String namespace;
  private final String name;
  private final String identity;
  private final Timing timing;
  private final Clock clock;
  private final Runnable onLead;
  private final Runnable onLose;
  private final Signal stop = new Signal();
  private final Thread thread =
      Thread.ofPlatform().name("leader-election").daemon().unstarted(this::loop);

  /** Consecutive requests for the Lease without a response, or with a refusal. */
  private record Outage(long since, long loggedAt, String error) {}

  private volatile Optional<Outage> outage = Optional.empty();
  private volatile boolean stopping;
  private Optional<Lease> held = Optional.empty();
  private long renewedAt;
  private String observed = "";
  private long observedAt;

  /**
   * @param clock for the times in the Lease, which only people read
   * @param onLead starts the work; must not block
   * @param onLose stops the work; must not block
   */
  LeaderElection(
      KubernetesClient client,
      String namespace,
      String name,
      String identity,
      Timing timing,
      Clock clock,
      Runnable onLead,
      Runnable onLose) {
    this.client =
        client
            .newClient(
                new RequestConfigBuilder(client.getConfiguration().getRequestConfig())
                    .withRequestTimeout(REQUEST_TIMEOUT_MILLIS)
                    .withRequestRetryBackoffLimit(0)
                    .build())
            .adapt(KubernetesClient.class);
    this.namespace = namespace;
    this.name = name;
    this.identity = identity;
    this.timing = timing;
    this.clock = clock;
    this.onLead = onLead;
    this.onLose = onLose;
  }

  void start() {
    thread.start();
  }

  /** Releases the Lease, if it is held, so that another replica need not wait until it expires. */
  void release() throws InterruptedException {
    stopping = true;
    stop.raise();
    thread.join(Duration.ofMillis(2L * REQUEST_TIMEOUT_MILLIS));
  }

  /** Why this replica cannot lead at the moment; empty while the API server responds. */
  Optional<String> unavailability() {
    return outage
        .filter(u -> since(u.since()).compareTo(timing.notReady()) > 0)
        .map(
            u ->
                "the API server has not answered requests for the Lease for %d s: %s"
                    .formatted(since(u.since()).toSeconds(), u.error()));
  }

  /** Why this replica can never lead again; empty while it can. */
  Optional<String> failure() {
    return thread.isAlive() ? Optional.empty() : Optional.of("the thread has ended");
  }

  private void loop() {
    try {
      while (!stopping) {
        stop.await(step());
      }
      held.ifPresent(this::releaseLease);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (Throwable e) { // without this thread the process could never lead again
      LOG.atError().setCause(e).log("leader election failed");
      onLose.run();
      throw e;
    }
  }

  private Duration step() {
    stopLeadingWhenLate(); // before a request, which may take long
    try {
      if (held.isPresent()) {
        renew(held.get());
      } else {
        tryToLead();
      }
      outage.ifPresent(
          u ->
              LOG.atInfo()
                  .addKeyValue("identity", identity)
                  .log("the API server answers requests for the Lease again"));
      outage = Optional.empty();
    } catch (KubernetesClientException e) {
      failed(e);
      stopLeadingWhenLate();
      return timing.poll();
    }
    return held.isPresent() ? timing.renew() : timing.poll();
  }

  private void stopLeadingWhenLate() {
    if (held.isPresent() && since(renewedAt).compareTo(timing.giveUp()) > 0) {
      lose("the Lease could not be renewed in time");
    }
  }

  /**
   * Logs the first failure and then one per interval, because a missing permission is permanent.
   */
  private void failed(KubernetesClientException e) {
    long now = System.nanoTime();
    String error = String.valueOf(e.getMessage());
    if (outage.filter(u -> now - u.loggedAt() < LOG_INTERVAL.toNanos()).isPresent()) {
      outage = outage.map(u -> new Outage(u.since(), u.loggedAt(), error));
      return;
    }
    LOG.atWarn()
        .addKeyValue("identity", identity)
        .addKeyValue("error", error)
        .log("request for the Lease failed; no replica leads without it");
    outage = Optional.of(new Outage(outage.map(Outage::since).orElse(now), now, error));
  }

  private void renew(Lease mine) {
    try {
      hold(replace(mine, identity, mine.getSpec().getAcquireTime(), 0));
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT
          && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
        throw e;
      }
      // written by someone else: another replica, or a person
      Optional<Lease> now = read().filter(l -> holder(l).equals(identity));
      now.ifPresentOrElse(
          l -> held = Optional.of(l), () -> lose("another replica holds the Lease"));
    }
  }

  private void tryToLead() {
    Optional<Lease> found = read();
    try {
      if (found.isEmpty()) {
        hold(create());
      } else if (isFree(found.get())) {
        hold(replace(found.get(), identity, now(), 1));
      } else {
        return;
      }
    } catch (KubernetesClientException e) {
      if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
        return; // another replica was faster
      }
      throw e;
    }
    LOG.atInfo().addKeyValue("identity", identity).log("leading");
    onLead.run();
  }

  /** Not held, held by a former process of this pod, or not renewed for its duration. */
  private boolean isFree(Lease lease) {
    if (holder(lease).isEmpty() || holder(lease).equals(identity)) {
      return true;
    }
    String version = lease.getMetadata().getResourceVersion();
    if (!version.equals(observed)) {
      observed = version;
      observedAt = System.nanoTime();
    }
    Duration duration =
        Optional.ofNullable(lease.getSpec().getLeaseDurationSeconds())
            .map(Duration::ofSeconds)
            .orElse(timing.lease());
    return since(observedAt).compareTo(duration) >= 0;
  }

  private void lose(String cause) {
    held = Optional.empty();
    LOG.atWarn()
        .addKeyValue("identity", identity)
        .addKeyValue("error", cause)
        .log("no longer leading");
    onLose.run();
  }

  private void releaseLease(Lease mine) {
    try {
      replace(mine, "", mine.getSpec().getAcquireTime(), 0);
      LOG.atInfo().addKeyValue("identity", identity).log("Lease released");
    } catch (KubernetesClientException e) {
      LOG.atWarn()
          .addKeyValue("error", e.getMessage())
          .log("Lease not released; another replica takes it when it has expired");
    }
  }

  private void hold(Lease lease) {
    held = Optional.of(lease);
    renewedAt = System.nanoTime();
  }

  private Optional<Lease> read() {
    return Optional.ofNullable(client.leases().inNamespace(namespace).withName(name).get());
  }

  private Lease create() {
    Lease lease =
        new LeaseBuilder()
            .withNewMetadata()
            .withNamespace(namespace)
            .withName(name)
            .endMetadata()
            .withNewSpec()
            .withHolderIdentity(identity)
            .withLeaseDurationSeconds((int) timing.lease().toSeconds())
            .withAcquireTime(now())
            .withRenewTime(now())
            .withLeaseTransitions(0)
            .endSpec()
            .build();
    return client.leases().resource(lease).create();
  }

  /** Fails with a conflict if it has changed since it was read. */
  private Lease replace(Lease read, String holder, ZonedDateTime acquired, int transitions) {
    int before = Optional.ofNullable(read.getSpec().getLeaseTransitions()).orElse(0);
    Lease next =
        new LeaseBuilder(read)
            .editSpec()
            .withHolderIdentity(holder)
            .withLeaseDurationSeconds((int) timing.lease().toSeconds())
            .withAcquireTime(acquired)
            .withRenewTime(now())
            .withLeaseTransitions(before + transitions)
            .endSpec()
            .build();
    return client
        .leases()
        .resource(next)
        .lockResourceVersion(read.getMetadata().getResourceVersion())
        .update();
  }

  private static String holder(Lease lease) {
    return Optional.ofNullable(lease.getSpec().getHolderIdentity()).orElse("");
  }

  private ZonedDateTime now() {
    return ZonedDateTime.now(clock);
  }

  private static Duration since(long nanoTime) {
    return Duration.ofNanos(System.nanoTime() - nanoTime);
  }
}
