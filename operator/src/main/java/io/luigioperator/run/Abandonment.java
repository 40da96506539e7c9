/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * Why a claimed attempt is given up before any pod of it was bound; needs no evidence, because an
 * unbound pod cannot run.
 */
public record Abandonment(String reason, String message, Blame blame) {

  /** Whether the infrastructure budget pays for it. */
  public enum Blame {
    /** The API server answered and refused: infra + 1. */
    REFUSED,
    /** Nobody's answer, or a cancel: nothing is counted. */
    NOBODY
  }

  /** The name of its Job belongs to somebody else's. */
  public static Abandonment nameTaken(String job) {
    return new Abandonment(
        Reasons.NAME_TAKEN,
        "a Job %s that is not this attempt's is in the way; delete it".formatted(job),
        Blame.REFUSED);
  }
}
