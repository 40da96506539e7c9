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
 * A pipeline: its image and root task, the resources of its pods, and how failures are handled.
 * Part of a schedule, or inline in a run.
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.dateParameter == '' || self.dateParameter != self.clientParameter",
    message =
        "dateParameter and clientParameter must name different Luigi parameters; if the task lacks one of them, set that field to an empty string.")
@ValidationRule(
    value =
        "!has(self.parameters) || !self.parameters.exists(p, p.name == self.dateParameter || "
            + "p.name == self.clientParameter)",
    message =
        "parameters may not contain the parameters that dateParameter and clientParameter name, because the operator sets them from spec.date and spec.client of the run; remove them from parameters, or set dateParameter or clientParameter to an empty string.")
@ValidationRule(
    value =
        "!has(self.allow.parameters) || !self.allow.parameters.exists(name, name == "
            + "self.dateParameter || name == self.clientParameter)",
    message =
        "allow.parameters may not contain the parameters that dateParameter and clientParameter name, because the operator sets them from spec.date and spec.client of the run; remove them.")
@ValidationRule(
    value =
        "!has(self.allow.clientParameters) || !self.allow.clientParameters.exists(name, name == "
            + "self.dateParameter || name == self.clientParameter)",
    message =
        "allow.clientParameters may not contain the parameters that dateParameter and clientParameter name, because the operator sets them from spec.date and spec.client of the run; remove them.")
@ValidationRule(
    value =
        "!has(self.volumeMounts) || self.volumeMounts.all(m, has(self.volumes) && "
            + "self.volumes.exists(v, v.name == m.name))",
    message =
        "Every entry of volumeMounts must name an entry of volumes; add the volume or correct the name.")
public record PipelineSpec(
    @JsonPropertyDescription(
            "Container image of the pipeline, 1 to 512 characters, built on the image luigi of this project. If it cannot be pulled within timeouts.startSeconds, the attempt ends with reason ImagePull.")
        @Required
        @Size(min = 1, max = 512)
        @ValidationRule(
            value = "self.matches('^[^[:space:]]+$')",
            message =
                "image may not contain white space; use a container image such as registry.example.com/flights:1.4.")
        String image,
    @JsonPropertyDescription("Root task of the pipeline.") @Required TaskRef task,
    @JsonPropertyDescription(
            "Luigi parameter of the root task that receives spec.date of the run. Set it to an empty string if the task has none. Default: date.")
        @Default("date")
        @Size(max = 63)
        @ValidationRule(
            value = "self.matches('^([A-Za-z_][A-Za-z0-9_]*)?$')",
            message =
                "dateParameter must be a Python name (letters, digits and _, not beginning with a digit), or an empty string if the task has no such parameter.")
        String dateParameter,
    @JsonPropertyDescription(
            "Luigi parameter of the root task that receives spec.client of the run. Set it to an empty string if the task has none. Default: client.")
        @Default("client")
        @Size(max = 63)
        @ValidationRule(
            value = "self.matches('^([A-Za-z_][A-Za-z0-9_]*)?$')",
            message =
                "clientParameter must be a Python name (letters, digits and _, not beginning with a digit), or an empty string if the task has no such parameter.")
        String clientParameter,
    @JsonPropertyDescription(
            "Luigi parameters of the root task, at most 64. The parameters of the client in the schedule and those of the run override them.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 64)
        List<Parameter> parameters,
    @JsonPropertyDescription(
            "What the clients of the schedule, and the PipelineRuns that reference it, may set. Has no effect in an inline pipeline. Default: no parameters.")
        @Default("{}")
        AllowSpec allow,
    @JsonPropertyDescription(
            "Number of Luigi workers, that is the maximum number of tasks that run at the same time in one pod, from 1 to 256. Default: 1.")
        @Default("1")
        @Min(1)
        @Max(256)
        Integer workers,
    @JsonPropertyDescription(
            "Which runs exclude each other. Default: runs of the same client. Immutable in a PipelineSchedule.")
        @Default("{}")
        MutexSpec mutex,
    @JsonPropertyDescription(
            "How often failed attempts are repeated, after which delay, and which errors are not retried.")
        @Default("{}")
        RetrySpec retry,
    @JsonPropertyDescription("Time limits of one attempt.") @Default("{}") TimeoutsSpec timeouts,
    @JsonPropertyDescription(
            "Root: after Luigi has ended, a new process checks that the root task is complete; if it is not, the attempt ends with reason Unverified and the run fails. None: the result of Luigi counts. Default: Root.")
        @Default("Root")
        VerifyMode verify,
    @JsonPropertyDescription(
            "ServiceAccount of the pods. The Helm chart installs an admission policy that requires the verb use on it. Default: the ServiceAccount default of the namespace. Its API token is mounted only if podTemplate sets automountServiceAccountToken.")
        @Size(min = 1, max = 253)
        @ValidationRule(
            value = "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            message =
                "serviceAccountName must be the name of a ServiceAccount: a-z, 0-9, - and ., beginning and ending with a letter or digit.")
        @Nullable String serviceAccountName,
    @JsonPropertyDescription("Compute resources of the container luigi. Default: none.")
        @Default("{}")
        ResourcesSpec resources,
    @JsonPropertyDescription("Environment variables of the container luigi, at most 64.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 64)
        List<EnvEntry> env,
    @JsonPropertyDescription(
            "ConfigMaps and Secrets whose keys become environment variables of the container luigi, at most 16.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 16)
        List<EnvFromEntry> envFrom,
    @JsonPropertyDescription("Volumes of the pod, at most 32.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 32)
        List<VolumeEntry> volumes,
    @JsonPropertyDescription("Where the container luigi mounts the volumes, at most 32 entries.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("mountPath")
        @Size(max = 32)
        List<VolumeMountEntry> volumeMounts,
    @JsonPropertyDescription(
            "Other fields of the pod, merged into the pod template of the operator: objects by field; containers, volumes, volumeMounts and topologySpreadConstraints by their key; other lists are replaced. The container of the pipeline is named luigi. Fields that the pipeline has itself and fields that the operator controls are refused.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        Map<String, Object> podTemplate,
    @JsonPropertyDescription(
            "Time after the end of a run until the operator deletes a PipelineRun that it created itself, in seconds from 0 to 31536000. It creates one when a run continues in a cluster that does not have the object. Default: 86400.")
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

  /** A pipeline with the required fields; all others have their defaults. */
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
