/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.cel.common.CelValidationException;
import dev.cel.common.types.SimpleType;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntimeFactory;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * The health check expressions for Flux, evaluated as Flux does: after the generation, the
 * expressions inProgress, failed and current in this order, the first that is true counts; none is
 * InProgress.
 */
record FluxHealth(Map<String, JsonNode> expressions) {

  private static final List<String> ORDER = List.of("inProgress", "failed", "current");

  static FluxHealth read() {
    try {
      JsonNode kustomization =
          new YAMLMapper()
              .readTree(Repository.path("docs/gitops/flux-kustomization.yaml").toFile());
      var expressions = kustomization.at("/spec/healthCheckExprs");
      return new FluxHealth(
          expressions.valueStream().collect(Collectors.toMap(e -> e.get("kind").asText(), e -> e)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String of(JsonNode object) {
    if (!object.at("/status/observedGeneration").equals(object.at("/metadata/generation"))) {
      return "InProgress";
    }
    JsonNode of = Objects.requireNonNull(expressions.get(object.get("kind").asText()));
    for (String name : ORDER) {
      if (of.has(name) && isTrue(of.get(name).asText(), object)) {
        return name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
      }
    }
    return "InProgress";
  }

  private static boolean isTrue(String expression, JsonNode object) {
    var compiler =
        CelCompilerFactory.standardCelCompilerBuilder()
            .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
            .addVar("metadata", SimpleType.DYN)
            .addVar("spec", SimpleType.DYN)
            .addVar("status", SimpleType.DYN)
            .setResultType(SimpleType.BOOL)
            .build();
    try {
      var program =
          CelRuntimeFactory.standardCelRuntimeBuilder()
              .build()
              .createProgram(compiler.compile(expression).getAst());
      return (Boolean)
          program.eval(
              new ObjectMapper().convertValue(object, new TypeReference<Map<String, Object>>() {}));
    } catch (CelValidationException | CelEvaluationException e) {
      throw new IllegalStateException(expression, e);
    }
  }
}
