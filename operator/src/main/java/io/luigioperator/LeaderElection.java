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
 * Which of the replicas works, by a Lease. It saves doing everything twice and guards nothing: two
 * leaders at once are harmless.
 *
 * <p>A Lease counts as abandoned when it has not changed for its duration by this machine's own
 * clock, so that clocks need not agree. The library's elector compares the times of two machines,
 * never gives a Lease back, and asks twice for each renewal.
 */
final class LeaderElection {
  private static final Logger LOG = LoggerFactory.getLogger(LeaderElection.class);

  /**
   * @param lease a Lease unchanged for so long is free
   * @param renew how often the leader says that it is there
   * @param giveUp a leader that could not say so for so long stops; less than {@code lease} by as
   *     much as a request may take
   * @param poll how often the others look, and a leader that got no answer tries again
   * @param silence without an answer for so long, this replica is not ready
   */
  record Pace(Duration lease, Duration renew, Duration giveUp, Duration poll, Duration silence) {
    /** Handover at an ordered stop within a second, after a kill within eight. */
    static final Pace NORMAL =
        new Pace(
            Duration.ofSeconds(7),
            Duration.ofSeconds(2),
            Duration.ofMillis(4_500),
            Duration.ofMillis(750),
            Duration.ofSeconds(30));
  }

  private static final int REQUEST_TIMEOUT_MILLIS = 2_000;
  private static final Duration COMPLAINTS = Duration.ofMinutes(1);

  private final KubernetesClient client;
  private final String namespace;
  private final String name;
  private final String identity;
  private final Pace pace;
  private final Clock clock;
  private final Runnable onLead;
  private final Runnable onLose;
  private final Signal stop = new Signal();
  private final Thread thread =
      Thread.ofPlatform().name("leaderElection").daemon().unstarted(this::goRound);

  /** Questions about the Lease that got no answer, or a refusal, in a row. */
  private record Unanswered(long since, long toldAt, String words) {}

  private volatile Optional<Unanswered> unanswered = Optional.empty();
  private volatile boolean stopping;
  private Optional<Lease> held = Optional.empty();
  private long renewedAt;
  private String observed = "";
  private long observedAt;

  /**
   * @param clock stamps the Lease for people; nothing is decided by it
   * @param onLead begins the work; returns soon
   * @param onLose ends it; returns soon
   */
  LeaderElection(
      KubernetesClient client,
      String namespace,
      String name,
      String identity,
      Pace pace,
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
    this.pace = pace;
    this.clock = clock;
    this.onLead = onLead;
    this.onLose = onLose;
  }

  void start() {
    thread.start();
  }

  /** Gives the Lease back, if it is held, so that another replica need not wait for its end. */
  void release() throws InterruptedException {
    stopping = true;
    stop.raise();
    thread.join(Duration.ofMillis(2L * REQUEST_TIMEOUT_MILLIS));
  }

  /** Why this replica could not lead now; empty while the election is answered. */
  Optional<String> silence() {
    return unanswered
        .filter(u -> since(u.since()).compareTo(pace.silence()) > 0)
        .map(
            u ->
                "no answer about the lease for %ds: %s"
                    .formatted(since(u.since()).toSeconds(), u.words()));
  }

  /** Why this replica can never lead again; empty while it can. */
  Optional<String> problem() {
    return thread.isAlive() ? Optional.empty() : Optional.of("its thread has ended");
  }

  private void goRound() {
    try {
      while (!stopping) {
        stop.await(round());
      }
      held.ifPresent(this::giveBack);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (Throwable e) { // without this thread nobody here would ever lead again
      LOG.atError().setCause(e).log("the election has failed in itself");
      onLose.run();
      throw e;
    }
  }

  private Duration round() {
    stopLeadingWhenLate(); // before a request that may take long
    try {
      if (held.isPresent()) {
        renew(held.get());
      } else {
        tryToLead();
      }
      unanswered.ifPresent(
          u ->
              LOG.atInfo().addKeyValue("identity", identity).log("the election is answered again"));
      unanswered = Optional.empty();
    } catch (KubernetesClientException e) {
      complain(e);
      stopLeadingWhenLate();
      return pace.poll();
    }
    return held.isPresent() ? pace.renew() : pace.poll();
  }

  private void stopLeadingWhenLate() {
    if (held.isPresent() && since(renewedAt).compareTo(pace.giveUp()) > 0) {
      lose("the lease could not be renewed");
    }
  }

  /** At once, and then seldom: without the right to the Lease it would go on for ever. */
  private void complain(KubernetesClientException e) {
    long now = System.nanoTime();
    String words = String.valueOf(e.getMessage());
    if (unanswered.filter(u -> now - u.toldAt() < COMPLAINTS.toNanos()).isPresent()) {
      unanswered = unanswered.map(u -> new Unanswered(u.since(), u.toldAt(), words));
      return;
    }
    LOG.atWarn()
        .addKeyValue("identity", identity)
        .addKeyValue("error", words)
        .log("no answer about the lease: without one nobody leads");
    unanswered =
        Optional.of(new Unanswered(unanswered.map(Unanswered::since).orElse(now), now, words));
  }

  private void renew(Lease mine) {
    try {
      hold(replace(mine, identity, mine.getSpec().getAcquireTime(), 0));
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT
          && e.getCode() != HttpURLConnection.HTTP_NOT_FOUND) {
        throw e;
      }
      // somebody else wrote it: another replica, or a person who touched it
      Optional<Lease> now = read().filter(l -> holder(l).equals(identity));
      now.ifPresentOrElse(l -> held = Optional.of(l), () -> lose("another replica has the lease"));
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
        return; // another was faster
      }
      throw e;
    }
    LOG.atInfo().addKeyValue("identity", identity).log("leading");
    onLead.run();
  }

  /** Held by nobody, by a former process of this very pod, or not renewed for its duration. */
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
            .orElse(pace.lease());
    return since(observedAt).compareTo(duration) >= 0;
  }

  private void lose(String why) {
    held = Optional.empty();
    LOG.atWarn().addKeyValue("identity", identity).addKeyValue("why", why).log("no longer leading");
    onLose.run();
  }

  private void giveBack(Lease mine) {
    try {
      replace(mine, "", mine.getSpec().getAcquireTime(), 0);
      LOG.atInfo().addKeyValue("identity", identity).log("lease given back");
    } catch (KubernetesClientException e) {
      LOG.atWarn()
          .addKeyValue("error", e.getMessage())
          .log("lease not given back; another replica takes it when it has run out");
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
            .withLeaseDurationSeconds((int) pace.lease().toSeconds())
            .withAcquireTime(now())
            .withRenewTime(now())
            .withLeaseTransitions(0)
            .endSpec()
            .build();
    return client.leases().resource(lease).create();
  }

  /** Fails with a conflict when it is not as it was read. */
  private Lease replace(Lease read, String holder, ZonedDateTime acquired, int transitions) {
    int before = Optional.ofNullable(read.getSpec().getLeaseTransitions()).orElse(0);
    Lease next =
        new LeaseBuilder(read)
            .editSpec()
            .withHolderIdentity(holder)
            .withLeaseDurationSeconds((int) pace.lease().toSeconds())
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
