/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.util.Optional;

/**
 * The spec of an object, if it could be read. The API server also stores objects that this version
 * of the operator cannot read: with values of a later version, or nested too deeply.
 */
public sealed interface ParsedSpec<S> {

  record Valid<S>(S spec) implements ParsedSpec<S> {}

  /**
   * @param why for people
   */
  record Unreadable<S>(String why) implements ParsedSpec<S> {}

  /**
   * @throws IllegalStateException if it could not be read
   */
  default S get() {
    return switch (this) {
      case Valid<S>(S spec) -> spec;
      case Unreadable<S>(String why) -> throw new IllegalStateException(why);
    };
  }

  /** Why it could not be read; empty if it could. */
  default Optional<String> problem() {
    return switch (this) {
      case Valid<S> _ -> Optional.empty();
      case Unreadable<S>(String why) -> Optional.of(why);
    };
  }
}
