/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * The final result that the runner reports for an attempt. Exit codes and reasons are those of the
 * Luigi image; the termination message distinguishes verdicts that share them.
 */
public enum Verdict implements EndCause {
  SUCCEEDED(0, "Succeeded", Treatment.DONE),
  MISSING_DATA(20, "MissingData", Treatment.RETRY),
  TASK_FAILED(30, "TaskFailed", Treatment.RETRY),
  TASK_FAILED_PERMANENT(31, "TaskFailedPermanent", Treatment.STOP),
  SCHEDULING_ERROR(35, "SchedulingError", Treatment.RETRY),
  SCHEDULING_CODE_ERROR(36, "SchedulingError", Treatment.STOP),
  INTERNAL_ERROR(40, "InternalError", Treatment.RETRY_ONCE),
  UNVERIFIED(45, "Unverified", Treatment.STOP),
  /** A Range task ran as many tasks as its task_limit allows, and there are more. */
  RANGE_CUT(45, "Unverified", Treatment.CONTINUE),
  INVALID_SPEC(50, "InvalidSpec", Treatment.STOP),
  DRAINED(60, "Drained", Treatment.RETRY_UNCOUNTED),
  DEADLINE(61, "Deadline", Treatment.RETRY);

  private final int exitCode;
  private final String reason;
  private final Treatment treatment;

  Verdict(int exitCode, String reason, Treatment treatment) {
    this.exitCode = exitCode;
    this.reason = reason;
    this.treatment = treatment;
  }

  public int exitCode() {
    return exitCode;
  }

  @Override
  public String reason() {
    return reason;
  }

  @Override
  public Treatment treatment() {
    return treatment;
  }
}
