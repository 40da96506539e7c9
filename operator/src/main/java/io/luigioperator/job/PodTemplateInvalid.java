/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import java.util.List;
import java.util.Objects;

/**
 * A pod template of a user that cannot be merged into the operator's; the message names every
 * problem and what to do about it.
 */
public final class PodTemplateInvalid extends RuntimeException {
  private static final long serialVersionUID = 1L;

  PodTemplateInvalid(List<String> problems) {
    super(String.join("; ", problems));
  }

  /** Never null: the constructor sets it. */
  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }
}
