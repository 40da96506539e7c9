/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A pipeline: what is run, with what, and how its failures are treated. Inline in a run, or in a
 * schedule.
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.dateParameter == '' || self.dateParameter != self.clientParameter",
    message =
        "dateParameter and clientParameter must name different Luigi parameters; set the one "
            + "that the task does not have to an empty string.")
@ValidationRule(
    value =
        "!has(self.parameters) || !self.parameters.exists(p, p.name == self.dateParameter || "
            + "p.name == self.clientParameter)",
    message =
        "parameters may not contain the parameters that dateParameter and clientParameter "
            + "name, because the run sets those; remove them from parameters, or set dateParameter "
            + "or clientParameter to an empty string.")
@ValidationRule(
    value =
        "!has(self.allow.parameters) || !self.allow.parameters.exists(name, name == "
            + "self.dateParameter || name == self.clientParameter)",
    message =
        "allow.parameters may not contain the parameters that dateParameter and "
            + "clientParameter name, because the run sets those by its date and client; remove "
            + "them.")
@ValidationRule(
    value =
        "!has(self.volumeMounts) || self.volumeMounts.all(m, has(self.volumes) && "
            + "self.volumes.exists(v, v.name == m.name))",
    message =
        "Every entry of volumeMounts must name an entry of volumes; add the volume or correct "
            + "the name.")
public record PipelineSpec(
    @JsonPropertyDescription(
            "Container image with the pipeline, built on the Luigi image of this project.")
        @Required
        @Size(min = 1, max = 512)
        @ValidationRule(
            value = "self.matches('^[^[:space:]]+$')",
            message =
                "image may not contain white space; name a container image such as "
                    + "registry.example.com/flights:1.4.")
        String image,
    @JsonPropertyDescription("The root task.") @Required TaskRef task,
    @JsonPropertyDescription(
            "Luigi parameter that receives the business date. An empty string means none.")
        @Default("date")
        @Size(max = 63)
        @ValidationRule(
            value = "self.matches('^([A-Za-z_][A-Za-z0-9_]*)?$')",
            message =
                "dateParameter must be a Python name (letters, digits and _, not beginning with a "
                    + "digit), or an empty string for none.")
        String dateParameter,
    @JsonPropertyDescription(
            "Luigi parameter that receives the client. An empty string means none.")
        @Default("client")
        @Size(max = 63)
        @ValidationRule(
            value = "self.matches('^([A-Za-z_][A-Za-z0-9_]*)?$')",
            message =
                "clientParameter must be a Python name (letters, digits and _, not beginning with a "
                    + "digit), or an empty string for none.")
        String clientParameter,
    @JsonPropertyDescription(
            "Luigi parameters of the root task. The client entry of a schedule and the run itself "
                + "can replace them.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 64)
        List<Parameter> parameters,
    @JsonPropertyDescription("What a run that names the schedule may choose for itself.")
        @Default("{}")
        AllowSpec allow,
    @JsonPropertyDescription("Luigi workers, that is tasks that run at the same time in one pod.")
        @Default("1")
        @Min(1)
        @Max(256)
        Integer workers,
    @JsonPropertyDescription("Which runs exclude each other. It may not be changed on a schedule.")
        @Default("{}")
        MutexSpec mutex,
    @JsonPropertyDescription(
            "How failed attempts are repeated: how often, after what wait, and which errors end "
                + "the run at once.")
        @Default("{}")
        RetrySpec retry,
    @JsonPropertyDescription("Time limits of one attempt.") @Default("{}") TimeoutsSpec timeouts,
    @JsonPropertyDescription(
            "Root proves in a fresh process that the root task is complete before the run counts "
                + "as succeeded. None believes the verdict of Luigi.")
        @Default("Root")
        VerifyMode verify,
    @JsonPropertyDescription(
            "Service account of the pods. Whoever creates the object needs the verb use on it. "
                + "Without it the default account of the namespace is used; its API token is not "
                + "mounted unless podTemplate says so.")
        @Size(min = 1, max = 253)
        @ValidationRule(
            value = "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            message =
                "serviceAccountName must be the name of a service account: a-z, 0-9, - and ., "
                    + "beginning and ending with a letter or digit.")
        @Nullable String serviceAccountName,
    @JsonPropertyDescription("Compute resources of the container.") @Default("{}")
        ResourcesSpec resources,
    @JsonPropertyDescription("Environment variables of the container.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 64)
        List<EnvEntry> env,
    @JsonPropertyDescription(
            "ConfigMaps and Secrets of which every key becomes an environment variable.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 16)
        List<EnvFromEntry> envFrom,
    @JsonPropertyDescription("Volumes of the pod.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 32)
        List<VolumeEntry> volumes,
    @JsonPropertyDescription("Where the volumes appear in the container.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("mountPath")
        @Size(max = 32)
        List<VolumeMountEntry> volumeMounts,
    @JsonPropertyDescription(
            "Anything else of a pod template, laid over what the operator makes. The container of "
                + "the pipeline is called luigi. What has a field in the pipeline is set there and not "
                + "here.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        Map<String, Object> podTemplate,
    @JsonPropertyDescription(
            "How long a PipelineRun that the operator made itself stays after its end, in seconds. "
                + "It makes one when a run goes on in a cluster that lacks the object.")
        @Default("86400")
        @Min(0)
        @Max(31536000)
        Integer ttlSecondsAfterFinished) {
  private static final String DATE_PARAMETER = "date";
  private static final String CLIENT_PARAMETER = "client";
  private static final int WORKERS = 1;
  private static final int TTL_SECONDS = 86400;

  public PipelineSpec {
    dateParameter = Objects.requireNonNullElse(dateParameter, DATE_PARAMETER);
    clientParameter = Objects.requireNonNullElse(clientParameter, CLIENT_PARAMETER);
    parameters = List.copyOf(Objects.requireNonNullElse(parameters, List.of()));
    allow = Objects.requireNonNullElse(allow, AllowSpec.NOTHING);
    workers = Objects.requireNonNullElse(workers, WORKERS);
    mutex = Objects.requireNonNullElse(mutex, MutexSpec.DEFAULT);
    retry = Objects.requireNonNullElse(retry, RetrySpec.DEFAULT);
    timeouts = Objects.requireNonNullElse(timeouts, TimeoutsSpec.DEFAULT);
    verify = Objects.requireNonNullElse(verify, VerifyMode.Root);
    resources = Objects.requireNonNullElse(resources, ResourcesSpec.NONE);
    env = List.copyOf(Objects.requireNonNullElse(env, List.of()));
    envFrom = List.copyOf(Objects.requireNonNullElse(envFrom, List.of()));
    volumes = List.copyOf(Objects.requireNonNullElse(volumes, List.of()));
    volumeMounts = List.copyOf(Objects.requireNonNullElse(volumeMounts, List.of()));
    podTemplate = Frozen.map(podTemplate);
    ttlSecondsAfterFinished = Objects.requireNonNullElse(ttlSecondsAfterFinished, TTL_SECONDS);
  }

  /** A pipeline in which only what is required is set. */
  public static PipelineSpec ofDefaults(String image, TaskRef task) {
    return new PipelineSpec(
        image,
        task,
        DATE_PARAMETER,
        CLIENT_PARAMETER,
        List.of(),
        AllowSpec.NOTHING,
        WORKERS,
        MutexSpec.DEFAULT,
        RetrySpec.DEFAULT,
        TimeoutsSpec.DEFAULT,
        VerifyMode.Root,
        null,
        ResourcesSpec.NONE,
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        Map.of(),
        TTL_SECONDS);
  }
}
