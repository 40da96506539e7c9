/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import io.luigioperator.testing.Binaries;
import io.luigioperator.testing.Command;
import io.luigioperator.testing.Repository;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Runs the real Helm, independent of the settings of the user. */
final class Helm {
  static final String OPERATOR = "luigi-operator";
  static final String CRDS = "luigi-operator-crds";
  static final String RELEASE = "tidy";
  static final String NAMESPACE = "luigi-system";

  private static final Path VALUES = Path.of("src/test/resources/values").toAbsolutePath();

  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Map<String, String> environment = new TreeMap<>();

  private Helm(String kubeconfig) {
    Path home = Path.of("target/helm").toAbsolutePath();
    environment.put("HELM_CACHE_HOME", home.resolve("cache").toString());
    environment.put("HELM_CONFIG_HOME", home.resolve("config").toString());
    environment.put("HELM_DATA_HOME", home.resolve("data").toString());
    environment.put("KUBECONFIG", kubeconfig);
  }

  /** Renders without a cluster. */
  static Helm offline() {
    return new Helm("/dev/null");
  }

  static Helm on(Path kubeconfig) {
    return new Helm(kubeconfig.toString());
  }

  static String values(String set) {
    return VALUES.resolve(set + ".yaml").toString();
  }

  static String chart(String name) {
    return Repository.path("helm/" + name).toString();
  }

  /** The values files for tests with {@link ForEachValuesFile}. */
  static List<String> valuesFiles() {
    return List.of(
        "production", "production-full", "production-least", "namespaces", "demo", "demo-full");
  }

  Command.Output run(String... arguments) {
    var command = new ArrayList<String>();
    command.add(Binaries.program("helm"));
    command.addAll(List.of(arguments));
    return Command.run(command, environment, "", LIMIT);
  }

  /** Runs a Helm command for a release. */
  Command.Output release(String verb, String name, String namespace, String... further) {
    return run(all(List.of(verb, name, "-n", namespace), further));
  }

  /** Runs a Helm command with the CRD chart. */
  Command.Output definitions(String verb, String... further) {
    return release(verb, "crds", NAMESPACE, all(List.of(chart(CRDS)), further));
  }

  /** Runs a Helm command with the operator chart and a values file. */
  Command.Output operator(String verb, String set, String... further) {
    var chart = List.of(chart(OPERATOR), "-f", values(set));
    return release(verb, RELEASE, NAMESPACE, all(chart, further));
  }

  private static String[] all(List<String> first, String... further) {
    return Stream.concat(first.stream(), Stream.of(further)).toArray(String[]::new);
  }

  /** Renders the operator chart with a values file and further arguments. */
  Command.Output template(String set, String... further) {
    return operator("template", set, further);
  }

  /** The arguments to set values, each given as {@code path=JSON}. */
  static String[] setJson(Stream<String> values) {
    return values.flatMap(value -> Stream.of("--set-json", value)).toArray(String[]::new);
  }

  /** The rendered objects of the operator chart. */
  static Manifests rendered(String set, String... further) {
    return Manifests.parse(offline().template(set, further).orFail());
  }
}
