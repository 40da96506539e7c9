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

  String NOT_KEPT = "it is large, and was not read from the API server";

  record Valid<S>(S spec) implements ParsedSpec<S> {}

  /**
   * @param why for people
   */
  record Unreadable<S>(String why) implements ParsedSpec<S> {}

  /**
   * A spec that can be read, but is too large to be kept in memory for each object. A live read of
   * the object shows it.
   *
   * @param schedule the name of the schedule that a run refers to
   */
  record Omitted<S>(Optional<String> schedule) implements ParsedSpec<S> {}

  /** Whether only a live read shows the spec. */
  default boolean isOmitted() {
    return this instanceof Omitted;
  }

  /**
   * @throws IllegalStateException if it could not be read
   */
  default S get() {
    return switch (this) {
      case Valid<S>(S spec) -> spec;
      case Unreadable<S>(String why) -> throw new IllegalStateException(why);
      case Omitted<S> _ -> throw new IllegalStateException(NOT_KEPT);
    };
  }

  /** Why it could not be read; empty if it could. */
  default Optional<String> problem() {
    return switch (this) {
      case Valid<S> _ -> Optional.empty();
      case Unreadable<S>(String why) -> Optional.of(why);
      case Omitted<S> _ -> Optional.of(NOT_KEPT);
    };
  }
}
