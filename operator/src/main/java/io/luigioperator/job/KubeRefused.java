/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

/**
 * The API server answered that it does not carry out this request, for a reason that concerns the
 * object, its namespace, or an admission webhook, quota or policy that applies to it. Requests for
 * other objects may succeed.
 */
public class KubeRefused extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public KubeRefused(String message, Throwable cause) {
    super(message, cause);
  }
}
