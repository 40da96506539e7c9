/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.util.Optional;

/**
 * What is known of a ConfigMap that lists clients of a schedule. While it is missing or cannot be
 * read as a whole, the list that was read last remains.
 *
 * @param configMap its name
 * @param list that was read last; empty if none was read since the operator started
 * @param problem why the list is not the present one, and what to do, as the end of a sentence
 *     about the ConfigMap; empty if it is. It is present if there is no list
 */
public record ClientSource(String configMap, Optional<ClientList> list, Optional<String> problem) {

  private static final String MISSING =
      "does not exist in this namespace, or lacks the label luigi-operator.io/clients: \"true\";"
          + " create it, or add the label";

  public ClientSource {
    if (list.isEmpty() && problem.isEmpty()) {
      throw new IllegalArgumentException("neither a list nor a problem of " + configMap);
    }
  }

  /** Nothing is known of it. */
  public static ClientSource unknown(String configMap) {
    return new ClientSource(configMap, Optional.empty(), Optional.of(MISSING));
  }

  /** It does not exist any more, or has lost its label. */
  public ClientSource missing() {
    return unusable(MISSING);
  }

  /** It cannot be read as a whole. */
  public ClientSource unusable(String why) {
    return new ClientSource(configMap, list, Optional.of(why));
  }

  public ClientSource listing(ClientList read) {
    return new ClientSource(configMap, Optional.of(read), Optional.empty());
  }

  ClientSource withoutList(String why) {
    return new ClientSource(configMap, Optional.empty(), Optional.of(why));
  }

  /** Differs when what it says about any client may differ. */
  String version() {
    return "%s %s %s"
        .formatted(configMap, list.map(ClientList::version).orElse(""), problem.orElse(""));
  }
}
