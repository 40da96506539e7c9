/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The namespaces with runs, which are listed one by one: a namespace that the operator may not read
 * does not hide the others.
 */
final class WatchedNamespaces {
  private static final Logger LOG = LoggerFactory.getLogger(WatchedNamespaces.class);

  private final List<String> namespaces;

  /** Namespaces that could not be read the last time; each is logged once. */
  private final Set<String> unreadable = ConcurrentHashMap.newKeySet();

  /**
   * @param namespaces empty: all namespaces
   */
  WatchedNamespaces(List<String> namespaces) {
    this.namespaces = List.copyOf(namespaces);
  }

  /**
   * @param list lists one namespace, or all of them for an empty name
   */
  <T> List<T> all(Function<String, List<T>> list) {
    if (namespaces.isEmpty()) {
      return list.apply("");
    }
    List<T> all = new ArrayList<>();
    for (String namespace : namespaces) {
      try {
        all.addAll(list.apply(namespace));
        unreadable.remove(namespace);
      } catch (KubeForbidden e) {
        if (unreadable.add(namespace)) {
          LOG.atWarn()
              .addKeyValue("namespace", namespace)
              .addKeyValue("error", e.getMessage())
              .log("namespace skipped: the operator may not read it");
        }
      }
    }
    return all;
  }
}
