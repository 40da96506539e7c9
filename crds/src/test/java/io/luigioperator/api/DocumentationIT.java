/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.luigioperator.testing.ApiServer;
import io.luigioperator.testing.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Every manifest in a page for users is complete: a real API server accepts it as it stands, with
 * strict checks of field names. A manifest is a document with an apiVersion in a block marked as
 * YAML; other blocks are excerpts.
 */
class DocumentationIT {
  private static final YAMLMapper YAML = new YAMLMapper();
  private static final Pattern BLOCK =
      Pattern.compile("^```yaml\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);

  private record Manifest(String page, JsonNode document) {}

  @Test
  void theApiServerAcceptsEveryManifest() throws IOException {
    List<Manifest> manifests = manifests();
    assertThat(manifests.stream().map(Manifest::page)).contains("README.md", "docs/pipelines.md");
    assertThat(manifests.stream().map(m -> m.document.path("kind").asText()))
        .contains("PipelineRun", "PipelineSchedule");
    createNamespaces(manifests);

    var refusals = new ArrayList<String>();
    for (Manifest manifest : manifests) {
      Command.Output output =
          ApiServer.shared()
              .kubectl(
                  List.of("apply", "--dry-run=server", "--validate=strict", "--filename=-"),
                  YAML.writeValueAsString(manifest.document));
      if (output.exitCode() != 0) {
        refusals.add(manifest.page + ": " + output.stderr());
      }
    }
    assertThat(refusals).isEmpty();
  }

  /** A dry run keeps nothing, and an object needs its namespace. */
  private static void createNamespaces(List<Manifest> manifests) {
    Set<String> names = new TreeSet<>();
    for (Manifest manifest : manifests) {
      JsonNode metadata = manifest.document.path("metadata");
      boolean isNamespace = manifest.document.path("kind").asText().equals("Namespace");
      names.add(metadata.path(isNamespace ? "name" : "namespace").asText("default"));
    }
    names.remove("default");
    names.forEach(DocumentationIT::applyNamespace);
  }

  /** Other tests of this JVM may have created it. */
  private static void applyNamespace(String name) {
    ApiServer.shared()
        .kubectl(
            List.of("apply", "--filename=-"),
            "{apiVersion: v1, kind: Namespace, metadata: {name: %s}}".formatted(name))
        .orFail();
  }

  private static List<Manifest> manifests() throws IOException {
    Path root = Path.of("..").toRealPath();
    var pages = new ArrayList<Path>();
    for (String readme :
        List.of("README.md", "crds/README.md", "helm/README.md", "luigi-image/README.md")) {
      pages.add(root.resolve(readme));
    }
    try (Stream<Path> docs = Files.walk(root.resolve("docs"))) {
      docs.filter(page -> page.toString().endsWith(".md")).sorted().forEach(pages::add);
    }
    var manifests = new ArrayList<Manifest>();
    for (Path page : pages) {
      List<MatchResult> blocks = BLOCK.matcher(Files.readString(page)).results().toList();
      for (MatchResult block : blocks) {
        try (MappingIterator<JsonNode> documents =
            YAML.readerFor(JsonNode.class).readValues(block.group(1))) {
          documents.forEachRemaining(
              document -> {
                if (document.has("apiVersion")) {
                  manifests.add(new Manifest(root.relativize(page).toString(), document));
                }
              });
        }
      }
    }
    return manifests;
  }
}
