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
  /** Not used yet: to compute which tasks would run, without side effects. */
  PLAN,
  /** Not used yet: to check whether external data is there. */
  CHECK;

  /** The key that an attempt of this kind keeps from its claim to its end. */
  AdmitKey admitKey(RunKey run, AdmitKey mutexKey) {
    return this == RUN ? mutexKey : AdmitKey.ofRun(run);
  }
}
