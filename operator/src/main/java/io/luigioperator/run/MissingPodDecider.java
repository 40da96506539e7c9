/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode.Health;
import java.time.Instant;
import java.util.Optional;

/**
 * The next step if the bound pod is absent, or terminal without exit statuses. Only a live read,
 * the state of its node, and time can show whether it still runs.
 */
final class MissingPodDecider {

  private final Limits limits;

  MissingPodDecider(Limits limits) {
    this.limits = limits;
  }

  Decision decide(
      RunSnapshot s,
      Attempt attempt,
      Attempt.Binding binding,
      Optional<ObservedPod> pod,
      Instant now) {
    if (!s.observed().orElseThrow().live()) {
      return Decision.doing(new Effect.ReadLive());
    }
    // a pod that was never observed on a node counts as one on a node that does not respond
    ObservedNode node = s.node().orElse(new ObservedNode(Health.NOT_READY, Instant.EPOCH));
    Optional<ObservedPod> terminal = pod.filter(p -> p.terminal() && !p.gone());
    // If the node was not Ready in between, not its kubelet but the control plane may have made the
    // pod terminal; its containers then stop only when the kubelet is connected again.
    boolean alwaysReady = node.is(Health.READY) && !node.since().isAfter(binding.boundAt());
    if (terminal.isPresent() && alwaysReady) {
      return finish(attempt, binding, withoutExitStatus(terminal.get()));
    }
    if (binding.missingSince().isEmpty()) {
      return Decision.doing(new Effect.MarkPodMissing(attempt.ref(), binding.podUid()));
    }
    Instant over = heldUntil(s, binding.missingSince().get(), node);
    if (now.isBefore(over)) {
      return Decision.waitingUntil(over);
    }
    if (terminal.isPresent() && node.is(Health.READY)) {
      return finish(attempt, binding, withoutExitStatus(terminal.get()));
    }
    String name = binding.node().orElse("unknown");
    return finish(
        attempt,
        binding,
        node.is(Health.READY)
            ? Ending.of(FailureCause.POD_DELETED, "its pod was deleted (node %s)".formatted(name))
            : Ending.of(
                FailureCause.NODE_LOST, "its pod was lost with its node, %s".formatted(name)));
  }

  private static Ending withoutExitStatus(ObservedPod terminal) {
    return terminal
        .startFailure()
        .map(f -> Ending.of(f.cause(), f.message()))
        .orElse(Ending.of(FailureCause.KILLED, "its pod ended without an exit status"));
  }

  private static Decision finish(Attempt attempt, Attempt.Binding binding, Ending ending) {
    return Decision.doing(new Effect.Finish(attempt.ref(), binding.podUid(), ending));
  }

  /** Until when the attempt keeps its key, because nothing proves that its pod has ended. */
  private Instant heldUntil(RunSnapshot s, Instant missingSince, ObservedNode node) {
    return switch (node.health()) {
      case READY -> {
        // a kubelet that was disconnected stops deleted pods only after it is back
        Instant from = Instants.later(Optional.of(node.since()), missingSince);
        int grace = s.row().orElseThrow().pipeline().timeouts().graceSeconds();
        yield from.plus(limits.deletionMargin()).plusSeconds(grace);
      }
      case OUT_OF_SERVICE -> missingSince;
      case NOT_READY, GONE -> missingSince.plus(limits.nodeLossHold());
    };
  }
}
