/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * What an attempt does. Only RUN executes the pipeline, so only RUN needs the mutex of the client
 * and counts against {@code maxAttempts}.
 */
public enum AttemptKind {
  RUN,
  /** Computes which tasks would run, without side effects. */
  PLAN,
  /** Checks whether external data is there. */
  CHECK;

  /** The key that an attempt of this kind holds. */
  AdmitKey admitKey(RunKey run, AdmitKey mutexKey) {
    return this == RUN ? mutexKey : AdmitKey.ofRun(run);
  }
}
