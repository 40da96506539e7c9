/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.luigioperator.OperatorConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** The objects of a rendered chart. */
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
        .orElseThrow(() -> new AssertionError("missing: " + kind + " " + name));
  }

  /** The configuration of the operator from the environment in its Deployment. */
  OperatorConfig configuration() throws OperatorConfig.Invalid, IOException {
    return OperatorConfig.from(environment());
  }

  /** The environment that the kubelet would set in the container. */
  private Map<String, String> environment() throws IOException {
    JsonNode pod = only("Deployment").at("/spec/template");
    var environment = new TreeMap<String, String>();
    for (JsonNode entry : pod.at("/spec/containers/0/env")) {
      environment.put(entry.path("name").asText(), value(entry));
    }
    for (String key :
        List.of("LUIGI_OPERATOR_MYSQL_CA_FILE", "LUIGI_OPERATOR_MYSQL_PASSWORD_FILE")) {
      if (environment.containsKey(key)) {
        Path file = Path.of(environment.get(key));
        requireMounted(pod, file);
        Path copy = Path.of("target", file.getFileName().toString());
        environment.put(key, Files.writeString(copy, "").toString());
      }
    }
    return environment;
  }

  /** The key of a Secret with the name of the file. */
  private static void requireMounted(JsonNode pod, Path file) {
    String volume =
        each(pod.at("/spec/containers/0/volumeMounts"))
            .filter(m -> Path.of(m.path("mountPath").asText()).equals(file.getParent()))
            .map(m -> m.path("name").asText())
            .findFirst()
            .orElseThrow(() -> new AssertionError("no volume is mounted for " + file));
    if (each(pod.at("/spec/volumes"))
        .filter(v -> v.path("name").asText().equals(volume))
        .flatMap(v -> each(v.at("/secret/items")))
        .noneMatch(item -> item.path("path").asText().equals(file.getFileName().toString()))) {
      throw new AssertionError("no Secret has the file " + file);
    }
  }

  private static String value(JsonNode entry) {
    JsonNode secret = entry.at("/valueFrom/secretKeyRef");
    if (!secret.isMissingNode()) {
      return secret.path("name").asText() + "/" + secret.path("key").asText();
    }
    String field = entry.at("/valueFrom/fieldRef/fieldPath").asText();
    return switch (field) {
      case "metadata.namespace" -> Helm.NAMESPACE;
      case "metadata.name" -> "tidy-luigi-operator-6c7d9f5b8-x2x7q";
      case "" -> entry.path("value").asText();
      default -> throw new AssertionError("unknown field " + field);
    };
  }

  static String nameOf(JsonNode object) {
    return object.at("/metadata/name").asText();
  }

  static String component(JsonNode object) {
    return object.at("/metadata/labels/app.kubernetes.io~1component").asText();
  }

  /** The pods and pod templates, each as metadata and spec of a pod. */
  Stream<JsonNode> podTemplates() {
    return objects.stream().map(Manifests::podTemplate).filter(pod -> pod.has("spec"));
  }

  /** As in a created pod: the volume claim templates of a StatefulSet are volumes. */
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
