/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A PipelineRun about to be applied, a field at a time. */
final class Wanted {

  private final Installation installation;
  private final String name;
  private String client = "acme";
  private String family = "Sleep";
  private String memoryLimit = "128Mi";
  private final List<Map<String, String>> parameters = new ArrayList<>();
  private final Map<String, Object> spec = new LinkedHashMap<>();
  private final Map<String, Object> pipeline = new LinkedHashMap<>();
  private final List<Map<String, Object>> volumes = new ArrayList<>();
  private final List<Map<String, Object>> mounts = new ArrayList<>();

  Wanted(Installation installation, String name) {
    this.installation = installation;
    this.name = name;
    pipeline("retry", Map.of("maxAttempts", 3, "backoffSeconds", 1));
    pipeline("timeouts", Map.of("graceSeconds", 20, "startSeconds", 60));
    pipeline("image", "luigi-operator/luigi:0.1.0");
    volumes.add(Map.of("name", "code", "configMap", Map.of("name", "code")));
    mounts.add(Map.of("name", "code", "mountPath", "/code", "readOnly", true));
  }

  Wanted client(String id) {
    client = id;
    return this;
  }

  Wanted task(String luigiFamily) {
    family = luigiFamily;
    return this;
  }

  Wanted seconds(int n) {
    return parameter("seconds", String.valueOf(n));
  }

  Wanted parameter(String key, String value) {
    parameters.add(Map.of("name", key, "value", value));
    return this;
  }

  Wanted memoryLimit(String limit) {
    memoryLimit = limit;
    return this;
  }

  /** What it writes below {@code /kept} outlives its pods. */
  Wanted keeping(String claim) {
    volumes.add(Map.of("name", "kept", "persistentVolumeClaim", Map.of("claimName", claim)));
    mounts.add(Map.of("name", "kept", "mountPath", "/kept"));
    return this;
  }

  Wanted spec(String field, Object value) {
    spec.put(field, value);
    return this;
  }

  Wanted pipeline(String field, Object value) {
    pipeline.put(field, value);
    return this;
  }

  GenericKubernetesResource apply() {
    Map<String, Object> block = new LinkedHashMap<>(pipeline);
    block.put("task", Map.of("module", "e2e_tasks", "family", family));
    block.put("parameters", parameters);
    block.put("env", List.of(Map.of("name", "PYTHONPATH", "value", "/code")));
    block.put("volumes", volumes);
    block.put("volumeMounts", mounts);
    block.put(
        "resources",
        Map.of(
            "requests", Map.of("cpu", "50m", "memory", "64Mi"),
            "limits", Map.of("memory", memoryLimit)));
    Map<String, Object> whole = new LinkedHashMap<>(spec);
    whole.put("client", client);
    whole.put("date", "2013-01-15");
    whole.put("pipeline", block);
    Map<String, Object> object =
        Map.of(
            "apiVersion",
            "luigi-operator.io/v1beta1",
            "kind",
            "PipelineRun",
            "metadata",
            Map.of("name", name, "namespace", installation.namespace),
            "spec",
            whole);
    return installation
        .runs()
        .resource(
            Serialization.unmarshal(Serialization.asYaml(object), GenericKubernetesResource.class))
        .createOr(r -> r.serverSideApply());
  }
}
