/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

/**
 * The API server answers, and will not let the operator do this. It says nothing about the object
 * meant, and other objects have nothing to do with it: in a namespace that is no longer served the
 * rights are missing.
 */
public final class KubeForbidden extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public KubeForbidden(String message, Throwable cause) {
    super(message, cause);
  }
}
