/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.RerunMode;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.TreeMap;

/** A claimed attempt, its run and its PipelineRun, read from YAML. */
record AttemptFixture(Run run, Request request, Attempt attempt, RunObject object) {

  static final KubernetesSerialization KUBERNETES = new KubernetesSerialization();

  private static final ObjectMapper YAML = new YAMLMapper().registerModule(new JavaTimeModule());
  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");

  static AttemptFixture read(Path file) {
    try {
      return of(YAML.readTree(Files.readString(file)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static AttemptFixture parse(String yaml) {
    try {
      return of(YAML.readTree(yaml));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The attempt, bound to a pod. */
  Attempt bound(String jobUid, String podUid) {
    return attempt.with(Attempt.Binding.of(jobUid, podUid, NOW));
  }

  private static AttemptFixture of(JsonNode in) throws IOException {
    PipelineRun manifest =
        KUBERNETES.unmarshal(YAML.writeValueAsString(in.get("object")), PipelineRun.class);
    RunKey key =
        new RunKey(manifest.getMetadata().getNamespace(), manifest.getMetadata().getName());
    PipelineRunSpec spec = manifest.getSpec();
    PipelineSpec pipeline =
        spec.pipeline() == null
            ? YAML.treeToValue(in.get("pipeline"), PipelineSpec.class)
            : spec.pipeline();
    TreeMap<String, String> parameters = new TreeMap<>();
    in.path("parameters")
        .properties()
        .forEach(p -> parameters.put(p.getKey(), p.getValue().asText()));
    Request request =
        new Request(
            spec,
            pipeline,
            parameters,
            spec.pipeline() == null ? 1 : 0,
            RerunMode.Incomplete,
            Priority.Normal);
    AdmitKey admitKey = AdmitKey.ofClient(key.namespace(), spec.client(), pipeline.mutex().group());
    int number = in.at("/attempt/number").asInt();
    Run run =
        new Run(
            new Run.Definition(
                key,
                spec.client(),
                spec.date() == null ? "" : spec.date(),
                spec.scheduleRef() == null ? "" : spec.scheduleRef().name(),
                admitKey,
                RequestJson.write(request),
                RequestJson.hash(spec),
                RequestJson.HASH_VERSION),
            new Run.StateDetails(RunState.ACTIVE, "", "", false),
            AttemptKind.RUN,
            DesiredState.Running,
            Priority.Normal,
            new Run.Budget(number, number, 0, 0, 3, 10),
            new Run.Times(
                NOW, NOW, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty()));
    Attempt attempt =
        Attempt.claimed(
            new Attempt.Claim(
                new AttemptRef(key, number, in.at("/attempt/fence").asLong()),
                AttemptKind.RUN,
                admitKey,
                "test-cluster",
                in.at("/attempt/token").asText(),
                Attempt.jobName(key, number),
                NOW));
    RunObject object =
        new RunObject(
            key, manifest.getMetadata().getUid(), 1, NOW, false, false, spec, Optional.empty());
    return new AttemptFixture(run, request, attempt, object);
  }
}
