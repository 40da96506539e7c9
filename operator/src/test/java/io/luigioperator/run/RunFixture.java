/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.SnapshotBuilder.POLICY;
import static io.luigioperator.run.SnapshotBuilder.T0;

import java.time.Instant;
import java.util.OptionalInt;

/** Runs at every step of their first attempt; the pod is {@code pod} of Job {@code job}. */
final class RunFixture {

  private RunFixture() {}

  static Run ready() {
    return SnapshotBuilder.ready().run();
  }

  static RunAndAttempt claimed() {
    return claimed(ready(), 1, T0);
  }

  static RunAndAttempt claimed(Run run, long fence, Instant now) {
    return AttemptTransitions.claim(run, fence, "token-" + fence, "main", now).orElseThrow();
  }

  static RunAndAttempt bound() {
    return bound(claimed(), T0);
  }

  static RunAndAttempt bound(AttemptKind kind) {
    return bound(claimed(ready().withNextKind(kind), 1, T0), T0);
  }

  static RunAndAttempt bound(RunAndAttempt claimed, Instant now) {
    return AttemptTransitions.bind(claimed.run(), claimed.attempt(), "job", "pod", now)
        .orElseThrow();
  }

  /** A run whose first attempt has ended at T0. */
  static Run finished(EndCause cause) {
    return finished(bound(), cause);
  }

  static Run finished(RunAndAttempt bound, EndCause cause) {
    return finished(bound, cause, 0, T0);
  }

  static Run finished(RunAndAttempt bound, EndCause cause, int sameBefore, Instant now) {
    return EndTransitions.finish(
            bound.run(),
            bound.attempt(),
            "pod",
            ending(cause),
            POLICY,
            sameBefore,
            Presence.PRESENT,
            now)
        .orElseThrow()
        .run();
  }

  static Ending ending(EndCause cause) {
    return new Ending(cause, OptionalInt.empty(), "message", "");
  }
}
