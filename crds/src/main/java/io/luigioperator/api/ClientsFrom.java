/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import java.util.Objects;

/** Where a schedule finds more clients than its spec lists. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ClientsFrom(
    @JsonPropertyDescription(
            "At most 20 ConfigMaps with the label luigi-operator.io/clients: \"true\". The value of their key clients.yaml is a YAML list with the fields of spec.clients. With spec.clients, the lists may have 10000 entries in total. An invalid entry affects only its client; while a ConfigMap is missing or unreadable, its last list applies. Whoever may write the ConfigMaps chooses the clients and their parameters.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 20)
        List<ConfigMapSource> configMaps) {
  public ClientsFrom {
    configMaps = List.copyOf(Objects.requireNonNullElse(configMaps, List.of()));
  }

  static final ClientsFrom NONE = new ClientsFrom(List.of());
}
