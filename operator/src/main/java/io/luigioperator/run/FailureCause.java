/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Why an attempt ended without a valid verdict of the runner. The ledger stores the reason. */
public enum FailureCause implements EndCause {
  /** The kernel killed it for exceeding its memory limit; the pod reports OOMKilled. */
  OOM_KILLED("OOMKilled", Treatment.INFRASTRUCTURE),
  /** Evicted by the kubelet or the API: memory, disk, drain. */
  EVICTED("Evicted", Treatment.INFRASTRUCTURE),
  /** The pod carries the condition DisruptionTarget: preemption, taint, drain. */
  DISRUPTED("Disrupted", Treatment.INFRASTRUCTURE),
  /** Ended by a signal or an unknown exit code, without a final message. */
  KILLED("Killed", Treatment.INFRASTRUCTURE),
  /** Ended by a SIGTERM of its own code or of a liveness probe, which a retry would repeat. */
  TERMINATED("Terminated", Treatment.RETRY),
  /** Exit code 0 without a final message of the runner: success is not proved. */
  NO_VERDICT("NoVerdict", Treatment.INFRASTRUCTURE),
  /** The pod was deleted, and it is certain that it has ended. */
  POD_DELETED("PodDeleted", Treatment.INFRASTRUCTURE),
  /** Its node is lost, and {@link Limits#nodeLossHold} has passed. */
  NODE_LOST("NodeLost", Treatment.INFRASTRUCTURE),
  /** A person declared its cluster dead. */
  CLUSTER_RETIRED("ClusterRetired", Treatment.INFRASTRUCTURE),
  /** Its gate is open, and the scheduler found no node within startSeconds. */
  UNSCHEDULABLE("Unschedulable", Treatment.INFRASTRUCTURE),
  /** Its gate is open, and the image could not be pulled within startSeconds. */
  IMAGE_PULL("ImagePull", Treatment.INFRASTRUCTURE),
  /** Its gate is open, and no container started within startSeconds for another reason. */
  START_TIMEOUT("StartTimeout", Treatment.INFRASTRUCTURE),
  /** runAsNonRoot cannot be verified, because the image names its user instead of a UID. */
  IMAGE_USER_NOT_NUMERIC("ImageUserNotNumeric", Treatment.STOP),
  /** The pod exceeded its activeDeadlineSeconds: the runner did not enforce its own deadline. */
  DEADLINE("Deadline", Treatment.RETRY);

  private final String reason;
  private final Treatment treatment;

  FailureCause(String reason, Treatment treatment) {
    this.reason = reason;
    this.treatment = treatment;
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
