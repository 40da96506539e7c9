/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * A key that at most one live attempt holds at any time. It is either the mutex key of a client, or
 * the own key of one run: for a pipeline without mutex, and for attempts that need none.
 */
public record AdmitKey(String value) implements Comparable<AdmitKey> {

  /** The mutex key of a client: shared by its runs in one mutex group of one namespace. */
  public static AdmitKey ofClient(String namespace, String client, String group) {
    return new AdmitKey(namespace + "/" + client + "/" + group);
  }

  /** The own key of a run: its attempt takes a slot and waits for no other run. */
  public static AdmitKey own(RunKey run) {
    return new AdmitKey("~" + run.id());
  }

  /** Whether it is the own key of one run, which is deleted when the run ends. */
  public boolean isOwn() {
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
