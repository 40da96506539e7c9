/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.ContainerBuilder;
import io.fabric8.kubernetes.api.model.EnvFromSource;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSpecBuilder;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpecBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import io.fabric8.kubernetes.api.model.ResourceRequirementsBuilder;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeBuilder;
import io.fabric8.kubernetes.api.model.VolumeMount;
import io.fabric8.kubernetes.api.model.VolumeMountBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.EnvEntry;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.ResourcesSpec;
import io.luigioperator.api.VolumeMountEntry;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Request;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * From a claimed attempt to the Job that makes its pod. Pure: the same attempt always gives the
 * same Job.
 *
 * <p>Environment variables that {@code env} takes from Secrets are named to the runner, which masks
 * their values. Those of a whole Secret ({@code envFrom}) have names the operator cannot know,
 * because it may not read Secrets; they are not masked.
 */
public final class JobBlueprint {

  private static final Pattern LABEL_VALUE =
      Pattern.compile("[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?");

  private static final String SPEC_VOLUME = "luigi-run";
  private static final String SPEC_FOLDER = "/etc/luigi-run";
  private static final String SPEC_FILE = "spec.json";
  private static final String TMP_VOLUME = "luigi-tmp";
  private static final String TMP_FOLDER = "/tmp";

  /** A pod that fills its node's disk disturbs its neighbours; this one is evicted instead. */
  private static final Quantity TMP_SIZE = new Quantity("2Gi");

  /** Group that owns mounted claims, so that any user of an image can write to them. */
  private static final long CLAIM_GROUP = 10001;

  private static final int DEADLINE_BACKSTOP_SECONDS = 300;

  // the kubelet keeps 4096 bytes of a container's message and 12 KiB of a pod's
  private static final int MESSAGE_BYTES = 4096;
  private static final int MESSAGE_BYTES_OF_POD = 12288;
  private static final int MESSAGE_RESERVE = 96;
  private static final int MESSAGE_LEAST = 768;

  private final KubernetesSerialization serialization = new KubernetesSerialization();
  private final String version;

