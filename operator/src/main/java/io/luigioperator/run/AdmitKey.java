/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * The key that an attempt keeps from its claim to its end. At most one live attempt has it at any
 * time. It is either the mutex key of a client, or a key for one run only: for a pipeline without
 * mutex, and for PLAN and CHECK attempts, which need none.
 */
public record AdmitKey(String value) implements Comparable<AdmitKey> {

  /** The mutex key of a client: shared by its runs in one mutex group of one namespace. */
  public static AdmitKey ofClient(String namespace, String client, String group) {
    return new AdmitKey(namespace + "/" + client + "/" + group);
  }

  /** A key for this run only: its attempt takes a slot, but waits for no other run. */
  public static AdmitKey ofRun(RunKey run) {
    return new AdmitKey("~" + run.id());
  }

  /** Whether it is a key for one run only, which is deleted when that run ends. */
  public boolean isOfRun() {
    return value.startsWith("~");
  }

  @Override
  public int compareTo(AdmitKey other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}
