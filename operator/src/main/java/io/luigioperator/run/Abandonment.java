/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * Why an attempt is abandoned before it was bound. That needs no evidence about its pod, because a
 * pod that is not bound keeps its scheduling gate and cannot run.
 */
public record Abandonment(String reason, String message, BudgetCharge charge) {

  /** Which retry budget an abandoned attempt is counted against. */
  public enum BudgetCharge {
    /**
     * An infrastructure failure: the API server refused the Job or the pod, the name of the Job was
     * taken, or something else removed the scheduling gate. {@code infra} is increased by one,
     * unless it has reached its limit.
     */
    INFRASTRUCTURE,
    /** The cause is no fault of the infrastructure, or the run was canceled: nothing is counted. */
    NONE
  }

  /** Another Job has the name of this attempt's Job. */
  public static Abandonment nameTaken(ObservedAttempt.ObservedJob job) {
    String message =
        job.token().isEmpty()
            ? "Job %s exists without the annotation luigi-operator.io/token: another program created"
                + " it, or a webhook or policy removes annotations"
            : "Job %s exists and was not created for this attempt; delete that Job";
    return new Abandonment(
        Reasons.JOB_NAME_TAKEN, message.formatted(job.name()), BudgetCharge.INFRASTRUCTURE);
  }
}