  /** Who the pod is for; the dry run makes one up. */
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
   * The Job of a claimed attempt; its pod is gated.
   *
   * @throws PodTemplateInvalid if the pipeline's podTemplate cannot be laid over ours
   */
  public Job job(Run run, Request request, Attempt attempt, RunObject owner) {
    Identity id =
        new Identity(
            run.key(),
            run.origin().client(),
            run.origin().businessDate(),
            run.origin().schedule(),
            owner.uid(),
            attempt.number(),
            attempt.ref().fence(),
            attempt.token(),
            attempt.admitKey().value(),
            attempt.clusterId());
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
                // without blockOwnerDeletion: nobody waits for us, and it would need a further
                // right
                .withController(true)
                .build())
        .endMetadata()
        .withNewSpec()
        .withParallelism(1)
        .withCompletions(1)
        .withBackoffLimit(0)
        // the Job's finalizer holds the pod until it is terminal, so that its verdict is not lost
        .withPodReplacementPolicy("Failed")
        .withTemplate(template(id, request, override(owner)))
        .endSpec()
        .build();
  }

  /**
   * The pod the API server is asked about before anything is claimed: as {@link #job} would make
   * it, with a made-up identity.
   *
   * @throws PodTemplateInvalid if the pipeline's podTemplate cannot be laid over ours
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
        template(
            id,
            request,
            request.asked().activeDeadlineSeconds() == null
                ? OptionalInt.empty()
                : OptionalInt.of(request.asked().activeDeadlineSeconds()));
    return new PodBuilder()
        .withMetadata(
            new ObjectMetaBuilder(template.getMetadata())
                .withNamespace(key.namespace())
                .withGenerateName(key.name() + "-dry-run-")
                .build())
        .withSpec(template.getSpec())
        .build();
  }

  private static OptionalInt override(RunObject owner) {
    Integer seconds = owner.spec().activeDeadlineSeconds();
    return seconds == null ? OptionalInt.empty() : OptionalInt.of(seconds);
  }

  private Map<String, String> labels(Identity id) {
    Map<String, String> labels = new TreeMap<>();
    labels.put(Marks.MANAGED_BY, Marks.OPERATOR);
    labels.put(Marks.VERSION, version);
    labels.put(Marks.RUN, id.key().name());
    labels.put(Marks.CLIENT, id.client());
    if (!id.schedule().isEmpty()) {
      labels.put(Marks.SCHEDULE, id.schedule());
    }
    if (!id.date().isEmpty()) {
      labels.put(Marks.DATE, id.date());
    }
    return labels;
  }

  private static Map<String, String> annotations(Identity id) {
    Map<String, String> annotations = new TreeMap<>();
    annotations.put(Marks.ATTEMPT, Integer.toString(id.attempt()));
    annotations.put(Marks.KIND, "Run");
    annotations.put(Marks.ADMIT_KEY, id.admitKey());
    annotations.put(Marks.FENCE, Long.toString(id.fence()));
    annotations.put(Marks.TOKEN, id.token());
    annotations.put(Marks.CLUSTER, id.cluster());
    return annotations;
  }

  private PodTemplateSpec template(Identity id, Request request, OptionalInt activeSeconds) {
    PipelineSpec pipeline = request.pipeline();
    int deadline = activeSeconds.orElse(pipeline.timeouts().activeSeconds());
    PodTemplateSpec base = base(id, pipeline, deadline);
    PodTemplateSpec template = base;
    if (!pipeline.podTemplate().isEmpty()) {
      Map<String, Object> merged =
          PodOverlay.merge(
              asMap(base), pipeline.podTemplate(), volumeNames(base), mountPaths(base));
      try {
        template = serialization.convertValue(merged, PodTemplateSpec.class);
      } catch (IllegalArgumentException e) {
        throw new PodTemplateInvalid(
            List.of("podTemplate has not the shape of a pod template: " + firstLine(e)));
      }
    }
    int containers =
        template.getSpec().getContainers().size() + template.getSpec().getInitContainers().size();
    String spec = specFile(id, request, deadline, containers).json();
    return new PodTemplateSpecBuilder(template)
        .editMetadata()
        .addToAnnotations(Marks.RUN_SPEC, spec)
        .endMetadata()
        .build();
  }

  private PodTemplateSpec base(Identity id, PipelineSpec pipeline, int deadline) {
    return new PodTemplateSpecBuilder()
        .withNewMetadata()
        .withLabels(labels(id))
        .withAnnotations(annotations(id))
        .endMetadata()
        .withSpec(
            new PodSpecBuilder()
                .addNewSchedulingGate(Marks.GATE)
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
                .addToMatchLabels(Marks.MANAGED_BY, Marks.OPERATOR)
                .endLabelSelector()
                .endTopologySpreadConstraint()
                .withVolumes(volumes(pipeline))
                .addToContainers(
                    new ContainerBuilder()
                        .withName(Marks.CONTAINER)
                        .withImage(pipeline.image())
                        .withEnv(environment(id, pipeline))
                        .withEnvFrom(converted(pipeline.envFrom(), EnvFromSource.class))
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
                .build())
        .build();
  }

  /**
   * Ends a pod whose runner hangs. The pod's clock starts with the kubelet, the runner's own with
   * the container, up to startSeconds later: only after both may the pod be ended from outside.
   */
  private static long backstop(PipelineSpec pipeline, int deadline) {
    return (long) deadline + pipeline.timeouts().startSeconds() + DEADLINE_BACKSTOP_SECONDS;
  }

  private List<EnvVar> environment(Identity id, PipelineSpec pipeline) {
    Map<String, String> ours = new TreeMap<>();
    ours.put("HOME", TMP_FOLDER);
    ours.put("TMPDIR", TMP_FOLDER);
    ours.put("XDG_CACHE_HOME", TMP_FOLDER + "/.cache");
    ours.put("LUIGI_RUN_SPEC", SPEC_FOLDER + "/" + SPEC_FILE);
    ours.put("LUIGI_RUN_NAMESPACE", id.key().namespace());
    ours.put("LUIGI_RUN_NAME", id.key().name());
    ours.put("LUIGI_RUN_UID", id.uid());
    ours.put("LUIGI_RUN_ATTEMPT", Integer.toString(id.attempt()));
    ours.put("LUIGI_RUN_FENCE", Long.toString(id.fence()));
    ours.put("LUIGI_RUN_DATE", id.date());
    pipeline.env().forEach(e -> ours.remove(e.name()));
    List<EnvVar> result = new ArrayList<>();
    ours.forEach(
        (name, value) -> result.add(new EnvVarBuilder().withName(name).withValue(value).build()));
    result.addAll(converted(pipeline.env(), EnvVar.class));
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
            .withFieldPath("metadata.annotations['" + Marks.RUN_SPEC + "']")
            .endFieldRef()
            .endItem()
            .endDownwardAPI()
            .build());
    if (!bringsOwnTmp(pipeline)) {
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
    if (!bringsOwnTmp(pipeline)) {
      result.add(new VolumeMountBuilder().withName(TMP_VOLUME).withMountPath(TMP_FOLDER).build());
    }
    result.addAll(converted(pipeline.volumeMounts(), VolumeMount.class));
    return result;
  }

  /** A pipeline that needs more room than ours mounts its own volume at /tmp. */
  private static boolean bringsOwnTmp(PipelineSpec pipeline) {
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

  private static RunSpecFile specFile(Identity id, Request request, int deadline, int containers) {
    PipelineSpec pipeline = request.pipeline();
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
        new RunSpecFile.Report(messageBudget(containers)),
        pipeline.env().stream().filter(JobBlueprint::isSecret).map(EnvEntry::name).toList());
  }

  private static int messageBudget(int containers) {
    int share = Math.min(MESSAGE_BYTES, MESSAGE_BYTES_OF_POD / containers) - MESSAGE_RESERVE;
    return Math.max(share, MESSAGE_LEAST);
  }

  private static boolean isSecret(EnvEntry entry) {
    return entry.valueFrom() != null && entry.valueFrom().secretKeyRef() != null;
  }

  /** The records of the API have the field names of Kubernetes. */
  private <T> List<T> converted(Collection<? extends Record> entries, Class<T> type) {
    return entries.stream().map(e -> serialization.convertValue(e, type)).toList();
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
