/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

/** Annotation keys that the operator sets on Jobs and pods, or reads from namespaces. */
public final class Annotations {

  // On a Job and its pod: the claim. It would be needed to insert a live attempt again after the
  // ledger was restored from a backup, which is not implemented.
  public static final String ATTEMPT = Labels.GROUP + "attempt";
  public static final String KIND = Labels.GROUP + "kind";
  public static final String ADMIT_KEY = Labels.GROUP + "admit-key";
  public static final String FENCE = Labels.GROUP + "fence";
  public static final String TOKEN = Labels.GROUP + "token";
  public static final String CLUSTER = Labels.GROUP + "cluster";

  /** On a pod: when the operator removed its gate, by the clock of the operator's host. */
  public static final String GATE_OPENED = Labels.GROUP + "gate-opened";

  /** On a pod: the input of the runner as JSON. A downward API volume shows it as a file. */
  public static final String RUN_SPEC = Labels.GROUP + "run-spec";

  /**
   * On a namespace, set by a person: the time at which missing PipelineRuns were confirmed to be
   * deleted on purpose.
   */
  public static final String DELETIONS_CONFIRMED = Labels.GROUP + "deletions-confirmed";

  /**
   * On the namespace of the operator, set by a person: the UIDs of the kube-system namespaces of
   * clusters that are dead, separated by commas.
   */
  public static final String RETIRED_CLUSTERS = Labels.GROUP + "retired-clusters";

  /**
   * On the namespace of the operator, set by a person: namespaces that no longer exist in any
   * cluster, as NAMESPACE@TIME separated by commas. Runs accepted before that time are canceled.
   */
  public static final String RETIRED_NAMESPACES = Labels.GROUP + "retired-namespaces";

  private Annotations() {}
}
