/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * Why a claimed attempt is given up before any pod of it was bound; needs no evidence, because an
 * unbound pod cannot run.
 */
public record Abandonment(String reason, String message, BudgetCharge charge) {

  /** Which retry budget an abandoned attempt is counted against. */
  public enum BudgetCharge {
    /** The API server answered and refused: {@code infra} is increased by one. */
    INFRASTRUCTURE,
    /** The API server did not answer, or the run was canceled: nothing is counted. */
    NONE
  }

  /** The name of its Job belongs to somebody else's. */
  public static Abandonment nameTaken(String job) {
    return new Abandonment(
        Reasons.NAME_TAKEN,
        "a Job %s that is not this attempt's is in the way; delete it".formatted(job),
        BudgetCharge.INFRASTRUCTURE);
  }
}
