/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

/**
 * The API server refuses a request because the operator lacks the permission, for example in a
 * namespace that it no longer watches. It says nothing about the state of the object, and nothing
 * about other objects.
 */
public final class KubeForbidden extends KubeRefused {
  private static final long serialVersionUID = 1L;

  public KubeForbidden(String message, Throwable cause) {
    super(message, cause);
  }
}
