/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.crdv2.generator.CRDPostProcessor;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceColumnDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceColumnDefinitionBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.CustomResource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Generates the custom resource definitions from the types: {@code mvn -q -pl crds -am test-compile
 * exec:java}.
 *
 * <p>The fabric8 generator supports neither list types nor class descriptions, and it sorts printer
 * columns by path. {@link SchemaFinisher} and this class add them.
 */
final class CrdWriter {
  static final String COMMAND = "mvn -q -pl crds -am test-compile exec:java";

  private static final String HEADER =
      """
      # Copyright The luigi-operator authors
      # SPDX-License-Identifier: Apache-2.0
      #
      # Generated from the Java types in crds/. To change it, change the types and run, with JAVA_HOME set to a JDK 25:
      # %s
      """
          .formatted(COMMAND);

  private static final Map<Class<?>, List<CustomResourceColumnDefinition>> COLUMNS =
      Map.of(
          PipelineRun.class,
          List.of(
              column("Client", "string", ".spec.client"),
              column("Date", "string", ".spec.date"),
              column("Priority", "string", ".status.resolved.priority"),
              column("Phase", "string", ".status.phase"),
              column("Reason", "string", ".status.reason"),
              column("Tasks", "string", ".status.luigi.progress"),
              column("Try", "string", ".status.attemptSummary"),
              column("Age", "date", ".metadata.creationTimestamp"),
              wide("Schedule", "string", ".spec.scheduleRef.name"),
              wide("Started", "date", ".status.startTime"),
              wide("Job", "string", ".status.attempts[0].jobName"),
              wide("Message", "string", ".status.message")),
          PipelineSchedule.class,
          List.of(
              column("Cron", "string", ".spec.crons[0]"),
              column("Timezone", "string", ".spec.timeZone"),
              column("Suspend", "boolean", ".spec.suspend"),
              column("Clients", "integer", ".status.clients.total"),
              column("OK", "integer", ".status.clients.ok"),
              column("Next", "string", ".status.nextTickTime"),
              column("Last", "date", ".status.lastTickTime"),
              column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"),
              column("Age", "date", ".metadata.creationTimestamp")));

  private CrdWriter() {}

  /** Writes the files into every given directory. */
  public static void main(String[] args) throws IOException {
    for (var file : render().entrySet()) {
      for (String directory : args) {
        Files.writeString(Path.of(directory, file.getKey()), file.getValue());
      }
    }
  }

  /** The content of each file, by file name. */
  static Map<String, String> render() throws IOException {
    var files = new TreeMap<String, String>();
    for (var type : List.of(PipelineRun.class, PipelineSchedule.class)) {
      var crd = definition(type);
      files.put(crd.getMetadata().getName() + ".yaml", HEADER + yaml(crd));
    }
    return files;
  }

  private static CustomResourceDefinition definition(Class<? extends CustomResource<?, ?>> type) {
    var generated = new ArrayList<CustomResourceDefinition>();
    new CRDGenerator()
        .customResourceClasses(type)
        .forCRDVersions("v1")
        .withPostProcessor(
            new CRDPostProcessor() {
              @Override
              public HasMetadata process(HasMetadata crd, String version) {
                generated.add((CustomResourceDefinition) crd);
                return crd;
              }
            })
        .withOutput(new Discard())
        .generate();
    var crd = generated.getFirst();
    var version = crd.getSpec().getVersions().getFirst();
    version.setAdditionalPrinterColumns(COLUMNS.get(type));
    SchemaFinisher.finish(version.getSchema().getOpenAPIV3Schema(), type);
    return crd;
  }

  private static String yaml(CustomResourceDefinition crd) throws IOException {
    var mapper =
        new YAMLMapper(
            YAMLFactory.builder()
                .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                .enable(YAMLGenerator.Feature.ALWAYS_QUOTE_NUMBERS_AS_STRINGS)
                .disable(YAMLGenerator.Feature.SPLIT_LINES)
                .build());
    JsonNode tree = mapper.valueToTree(crd);
    return mapper.writeValueAsString(wholeNumbers(tree));
  }

  /** Converts bounds, which are doubles in the model, to integers: 31536000 instead of 3.1536E7. */
  private static JsonNode wholeNumbers(JsonNode node) {
    switch (node) {
      case ObjectNode object ->
          object.properties().forEach(e -> e.setValue(wholeNumbers(e.getValue())));
      case ArrayNode array -> {
        for (int i = 0; i < array.size(); i++) {
          array.set(i, wholeNumbers(array.get(i)));
        }
      }
      case DoubleNode number when number.doubleValue() == number.longValue() -> {
        return LongNode.valueOf(number.longValue());
      }
      default -> {}
    }
    return node;
  }

  private static CustomResourceColumnDefinition column(String name, String type, String path) {
    return new CustomResourceColumnDefinitionBuilder()
        .withName(name)
        .withType(type)
        .withJsonPath(path)
        .build();
  }

  private static CustomResourceColumnDefinition wide(String name, String type, String path) {
    return new CustomResourceColumnDefinitionBuilder(column(name, type, path))
        .withPriority(1)
        .build();
  }

  /** The generator requires an output, but only the object is needed. */
  private static final class Discard implements CRDGenerator.CRDOutput<OutputStream> {
    @Override
    public OutputStream outputFor(String crdName) {
      return new ByteArrayOutputStream();
    }

    @Override
    public URI crdURI(String crdName) {
      return Path.of(crdName).toUri();
    }

    @Override
    public void close() {}
  }
}
