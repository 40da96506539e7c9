/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

/** Labels and annotations by which objects of ours are found and read back. */
public final class Marks {
  public static final String MANAGED_BY = "app.kubernetes.io/managed-by";
  public static final String OPERATOR = "luigi-operator";
  public static final String VERSION = "app.kubernetes.io/version";

  private static final String GROUP = "luigi-operator.io/";

  /** On a Job and its pod: the name of the run. */
  public static final String RUN = GROUP + "run";

  public static final String CLIENT = GROUP + "client";
  public static final String SCHEDULE = GROUP + "schedule";
  public static final String DATE = GROUP + "date";

  // annotations: what a restored ledger needs to take a live attempt in again
  public static final String ATTEMPT = GROUP + "attempt";
  public static final String KIND = GROUP + "kind";
  public static final String ADMIT_KEY = GROUP + "admit-key";
  public static final String FENCE = GROUP + "fence";
  public static final String TOKEN = GROUP + "token";
  public static final String CLUSTER = GROUP + "cluster";

  /** Annotation of the pod with the input of the runner; a volume shows it as a file. */
  public static final String RUN_SPEC = GROUP + "run-spec";

  /** Annotation of a namespace, for people: since when PipelineRuns missing there are deleted. */
  public static final String DELETIONS_CONFIRMED = GROUP + "deletions-confirmed";

  /** The scheduling gate every pod of ours is born with. */
  public static final String GATE = GROUP + "launch";

  /** Name of the container that runs the pipeline. */
  public static final String CONTAINER = "luigi";

  private Marks() {}

  /** Whether a label or annotation key is the operator's to set. */
  static boolean isOurs(String key) {
    return key.startsWith(GROUP) || key.equals(MANAGED_BY) || key.equals(VERSION);
  }
}
