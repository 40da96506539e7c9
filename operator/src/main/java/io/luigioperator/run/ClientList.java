/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.Parameter;
import io.luigioperator.api.ScheduleClient;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The clients that a ConfigMap lists. Immutable.
 *
 * @param version equal for equal texts only
 * @param entries the first entry of each client, by its id, in the order of the list
 * @param unnamed what is wrong with each entry whose id cannot be read
 * @param repeated which entries repeat the id of an earlier one, and do not count
 */
public record ClientList(
    String version, Map<String, ClientEntry> entries, List<String> unnamed, List<String> repeated) {

  /** Of the objects around a text, in bytes; a text itself needs at least a byte per character. */
  private static final long OBJECT = 60;

  public ClientList {
    entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
    unnamed = List.copyOf(unnamed);
    repeated = List.copyOf(repeated);
  }

  /** All entries, also those that do not count. */
  int size() {
    return entries.size() + unnamed.size() + repeated.size();
  }

  /** Roughly how much heap it needs, in bytes. */
  public long weight() {
    long weight = OBJECT;
    for (Map.Entry<String, ClientEntry> entry : entries.entrySet()) {
      weight += 2 * OBJECT + entry.getKey().length();
      weight +=
          switch (entry.getValue()) {
            case ClientEntry.Valid(ScheduleClient client) -> weight(client);
            case ClientEntry.Invalid(String why) -> OBJECT + why.length();
          };
    }
    return weight + weight(unnamed) + weight(repeated);
  }

  private static long weight(ScheduleClient client) {
    long weight = 2 * OBJECT + weight(client.crons());
    for (Parameter p : client.parameters()) {
      weight += 3 * OBJECT + p.name().length() + p.value().length();
    }
    return weight;
  }

  private static long weight(List<String> texts) {
    return texts.stream().mapToLong(text -> OBJECT + text.length()).sum();
  }
}
