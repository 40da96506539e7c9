/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.EnvFromSource;
import io.fabric8.kubernetes.api.model.EnvFromSourceBuilder;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarBuilder;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.ResourceRequirementsBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.ResourcesSpec;
import io.luigioperator.api.VolumeMountEntry;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** Builds the pod spec of an attempt, before the podTemplate of the pipeline is merged into it. */
final class PodSpecFactory {

  private static final String SPEC_VOLUME = "luigi-run";
  private static final String SPEC_FOLDER = "/etc/luigi-run";
  private static final String SPEC_FILE = "spec.json";

  /** A variable with this prefix is a copy of one from a Secret: the runner masks its value. */
  private static final String SECRET_COPY = "LUIGI_RUN_SECRET_";

  private static final String TMP_VOLUME = "luigi-tmp";
  private static final String TMP_FOLDER = "/tmp";

  /** A pod that writes more is evicted, before it fills the disk of its node. */
  private static final Quantity TMP_SIZE = new Quantity("2Gi");

  /** Group of mounted persistent volume claims, so that any user of an image can write to them. */
  private static final long CLAIM_GROUP = 10001;

  private static final int DEADLINE_BACKSTOP_SECONDS = 300;

  private final KubernetesSerialization serialization;

  PodSpecFactory(KubernetesSerialization serialization) {
    this.serialization = serialization;
  }

  /**
   * @param deadline of the runner, in seconds
   * @param variables environment variables that identify the attempt
   */
  PodSpec create(PipelineSpec pipeline, int deadline, Map<String, String> variables) {
    return new PodSpecBuilder()
        .addNewSchedulingGate(SchedulingGate.NAME)
        .withRestartPolicy("Never")
        .withActiveDeadlineSeconds(backstop(pipeline, deadline))
        .withTerminationGracePeriodSeconds(pipeline.timeouts().graceSeconds().longValue())
        .withServiceAccountName(pipeline.serviceAccountName())
        .withAutomountServiceAccountToken(false)
        .withEnableServiceLinks(false)
        .withNewSecurityContext()
        .withRunAsNonRoot(true)
        .withNewSeccompProfile()
        .withType("RuntimeDefault")
        .endSeccompProfile()
        .withFsGroup(mountsClaim(pipeline) ? CLAIM_GROUP : null)
        .withFsGroupChangePolicy(mountsClaim(pipeline) ? "OnRootMismatch" : null)
        .endSecurityContext()
        .addNewTopologySpreadConstraint()
        .withMaxSkew(1)
        .withTopologyKey("kubernetes.io/hostname")
        .withWhenUnsatisfiable("ScheduleAnyway")
        .withNewLabelSelector()
        .addToMatchLabels(Labels.MANAGED_BY, Labels.OPERATOR)
        .endLabelSelector()
        .endTopologySpreadConstraint()
        .withVolumes(volumes(pipeline))
        .addToContainers(
            new ContainerBuilder()
                .withName(JobBlueprint.CONTAINER)
                .withImage(pipeline.image())
                .withEnv(environment(pipeline, variables))
                .withEnvFrom(environmentSources(pipeline))
                .withResources(resources(pipeline.resources()))
                .withVolumeMounts(mounts(pipeline))
                .withTerminationMessagePath("/dev/termination-log")
                .withTerminationMessagePolicy("File")
                .withNewSecurityContext()
                .withAllowPrivilegeEscalation(false)
                .withReadOnlyRootFilesystem(true)
                .withNewCapabilities()
                .addToDrop("ALL")
                .endCapabilities()
                .endSecurityContext()
                .build())
        .build();
  }

  /**
   * The deadline of the pod, for a runner that hangs. The time of the pod counts from the kubelet's
   * acceptance, that of the runner from the start of its container, up to startSeconds later; the
   * pod must not end before the runner has had its deadline.
   */
  private static long backstop(PipelineSpec pipeline, int deadline) {
    return (long) deadline + pipeline.timeouts().startSeconds() + DEADLINE_BACKSTOP_SECONDS;
  }

