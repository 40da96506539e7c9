/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import com.fasterxml.jackson.databind.JsonNode;
import io.luigioperator.manifest.ClientListReader;
import io.luigioperator.manifest.Problems;
import io.luigioperator.manifest.YamlDocument;
import io.luigioperator.run.ClientEntry;
import io.luigioperator.run.ClientList;
import io.luigioperator.run.ClientSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The ConfigMaps of a file, of which those are read that a schedule names. */
final class ConfigMaps {

  private static final String LIST = "data." + ClientListReader.KEY;
  private static final String LABEL = "luigi-operator.io/clients";

  private record Key(String namespace, String name) {}

  private final Map<Key, YamlDocument> documents = new HashMap<>();
  private final Map<Key, ClientSource> read = new HashMap<>();
  private final String namespace;
  private final Problems problems;

  /**
   * @param namespace of objects that name none
   */
  ConfigMaps(List<YamlDocument> all, String namespace, Problems problems) {
    this.namespace = namespace;
    this.problems = problems;
    all.stream()
        .filter(d -> d.kind().equals("ConfigMap"))
        .forEach(d -> documents.putIfAbsent(key(d), d));
  }

  private Key key(YamlDocument document) {
    return new Key(
        document.content().path("metadata").path("namespace").asText(namespace), document.name());
  }

  /** Whether a schedule names it. */
  @SuppressWarnings("ReferenceEquality") // a second one of the same name is not used
  boolean isUsed(YamlDocument document) {
    Key key = key(document);
    return read.containsKey(key) && documents.get(key) == document;
  }

  /** What it lists; empty if it is not in the file. Its errors are reported once. */
  Optional<ClientSource> source(String inNamespace, String name) {
    Key key = new Key(inNamespace, name);
    return Optional.ofNullable(documents.get(key))
        .map(document -> read.computeIfAbsent(key, k -> read(document)));
  }

  private ClientSource read(YamlDocument document) {
    JsonNode label = document.content().path("metadata").path("labels").path(LABEL);
    if (!label.isTextual() || !label.asText().equals("true")) {
      problems.add(
          document, "metadata.labels", "the label %s: \"true\" is missing".formatted(LABEL));
    }
    JsonNode text = document.content().path("data").path(ClientListReader.KEY);
    ClientSource source =
        ClientListReader.read(
            ClientSource.unknown(document.name()),
            text.isTextual() ? Optional.of(text.asText()) : Optional.empty());
    source.problem().ifPresent(problem -> add(document.name(), document, problem));
    source.list().ifPresent(list -> report(document, list));
    return source;
  }

  private void report(YamlDocument document, ClientList list) {
    list.entries()
        .forEach(
            (id, entry) -> {
              if (entry instanceof ClientEntry.Invalid(String why)) {
                problems.add(document.line(LIST), LIST, why);
              }
            });
    list.unnamed().forEach(why -> problems.add(document.line(LIST), LIST, why));
    list.repeated().forEach(why -> problems.add(document.line(LIST), LIST, why));
  }

  private void add(String name, YamlDocument document, String problem) {
    problems.add(document.line(LIST), LIST, "ConfigMap %s %s".formatted(name, problem));
  }
}
