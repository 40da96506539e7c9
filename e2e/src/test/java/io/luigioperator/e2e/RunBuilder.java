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

/** Builds and applies a PipelineRun or a PipelineSchedule. Not thread-safe. */
final class RunBuilder {

  static final String IMAGE = "luigi-operator/luigi:0.1.0";

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

  RunBuilder(Installation installation, String name) {
    this.installation = installation;
    this.name = name;
    pipeline("retry", Map.of("maxAttempts", 3, "backoffSeconds", 1));
    pipeline("timeouts", Map.of("graceSeconds", 20, "startSeconds", 60));
    pipeline("image", IMAGE);
    volumes.add(Map.of("name", "code", "configMap", Map.of("name", "code")));
    mounts.add(Map.of("name", "code", "mountPath", "/code", "readOnly", true));
  }

  RunBuilder client(String id) {
    client = id;
    return this;
  }

  RunBuilder task(String luigiFamily) {
    family = luigiFamily;
    return this;
  }

  RunBuilder seconds(int n) {
    return parameter("seconds", String.valueOf(n));
  }

  RunBuilder parameter(String key, String value) {
    parameters.add(Map.of("name", key, "value", value));
    return this;
  }

  RunBuilder memoryLimit(String limit) {
    memoryLimit = limit;
    return this;
  }

  /** Mounts the PersistentVolumeClaim at {@code /kept}. */
  RunBuilder volume(String claim) {
    volumes.add(Map.of("name", "kept", "persistentVolumeClaim", Map.of("claimName", claim)));
    mounts.add(Map.of("name", "kept", "mountPath", "/kept"));
    return this;
  }

  /** Mounts the ConfigMap at {@code /configured}. */
  RunBuilder configMap(String configMap) {
    volumes.add(Map.of("name", "configured", "configMap", Map.of("name", configMap)));
    mounts.add(Map.of("name", "configured", "mountPath", "/configured"));
    return this;
  }

  RunBuilder spec(String field, Object value) {
    spec.put(field, value);
    return this;
  }

  RunBuilder pipeline(String field, Object value) {
    pipeline.put(field, value);
    return this;
  }

  GenericKubernetesResource apply() {
    Map<String, Object> fields = new LinkedHashMap<>(spec);
    fields.put("client", client);
    fields.put("date", "2013-01-15");
    fields.put("pipeline", pipeline());
    return create("PipelineRun", fields);
  }

  /** Creates a run with the pipeline of a schedule. */
  GenericKubernetesResource applyOf(String schedule, String date) {
    Map<String, Object> fields = new LinkedHashMap<>(spec);
    fields.put("client", client);
    fields.put("date", date);
    fields.put("scheduleRef", Map.of("name", schedule));
    return create("PipelineRun", fields);
  }

  /** Creates a schedule with this pipeline. */
  GenericKubernetesResource applySchedule() {
    Map<String, Object> fields = new LinkedHashMap<>(spec);
    fields.put("pipeline", pipeline());
    return create("PipelineSchedule", fields);
  }

  private Map<String, Object> pipeline() {
    Map<String, Object> inline = new LinkedHashMap<>(pipeline);
    inline.put("task", Map.of("module", "e2e_tasks", "family", family));
    inline.put("parameters", parameters);
    inline.put("env", List.of(Map.of("name", "PYTHONPATH", "value", "/code")));
    inline.put("volumes", volumes);
    inline.put("volumeMounts", mounts);
    inline.put(
        "resources",
        Map.of(
            "requests", Map.of("cpu", "50m", "memory", "64Mi"),
            "limits", Map.of("memory", memoryLimit)));
    return inline;
  }

  private GenericKubernetesResource create(String kind, Map<String, Object> fields) {
    Map<String, Object> object =
        Map.of(
            "apiVersion",
            "luigi-operator.io/v1beta1",
            "kind",
            kind,
            "metadata",
            Map.of("name", name, "namespace", installation.namespace),
            "spec",
            fields);
    return installation
        .objects(kind)
        .resource(
            Serialization.unmarshal(Serialization.asYaml(object), GenericKubernetesResource.class))
        .createOr(r -> r.serverSideApply());
  }
}
