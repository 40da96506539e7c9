/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import io.luigioperator.admission.Capacity.Crowding;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.Head;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fills the free slots with the heads of free keys. One pass at a time on the leader; a second
 * leader would claim other heads or lose the race for the same ones, and no more.
 *
 * <p>What goes wrong with one head is that head's affair: it is held or passed over, and the others
 * have their turn.
 */
public final class AdmissionLoop {

  private static final Logger LOG = LoggerFactory.getLogger(AdmissionLoop.class);
  private static final int PAGE = 50;

  /** One lost answer is one head's bad luck; two in a row, and a store is away. */
  private static final int SILENCES = 2;

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final Capacity capacity;
  private final Supplier<String> tokens;
  private final Consumer<RunKey> launch;
  private volatile Set<AdmitKey> barred = Set.of();

  /**
   * @param tokens each claim's own, never one twice
   * @param launch told of each claimed run; drives it soon, on another thread
   */
  public AdmissionLoop(
      Ledger ledger,
      Kube kube,
      String clusterId,
      Capacity capacity,
      Supplier<String> tokens,
      Consumer<RunKey> launch) {
    this.ledger = ledger;
    this.kube = kube;
    this.clusterId = clusterId;
    this.capacity = capacity;
    this.tokens = tokens;
    this.launch = launch;
  }

  /** From now on claims none of these keys, and all others. */
  public void bar(Set<AdmitKey> keys) {
    barred = Set.copyOf(keys);
  }

  /**
   * One pass.
   *
   * @return how many slots are free after it
   * @throws LedgerUnavailable if the ledger is away
   * @throws KubeUnavailable if the API server is
   */
  public int pass() {
    int free =
        capacity.free(
            occupied(), kube.crowded(ledger.queries().now()) ? Crowding.CROWDED : Crowding.ROOMY);
    int silences = 0;
    Optional<Head> last = Optional.empty();
    while (free > 0) {
      List<Head> heads = ledger.queries().openHeads(clusterId, last, PAGE);
      for (Head head : heads) {
        if (free == 0) {
          break;
        }
        try {
          free -= admit(head);
          silences = 0;
        } catch (LedgerUnavailable e) {
          free--; // it may be a claim's, committed all the same
          silences = passedOver(head, e, silences);
        } catch (KubeUnavailable e) {
          silences = passedOver(head, e, silences);
        }
      }
      if (heads.size() < PAGE) {
        break;
      }
      last = Optional.of(heads.getLast());
    }
    return free;
  }

  private static int passedOver(Head head, RuntimeException silence, int before) {
    if (before + 1 == SILENCES) {
      throw silence;
    }
    LOG.atWarn()
        .addKeyValue("run", head.run())
        .addKeyValue("error", silence.getMessage())
        .log("passed over: a store did not answer");
    return before + 1;
  }

  /** How many slots it took. */
  private int admit(Head head) {
    try {
      return !barred.contains(head.key()) && isHere(head.run()) ? claim(head) : 0;
    } catch (LedgerUnavailable | KubeUnavailable e) {
      throw e;
    } catch (KubeForbidden e) {
      hold(
          head.run(),
          Reasons.NAMESPACE_MISSING,
          "cluster %s may not read it: %s".formatted(clusterId, e.getMessage()));
      return 0;
    } catch (RuntimeException e) {
      LOG.atError().addKeyValue("run", head.run()).setCause(e).log("run cannot be admitted");
      hold(head.run(), Reasons.INTERNAL_ERROR, "it cannot be admitted: " + e);
      return 0;
    }
  }

  /** A head that cannot even be held stays, and is passed over in each pass. */
  private void hold(RunKey run, String reason, String words) {
    try {
      ledger.runs().hold(run, reason, words);
    } catch (LedgerUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.atError().addKeyValue("run", run).setCause(e).log("run cannot be held");
    }
  }

  private int claim(Head head) {
    Optional<Claimed> claimed =
        ledger.attempts().claim(head.key(), head.run(), tokens.get(), clusterId);
    claimed.ifPresent(c -> launch.accept(c.run().key()));
    return claimed.isPresent() ? 1 : 0;
  }

  /** The slot is free when the pod is seen terminal; the mutex only with the commit of finish. */
  private int occupied() {
    return (int)
        ledger.queries().liveAttempts(clusterId).stream().filter(a -> !isSeenEnded(a)).count();
  }

  private boolean isSeenEnded(Attempt attempt) {
    return attempt
        .binding()
        .flatMap(b -> kube.attempt(attempt, Freshness.CACHED).pod(b.podUid()))
        .filter(p -> p.ending().isPresent() || p.terminal() || p.gone())
        .isPresent();
  }

  /**
   * Before a claim the PipelineRun is in this cluster: the recorded one by a live read, else one is
   * made. A run whose object is gone is only passed over; what that means, the sweep finds out.
   */
  private boolean isHere(RunKey key) {
    Optional<RunRecord> found = ledger.queries().load(key, clusterId).run(key);
    if (found.isEmpty()) {
      return false;
    }
    Run run = found.get().run();
    Optional<ObjectRecord> recorded = found.get().object();
    if (recorded.isEmpty()) {
      return !holdIfNotServed(key) && bringHere(key, run);
    }
    boolean here =
        kube.run(key, Freshness.LIVE)
            .filter(o -> o.uid().equals(recorded.get().uid()) && !o.deleting())
            .isPresent();
    if (!here) { // asked only now: every claim waits for the first look
      holdIfNotServed(key);
    }
    return here;
  }

  /** Holds a run until its namespace is there; true if it is not. */
  private boolean holdIfNotServed(RunKey key) {
    if (kube.namespace(key.namespace()) == NamespaceState.ACTIVE && kube.crdEstablished()) {
      return false;
    }
    hold(
        key,
        Reasons.NAMESPACE_MISSING,
        "namespace %s or the PipelineRun CRD is not in cluster %s"
            .formatted(key.namespace(), clusterId));
    return true;
  }

  private boolean bringHere(RunKey key, Run run) {
    return switch (kube.createRun(key, RequestJson.read(run.origin().request()).asked())) {
      case RunCreation.Present(RunObject o) -> {
        if (!RequestJson.hash(o.spec()).equals(run.origin().requestSha())) {
          hold(
              key,
              Reasons.INTERNAL_ERROR,
              ("a PipelineRun %s that asks for something else is in cluster %s; delete it, then set"
                      + " desiredState of this one to Held and back to Running")
                  .formatted(key, clusterId));
          yield false;
        }
        ledger.runs().recordObject(key, ObjectRecord.of(clusterId, o));
        yield !o.deleting();
      }
      case RunCreation.Refused(String words) -> {
        LOG.atError().addKeyValue("run", key).addKeyValue("words", words).log("object refused");
        hold(key, Reasons.INTERNAL_ERROR, "the API server refuses its object: " + words);
        yield false;
      }
      case RunCreation.NotNow(String words) -> {
        LOG.atWarn()
            .addKeyValue("run", key)
            .addKeyValue("words", words)
            .log("object refused for now; passed over");
        yield false;
      }
    };
  }
}
