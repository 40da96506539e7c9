/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * The key under which a run waits and holds: the mutex key of its client, or a key of its own when
 * its pipeline asks for no mutex. Two runs of one key are never live at the same time.
 */
public record AdmitKey(String value) implements Comparable<AdmitKey> {

  /** Runs of one client in one group of one namespace exclude each other. */
  public static AdmitKey ofClient(String namespace, String client, String group) {
    return new AdmitKey(namespace + "/" + client + "/" + group);
  }

  /** A key nobody else has: the run takes a slot and waits for no client. */
  public static AdmitKey own(RunKey run) {
    return new AdmitKey("~" + run.id());
  }

  /** Whether the key belongs to one run only and can go with it. */
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
