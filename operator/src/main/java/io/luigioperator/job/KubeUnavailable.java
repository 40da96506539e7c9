/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

/** The API server did not respond, or responded that it is unavailable. Retry later. */
public final class KubeUnavailable extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public KubeUnavailable(String message) {
    super(message);
  }

  public KubeUnavailable(String message, Throwable cause) {
    super(message, cause);
  }
}
