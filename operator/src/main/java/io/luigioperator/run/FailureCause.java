/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Why an attempt ended without a word of the runner that counts. */
public enum FailureCause implements EndCause {
  /** Killed for memory by the kernel; the pod says OOMKilled. */
  OUT_OF_MEMORY("OOMKilled", Treatment.INFRASTRUCTURE),
  /** Evicted by the kubelet or the API: memory, disk, drain. */
  EVICTED("Evicted", Treatment.INFRASTRUCTURE),
  /** The pod carries the condition DisruptionTarget: preemption, taint, drain. */
  DISRUPTED("Disrupted", Treatment.INFRASTRUCTURE),
  /** Ended by a signal or an unknown code, without a final message. */
  KILLED("Killed", Treatment.INFRASTRUCTURE),
  /** Exit 0 and yet no final message that says Succeeded: nothing is proved. */
  NO_VERDICT("NoVerdict", Treatment.INFRASTRUCTURE),
  /** Somebody deleted the pod, and it is proved gone. */
  POD_DELETED("PodDeleted", Treatment.INFRASTRUCTURE),
  /** Its node is lost and the hold has passed. */
  NODE_LOST("NodeLost", Treatment.INFRASTRUCTURE),
  /** Opened, and the scheduler found no node within startSeconds. */
  UNSCHEDULABLE("Unschedulable", Treatment.INFRASTRUCTURE),
  /** Opened, and the image could not be pulled within startSeconds. */
  IMAGE_PULL("ImagePull", Treatment.INFRASTRUCTURE),
  /** Opened, and no container started within startSeconds for another reason. */
  START_TIMEOUT("StartTimeout", Treatment.INFRASTRUCTURE),
  /** The image names its user in words, and the pod must not run as root: no retry can help. */
  IMAGE_USER("ImageUserNotNumeric", Treatment.STOP),
  /** The pod's own deadline, behind the runner's: the runner hung. */
  DEADLINE_BACKSTOP("Deadline", Treatment.RETRY);

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
