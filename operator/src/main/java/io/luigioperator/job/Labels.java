/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.HasMetadata;
import java.util.Map;

/** Label keys and values that the operator sets on its Jobs, pods and PipelineRuns. */
public final class Labels {

  /** Prefix of every label and annotation key of this product. */
  static final String GROUP = "luigi-operator.io/";

  public static final String MANAGED_BY = "app.kubernetes.io/managed-by";

  /** Value of {@link #MANAGED_BY}. */
  public static final String OPERATOR = "luigi-operator";

  public static final String VERSION = "app.kubernetes.io/version";

  /** On a Job and its pod: the name of the run. */
  public static final String RUN = GROUP + "run";

  public static final String CLIENT = GROUP + "client";
  public static final String SCHEDULE = GROUP + "schedule";
  public static final String DATE = GROUP + "date";

  /** On a pod, set by the Job controller: the UID of its Job. */
  static final String JOB_UID = "batch.kubernetes.io/controller-uid";

  private Labels() {}

  /** Whether the object has the labels by which lists and watches select those of the operator. */
  static boolean areOn(HasMetadata object) {
    Map<String, String> labels = object.getMetadata().getLabels();
    return labels != null && OPERATOR.equals(labels.get(MANAGED_BY)) && labels.get(RUN) != null;
  }

  /** Whether only the operator may set this label or annotation key. */
  static boolean isReserved(String key) {
    return key.startsWith(GROUP) || key.equals(MANAGED_BY) || key.equals(VERSION);
  }
}
