/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.luigioperator.api.BackfillOrder;
import io.luigioperator.api.BackfillSpec;
import io.luigioperator.api.Reprocess;
import java.util.List;

/** The fields of a backfill that cannot be changed, as the ledger stores them. */
public record BackfillDefinition(
    String start, String end, List<String> clients, Reprocess reprocess, BackfillOrder order) {

  private static final ObjectMapper JSON = new ObjectMapper();

  public BackfillDefinition {
    clients = List.copyOf(clients);
  }

  /** JSON; equal texts mean equal definitions. */
  public static String of(BackfillSpec spec) {
    try {
      return JSON.writeValueAsString(
          new BackfillDefinition(
              spec.start(),
              spec.end(),
              spec.clients().stream().distinct().sorted().toList(),
              spec.reprocess(),
              spec.order()));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the definition is a record that Jackson can write", e);
    }
  }
}
