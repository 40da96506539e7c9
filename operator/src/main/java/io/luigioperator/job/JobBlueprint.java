/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpecBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.EnvEntry;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Request;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunLimits;
import io.luigioperator.run.RunObject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Builds the Job of a claimed attempt. Pure: the same attempt always gives the same Job.
 *
 * <p>The runner masks the values of Secrets. It is given the names of the variables that {@code
 * env} takes from Secrets. The names of variables from a whole Secret ({@code envFrom}) are unknown
 * here, because the operator may not read Secrets; the pod has a second copy of each of these
 * variables, with a prefix by which the runner finds them. The files of mounted Secrets it reads by
 * their paths.
 */
public final class JobBlueprint {

  /** Name of the container that runs the pipeline. */
  static final String CONTAINER = "luigi";

  private static final Pattern LABEL_VALUE =
      Pattern.compile("[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");

  // the kubelet keeps 4096 bytes of termination message per container and 12 KiB per pod
  private static final int MESSAGE_BYTES = 4096;
  private static final int MESSAGE_BYTES_OF_POD = 12288;
  private static final int MESSAGE_RESERVE = 96;
  private static final int MIN_MESSAGE_BYTES = 768;

  /**
   * Containers that webhooks may add to the pod, such as the proxy of a service mesh and an agent
   * for secrets with their init containers. If there are more, the kubelet cuts the message.
   */
  private static final int INJECTED_CONTAINERS = 5;

  private final KubernetesSerialization serialization = new KubernetesSerialization();
  private final PodSpecFactory podSpecs = new PodSpecFactory(serialization);
  private final String version;

  /** What the pod is for; a dry run uses placeholders. */
  private record Identity(
      RunKey key,
      String client,
      String date,
      String schedule,
      String uid,
      int attempt,
      long fence,
      String token,
      String admitKey,
      String cluster) {}

  /**
   * @param version of the operator, as a label value
   */
  public JobBlueprint(String version) {
    if (!LABEL_VALUE.matcher(version).matches()) {
      throw new IllegalArgumentException("not a label value: " + version);
    }
    this.version = version;
  }

  /**
   * The Job of a claimed attempt; its pod has the scheduling gate.
   *
   * @throws PodTemplateInvalid if the pipeline's podTemplate cannot be merged
   */
  public Job job(Run run, Request request, Attempt attempt, RunObject owner) {
    Identity id =
        new Identity(
            run.key(),
            run.definition().client(),
            run.definition().businessDate(),
            run.definition().schedule(),
            owner.uid(),
            attempt.number(),
            attempt.ref().fence(),
            attempt.token(),
            attempt.admitKey().value(),
            attempt.cluster());
    return new JobBuilder()
        .withNewMetadata()
        .withNamespace(run.key().namespace())
        .withName(attempt.jobName())
        .withLabels(labels(id))
        .withAnnotations(annotations(id))
        .withOwnerReferences(
            new OwnerReferenceBuilder()
                .withApiVersion("luigi-operator.io/v1beta1")
                .withKind("PipelineRun")
                .withName(owner.key().name())
                .withUid(owner.uid())
                // without blockOwnerDeletion, which would need another permission
                .withController(true)
                .build())
        .endMetadata()
        .withNewSpec()
        .withParallelism(1)
        .withCompletions(1)
        .withBackoffLimit(0)
        // the finalizer of the Job keeps a deleted pod until it is terminal, with its verdict
        .withPodReplacementPolicy("Failed")
        .withTemplate(template(id, request, override(owner, request)))
        .endSpec()
        .build();
  }

  /**
   * The pod for a dry run before a run is claimed: as in {@link #job}, with placeholders for the
   * attempt.
   *
   * @throws PodTemplateInvalid if the pipeline's podTemplate cannot be merged
   */
  public Pod dryRunPod(RunKey key, Request request) {
    Identity id =
        new Identity(
            key,
            request.asked().client(),
            Optional.ofNullable(request.asked().date()).orElse(""),
            Optional.ofNullable(request.asked().scheduleRef()).map(r -> r.name()).orElse(""),
            "00000000-0000-0000-0000-000000000000",
            1,
            0,
            "dry-run",
            "dry-run",
            "dry-run");
    PodTemplateSpec template =
        template(id, request, RunLimits.of(request).activeSeconds(request.asked()));
    return new PodBuilder()
        .withMetadata(
            new ObjectMetaBuilder(template.getMetadata())
                .withNamespace(key.namespace())
                .withGenerateName(key.name() + "-dry-run-")
                .build())
        .withSpec(template.getSpec())
        .build();
  }

  private static OptionalInt override(RunObject owner, Request request) {
    return owner
        .readableSpec()
        .map(spec -> RunLimits.of(request).activeSeconds(spec))
        .orElse(OptionalInt.empty());
  }

