/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunSnapshot.Refusal;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The runs for whose live attempt the API server did not carry out the last request, for example
 * because an admission webhook of their namespace fails. It is only kept in memory: after a restart
 * the request is sent again. Thread-safe.
 */
final class Refusals {

  private final Map<RunKey, Refusal> refusals = new ConcurrentHashMap<>();

  Optional<Refusal> of(RunKey run) {
    return Optional.ofNullable(refusals.get(run));
  }

  /** The time of the first one of its kind stays until a request was successful. */
  Refusal add(RunKey run, Refusal last) {
    return refusals.merge(
        run,
        last,
        (first, next) ->
            first.answered() == next.answered()
                ? new Refusal(first.since(), next.message(), next.answered())
                : next);
  }

  void remove(RunKey run) {
    refusals.remove(run);
  }
}
