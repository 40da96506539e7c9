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
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.Ledger.Claimed;
import io.luigioperator.ledger.Ledger.Head;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.ledger.Ledger.RunRecord;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fills the free slots with the heads of free keys. One pass at a time on the leader; a second
 * leader would claim other heads or lose the race for the same ones, and no more.
 */
public final class AdmissionLoop {

  private static final Logger LOG = LoggerFactory.getLogger(AdmissionLoop.class);
  private static final int PAGE = 50;

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final Capacity capacity;
  private final Supplier<String> tokens;
  private final Consumer<RunKey> launch;

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

  /**
   * One pass.
   *
   * @return how many slots are free after it
   */
  public int pass() {
    int free =
        capacity.free(occupied(), kube.crowded(ledger.now()) ? Crowding.CROWDED : Crowding.ROOMY);
    Optional<Head> last = Optional.empty();
    while (free > 0) {
      List<Head> heads = ledger.openHeads(last, PAGE);
      for (Head head : heads) {
        if (free > 0 && isHere(head.run())) {
          free -= claim(head);
        }
      }
      if (heads.size() < PAGE) {
        break;
      }
      last = Optional.of(heads.getLast());
    }
    return free;
  }

  private int claim(Head head) {
    Optional<Claimed> claimed = ledger.claim(head.key(), head.run(), tokens.get(), clusterId);
    claimed.ifPresent(c -> launch.accept(c.run().key()));
    return claimed.isPresent() ? 1 : 0;
  }

  /** The slot is free when the pod is seen terminal; the mutex only with the commit of finish. */
  private int occupied() {
    return (int) ledger.liveAttempts(clusterId).stream().filter(a -> !isSeenEnded(a)).count();
  }

  private boolean isSeenEnded(Attempt attempt) {
    return attempt
        .binding()
        .flatMap(b -> kube.attempt(attempt, Freshness.CACHED).pod(b.podUid()))
        .filter(p -> p.ending().isPresent())
        .isPresent();
  }

  /**
   * Before a claim the PipelineRun is in this cluster: the recorded one by a live read, else one is
   * made. A run whose object is gone is only passed over; what that means, the sweep finds out.
   */
  private boolean isHere(RunKey key) {
    Optional<RunRecord> found = ledger.load(key, clusterId);
    if (found.isEmpty()) {
      return false;
    }
    RunRecord record = found.get();
    if (record.object().isPresent()) {
      String uid = record.object().get().uid();
      return kube.run(key, Freshness.LIVE)
          .filter(o -> o.uid().equals(uid) && !o.deleting())
          .isPresent();
    }
    return bringHere(key, record);
  }

  private boolean bringHere(RunKey key, RunRecord record) {
    if (kube.namespace(key.namespace()) != NamespaceState.ACTIVE || !kube.crdEstablished()) {
      ledger.hold(
          key,
          Reasons.NAMESPACE_MISSING,
          "namespace %s or the PipelineRun CRD is not in cluster %s"
              .formatted(key.namespace(), clusterId));
      return false;
    }
    return switch (kube.createRun(key, RequestJson.read(record.run().origin().request()).asked())) {
      case RunCreation.Present(RunObject o) -> {
        ledger.recordObject(key, new ObjectRecord(clusterId, o.uid(), o.generation()));
        yield !o.deleting();
      }
      case RunCreation.Refused(String words) -> {
        LOG.atError().addKeyValue("run", key).addKeyValue("words", words).log("object refused");
        ledger.hold(key, Reasons.INTERNAL_ERROR, "the API server refuses its object: " + words);
        yield false;
      }
    };
  }
}
