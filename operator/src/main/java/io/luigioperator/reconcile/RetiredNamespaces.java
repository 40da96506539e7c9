/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cancels the held runs of namespaces that a person has declared to be permanently gone. Otherwise
 * they would stay held, because the absence of a namespace alone proves nothing: it may be restored
 * or applied again. A namespace that exists in this cluster is left alone whatever was declared,
 * and so is a run that was accepted after the declaration. Not thread-safe.
 */
final class RetiredNamespaces {

  private static final Logger LOG = LoggerFactory.getLogger(RetiredNamespaces.class);

  /** Why a run without a live attempt can be held. A READY one is held by the next admission. */
  private static final List<String> HELD =
      List.of(
          Reasons.NAMESPACE_MISSING,
          Reasons.MASS_DELETION,
          Reasons.DELETION_UNCONFIRMED,
          Reasons.INTERNAL_ERROR,
          Reasons.SCHEDULE_LIMIT,
          Reasons.HELD);

  /** How far the clock of the person may be ahead. A declaration must not cover later runs. */
  private static final Duration LATEST = Duration.ofMinutes(5);

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final Supplier<Map<String, Instant>> declared;
  private final Consumer<RunKey> wake;
  private final HeldRuns heldRuns;

  /**
   * @param declared reads the namespaces and the times of their declarations; live
   */
  RetiredNamespaces(
      Ledger ledger,
      Kube kube,
      String cluster,
      Supplier<Map<String, Instant>> declared,
      Consumer<RunKey> wake) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.declared = declared;
    this.wake = wake;
    this.heldRuns = new HeldRuns(ledger.queries());
  }

  /** Looks at a page of the held runs. */
  void cancelHeld() {
    Map<String, Instant> gone = new HashMap<>(declared.get());
    if (gone.isEmpty()) {
      return;
    }
    Instant latest = ledger.queries().now().plus(LATEST);
    gone.entrySet().removeIf(e -> e.getValue().isAfter(latest) || !isAbsent(e.getKey()));
    // read after the namespaces: their absence must be one of this cluster
    if (gone.isEmpty() || !kube.identity().equals(ClusterIdentity.uidOf(cluster))) {
      return;
    }
    for (String reason : HELD) {
      for (Run run : heldRuns.next(reason)) {
        Instant time = gone.get(run.key().namespace());
        if (time != null && run.times().acceptedAt().isBefore(time)) {
          cancel(run.key());
        }
      }
    }
  }

  /** False if it is unknown, because the namespace must not be read. */
  private boolean isAbsent(String namespace) {
    try {
      return kube.namespace(namespace) == NamespaceState.ABSENT;
    } catch (KubeRefused e) {
      LOG.atWarn()
          .addKeyValue("namespace", namespace)
          .addKeyValue("error", e.getMessage())
          .log("it is unknown whether a retired namespace exists; its runs stay held");
      return false;
    }
  }

  private void cancel(RunKey run) {
    String message = "a person retired its namespace, %s".formatted(run.namespace());
    ledger
        .runs()
        .cancel(run, Reasons.NAMESPACE_RETIRED, message)
        .ifPresent(
            r -> {
              LOG.atWarn().addKeyValue("run", run).log("canceled: a person retired its namespace");
              wake.accept(run);
            });
  }
}