  private List<EnvVar> environment(PipelineSpec pipeline, Map<String, String> variables) {
    Map<String, String> defaults = new TreeMap<>(variables);
    defaults.put("HOME", TMP_FOLDER);
    defaults.put("TMPDIR", TMP_FOLDER);
    defaults.put("XDG_CACHE_HOME", TMP_FOLDER + "/.cache");
    defaults.put("LUIGI_RUN_SPEC", SPEC_FOLDER + "/" + SPEC_FILE);
    pipeline.env().forEach(e -> defaults.remove(e.name()));
    List<EnvVar> result = new ArrayList<>();
    defaults.forEach(
        (name, value) -> result.add(new EnvVarBuilder().withName(name).withValue(value).build()));
    result.addAll(converted(pipeline.env(), EnvVar.class));
    return result;
  }

  /**
   * The sources of the pipeline, and each whole Secret a second time with a prefix. The kubelet
   * reads a Secret once for both, so that a copy always has the value of its variable.
   */
  private List<EnvFromSource> environmentSources(PipelineSpec pipeline) {
    List<EnvFromSource> result = new ArrayList<>();
    for (EnvFromSource source : converted(pipeline.envFrom(), EnvFromSource.class)) {
      result.add(source);
      if (source.getSecretRef() != null) {
        String prefix = SECRET_COPY + Objects.requireNonNullElse(source.getPrefix(), "");
        result.add(new EnvFromSourceBuilder(source).withPrefix(prefix).build());
      }
    }
    return result;
  }

  private List<Volume> volumes(PipelineSpec pipeline) {
    List<Volume> result = new ArrayList<>();
    result.add(
        new VolumeBuilder()
            .withName(SPEC_VOLUME)
            .withNewDownwardAPI()
            .addNewItem()
            .withPath(SPEC_FILE)
            .withNewFieldRef()
            .withFieldPath("metadata.annotations['" + Annotations.RUN_SPEC + "']")
            .endFieldRef()
            .endItem()
            .endDownwardAPI()
            .build());
    if (!hasOwnTmp(pipeline)) {
      result.add(
          new VolumeBuilder()
              .withName(TMP_VOLUME)
              .withNewEmptyDir()
              .withSizeLimit(TMP_SIZE)
              .endEmptyDir()
              .build());
    }
    result.addAll(converted(pipeline.volumes(), Volume.class));
    return result;
  }

  private List<VolumeMount> mounts(PipelineSpec pipeline) {
    List<VolumeMount> result = new ArrayList<>();
    result.add(
        new VolumeMountBuilder()
            .withName(SPEC_VOLUME)
            .withMountPath(SPEC_FOLDER)
            .withReadOnly(true)
            .build());
    if (!hasOwnTmp(pipeline)) {
      result.add(new VolumeMountBuilder().withName(TMP_VOLUME).withMountPath(TMP_FOLDER).build());
    }
    result.addAll(converted(pipeline.volumeMounts(), VolumeMount.class));
    return result;
  }

  /** A pipeline that needs more space mounts its own volume at /tmp. */
  private static boolean hasOwnTmp(PipelineSpec pipeline) {
    return pipeline.volumeMounts().stream()
        .map(VolumeMountEntry::mountPath)
        .anyMatch(TMP_FOLDER::equals);
  }

  private static boolean mountsClaim(PipelineSpec pipeline) {
    return pipeline.volumes().stream().anyMatch(v -> v.persistentVolumeClaim() != null);
  }

  private static ResourceRequirements resources(ResourcesSpec resources) {
    return new ResourceRequirementsBuilder()
        .withRequests(quantities(resources.requests()))
        .withLimits(quantities(resources.limits()))
        .build();
  }

  private static Map<String, Quantity> quantities(Map<String, String> amounts) {
    Map<String, Quantity> result = new TreeMap<>();
    amounts.forEach((name, amount) -> result.put(name, new Quantity(amount)));
    return result;
  }

  /** The records of the API have the same field names as the types of Kubernetes. */
  private <T> List<T> converted(Collection<? extends Record> entries, Class<T> type) {
    return entries.stream().map(e -> serialization.convertValue(e, type)).toList();
  }
}
