/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Why an attempt ended: the runner said so, or something around it gave way. */
public sealed interface EndCause permits Verdict, FailureCause {

  /** One CamelCase word, shown as the reason of a condition. */
  String reason();

  Treatment treatment();

  /** What the retry rule does with an ending. */
  enum Treatment {
    /** The run has succeeded. */
    DONE,
    /** Another attempt after backoff, while the policy has attempts left. */
    RETRY,
    /** One more attempt for the whole run, then the end. */
    RETRY_ONCE,
    /**
     * Another attempt that the policy does not count, at most {@link EndTransitions#MAX_UNCOUNTED}.
     */
    RETRY_UNCOUNTED,
    /**
     * It got further and has more to do: as {@link #RETRY_UNCOUNTED} and within the same bound, but
     * always after the shortest backoff, because nothing failed.
     */
    CONTINUE,
    /** Not the pipeline's fault: the count is given back, within the infrastructure budget. */
    INFRASTRUCTURE,
    /** A further attempt could not end otherwise: a person must act. */
    STOP
  }
}
