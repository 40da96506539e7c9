/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Why an attempt ended: a verdict of the runner, or a failure around it. */
public sealed interface EndCause permits Verdict, FailureCause {

  /** In CamelCase, as the reason of a condition. */
  String reason();

  Treatment treatment();

  /** What the retry rule does with an ending. */
  enum Treatment {
    /** The run has succeeded. */
    DONE,
    /** Another attempt after backoff, while the policy has attempts left. */
    RETRY,
    /** One retry for the whole run; the second such ending fails it. */
    RETRY_ONCE,
    /**
     * Another attempt that the policy does not count, at most {@link EndTransitions#MAX_UNCOUNTED}.
     */
    RETRY_UNCOUNTED,
    /**
     * The attempt made progress and there is more to do: as {@link #RETRY_UNCOUNTED} and within the
     * same bound, but always after the shortest backoff, because nothing failed.
     */
    CONTINUE,
    /** Not the fault of the pipeline: the attempt counts against the infrastructure budget. */
    INFRASTRUCTURE,
    /** A retry would end in the same way: a person must act. */
    STOP
  }
}
