/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

/** What becomes of one tick. */
public sealed interface Decision {

  Candidate candidate();

  /**
   * The run of the business date starts.
   *
   * @param catchUp whether the tick was missed, so that priority and limits of the catch-up apply
   */
  record Fired(Candidate candidate, boolean catchUp) implements Decision {}

  /** No run starts. A later tick of the date may start it. */
  record Skipped(Candidate candidate, SkipReason reason) implements Decision {}
}