  private Map<String, String> labels(Identity id) {
    Map<String, String> labels = new TreeMap<>();
    labels.put(Labels.MANAGED_BY, Labels.OPERATOR);
    labels.put(Labels.VERSION, version);
    labels.put(Labels.RUN, id.key().name());
    labels.put(Labels.CLIENT, id.client());
    if (!id.schedule().isEmpty()) {
      labels.put(Labels.SCHEDULE, id.schedule());
    }
    if (!id.date().isEmpty()) {
      labels.put(Labels.DATE, id.date());
    }
    return labels;
  }

  private static Map<String, String> annotations(Identity id) {
    Map<String, String> annotations = new TreeMap<>();
    annotations.put(Annotations.ATTEMPT, Integer.toString(id.attempt()));
    annotations.put(Annotations.KIND, "Run");
    annotations.put(Annotations.ADMIT_KEY, id.admitKey());
    annotations.put(Annotations.FENCE, Long.toString(id.fence()));
    annotations.put(Annotations.TOKEN, id.token());
    annotations.put(Annotations.CLUSTER, id.cluster());
    return annotations;
  }

  private PodTemplateSpec template(Identity id, Request request, OptionalInt activeSeconds) {
    PipelineSpec pipeline = request.pipeline();
    int deadline = activeSeconds.orElse(pipeline.timeouts().activeSeconds());
    PodTemplateSpec base =
        new PodTemplateSpecBuilder()
            .withNewMetadata()
            .withLabels(labels(id))
            .withAnnotations(annotations(id))
            .endMetadata()
            .withSpec(podSpecs.create(pipeline, deadline, variables(id)))
            .build();
    PodTemplateSpec template = base;
    if (!pipeline.podTemplate().isEmpty()) {
      Map<String, Object> merged =
          PodOverlay.merge(
              asMap(base), pipeline.podTemplate(), volumeNames(base), mountPaths(base));
      try {
        template = serialization.convertValue(merged, PodTemplateSpec.class);
      } catch (IllegalArgumentException e) {
        throw new PodTemplateInvalid(
            List.of("podTemplate is not a valid pod template: " + firstLine(e)));
      }
    }
    String spec = specFile(id, request, deadline, template.getSpec()).json();
    return new PodTemplateSpecBuilder(template)
        .editMetadata()
        .addToAnnotations(Annotations.RUN_SPEC, spec)
        .endMetadata()
        .build();
  }

  /** Variables that identify the attempt to the runner and to user code. */
  private static Map<String, String> variables(Identity id) {
    return Map.of(
        "LUIGI_RUN_NAMESPACE",
        id.key().namespace(),
        "LUIGI_RUN_NAME",
        id.key().name(),
        "LUIGI_RUN_UID",
        id.uid(),
        "LUIGI_RUN_ATTEMPT",
        Integer.toString(id.attempt()),
        "LUIGI_RUN_FENCE",
        Long.toString(id.fence()),
        "LUIGI_RUN_DATE",
        id.date());
  }

  private static RunSpecFile specFile(Identity id, Request request, int deadline, PodSpec pod) {
    PipelineSpec pipeline = request.pipeline();
    int containers = pod.getContainers().size() + pod.getInitContainers().size();
    return new RunSpecFile(
        RunSpecFile.SCHEMA_VERSION,
        new RunSpecFile.Identity(
            id.key().namespace(),
            id.key().name(),
            id.uid(),
            id.attempt(),
            id.token(),
            id.fence(),
            id.client(),
            id.date()),
        "Run",
        new RunSpecFile.Task(
            pipeline.task().module(), pipeline.task().family(), request.parameters()),
        new RunSpecFile.Rerun(request.mode()),
        pipeline.workers(),
        new RunSpecFile.Timeouts(
            pipeline.timeouts().taskSeconds(), pipeline.timeouts().graceSeconds(), deadline),
        new RunSpecFile.Retry(pipeline.retry().nonRetryableErrors()),
        pipeline.verify(),
        new RunSpecFile.MessageLimit(messageBudget(containers)),
        pipeline.env().stream().filter(JobBlueprint::isSecret).map(EnvEntry::name).toList(),
        SecretFiles.paths(pod, pod.getContainers().getFirst()));
  }

  private static int messageBudget(int containers) {
    int all = containers + INJECTED_CONTAINERS;
    int share = Math.min(MESSAGE_BYTES, MESSAGE_BYTES_OF_POD / all) - MESSAGE_RESERVE;
    return Math.max(share, MIN_MESSAGE_BYTES);
  }

  private static boolean isSecret(EnvEntry entry) {
    return entry.valueFrom() != null && entry.valueFrom().secretKeyRef() != null;
  }

  @SuppressWarnings("unchecked") // an object in JSON is a map with text keys
  private Map<String, Object> asMap(PodTemplateSpec template) {
    return serialization.convertValue(template, Map.class);
  }

  private static Set<String> volumeNames(PodTemplateSpec template) {
    return template.getSpec().getVolumes().stream()
        .map(Volume::getName)
        .collect(Collectors.toSet());
  }

  private static Set<String> mountPaths(PodTemplateSpec template) {
    return template.getSpec().getContainers().getFirst().getVolumeMounts().stream()
        .map(VolumeMount::getMountPath)
        .collect(Collectors.toSet());
  }

  private static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }
}
