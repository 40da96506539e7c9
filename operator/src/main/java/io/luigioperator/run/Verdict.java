/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.util.Arrays;
import java.util.Optional;

/** What the runner says about an attempt, once; the exit codes are those of the Luigi image. */
public enum Verdict implements EndCause {
  SUCCEEDED(0, "Succeeded", Treatment.DONE),
  MISSING_DATA(20, "MissingData", Treatment.RETRY),
  TASK_FAILED(30, "TaskFailed", Treatment.RETRY),
  TASK_FAILED_PERMANENT(31, "TaskFailedPermanent", Treatment.STOP),
  SCHEDULING_ERROR(35, "SchedulingError", Treatment.RETRY),
  SCHEDULING_CODE_ERROR(36, "SchedulingError", Treatment.STOP),
  INTERNAL_ERROR(40, "InternalError", Treatment.RETRY_ONCE),
  UNVERIFIED(45, "Unverified", Treatment.STOP),
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

  /** The verdict that goes with an exit code; empty for a code the runner never uses. */
  public static Optional<Verdict> ofExitCode(int code) {
    return Arrays.stream(values()).filter(v -> v.exitCode == code).findFirst();
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
