/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.util.OptionalInt;

/**
 * How an attempt ended, from evidence.
 *
 * @param exitCode of the Luigi container, when it had one
 * @param message for people, at most 1024 characters
 * @param terminationMessage the last one of the runner, unparsed; empty if there was none
 */
public record Ending(
    EndCause cause, OptionalInt exitCode, String message, String terminationMessage) {

  public static Ending of(FailureCause cause, String message) {
    return new Ending(cause, OptionalInt.empty(), message, "");
  }
}
