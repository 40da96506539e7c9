/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** Rendered objects. */
record Manifests(List<JsonNode> objects) {
  private static final YAMLMapper YAML = new YAMLMapper();

  Manifests {
    objects = List.copyOf(objects);
  }

  static Manifests parse(String yaml) {
    try (var documents = YAML.readerFor(JsonNode.class).<JsonNode>readValues(yaml)) {
      return new Manifests(documents.readAll().stream().filter(JsonNode::isObject).toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Stream<JsonNode> ofKind(String kind) {
    return objects.stream().filter(o -> o.path("kind").asText().equals(kind));
  }

  /** The one object of this kind. */
  JsonNode only(String kind) {
    List<JsonNode> found = ofKind(kind).toList();
    if (found.size() != 1) {
      throw new AssertionError("expected one " + kind + ", found " + found);
    }
    return found.getFirst();
  }

  JsonNode named(String kind, String name) {
    return ofKind(kind)
        .filter(o -> nameOf(o).equals(name))
        .findFirst()
        .orElseThrow(() -> new AssertionError("there is no " + kind + " " + name));
  }

  static String nameOf(JsonNode object) {
    return object.at("/metadata/name").asText();
  }

  /** Pods and what makes pods, each as the metadata and spec of a pod. */
  Stream<JsonNode> podTemplates() {
    return objects.stream().map(Manifests::podTemplate).filter(pod -> pod.has("spec"));
  }

  /** As the controllers make it: the claims of a StatefulSet become volumes of its pods. */
  private static JsonNode podTemplate(JsonNode object) {
    if (object.path("kind").asText().equals("Pod")) {
      return object;
    }
    JsonNode pod = object.at("/spec/template").deepCopy();
    each(object.at("/spec/volumeClaimTemplates"))
        .map(Manifests::nameOf)
        .forEach(
            claim ->
                ((ArrayNode) pod.at("/spec/volumes"))
                    .addObject()
                    .put("name", claim)
                    .putObject("persistentVolumeClaim")
                    .put("claimName", claim + "-0"));
    return pod;
  }

  static Stream<JsonNode> each(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  static List<String> texts(JsonNode array) {
    return each(array).map(JsonNode::asText).toList();
  }
}
