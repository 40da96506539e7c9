/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Converts PipelineRuns and PipelineSchedules to and from the types of package run. Pure. */
public final class CustomResources {

  private CustomResources() {}

  static RunKey key(ObjectMeta metadata) {
    return new RunKey(metadata.getNamespace(), metadata.getName());
  }

  static RunObject run(PipelineRun run) {
    ObjectMeta metadata = run.getMetadata();
    return new RunObject(
        key(metadata),
        metadata.getUid(),
        generation(metadata),
        Observation.instant(metadata.getCreationTimestamp()).orElse(Instant.EPOCH),
        metadata.getDeletionTimestamp() != null,
        isManaged(metadata),
        parsed(run.unreadableSpec(), run.getSpec()),
        Optional.ofNullable(run.getStatus()));
  }

  public static ScheduleObject schedule(PipelineSchedule schedule) {
    ObjectMeta metadata = schedule.getMetadata();
    return new ScheduleObject(
        new ScheduleKey(metadata.getNamespace(), metadata.getName()),
        metadata.getUid(),
        Observation.instant(metadata.getCreationTimestamp()).orElse(Instant.EPOCH),
        generation(metadata),
        parsed(schedule.unreadableSpec(), schedule.getSpec()),
        Optional.ofNullable(schedule.getStatus())
            .map(PipelineScheduleStatus::lastTickTime)
            .flatMap(Observation::instant));
  }

  private static <S> ParsedSpec<S> parsed(Optional<String> unreadable, @Nullable S spec) {
    return spec == null
        ? new ParsedSpec.Unreadable<>(unreadable.orElse("it is missing"))
        : new ParsedSpec.Valid<>(spec);
  }

  private static long generation(ObjectMeta metadata) {
    return Optional.ofNullable(metadata.getGeneration()).orElse(0L);
  }

  private static boolean isManaged(ObjectMeta metadata) {
    return Optional.ofNullable(metadata.getLabels())
        .map(labels -> labels.get(Labels.MANAGED_BY))
        .filter(Labels.OPERATOR::equals)
        .isPresent();
  }

  /** A new object for a run that another cluster accepted. */
  static PipelineRun manifest(RunKey key, PipelineRunSpec spec) {
    Map<String, String> labels = new TreeMap<>();
    labels.put(Labels.MANAGED_BY, Labels.OPERATOR);
    labels.put(Labels.CLIENT, spec.client());
    if (spec.scheduleRef() != null) {
      labels.put(Labels.SCHEDULE, spec.scheduleRef().name());
    }
    if (spec.date() != null) {
      labels.put(Labels.DATE, spec.date());
    }
    PipelineRun run = named(key);
    run.getMetadata().setLabels(labels);
    run.setSpec(spec);
    return run;
  }

  /** An object to send a patch to; it has only the name. */
  static PipelineRun named(RunKey key) {
    PipelineRun run = new PipelineRun();
    run.setMetadata(
        new ObjectMetaBuilder().withNamespace(key.namespace()).withName(key.name()).build());
    return run;
  }

  /**
   * A JSON patch that replaces the whole status of the object with this UID. (The API server
   * ignores the UID in a merge patch on /status.)
   *
   * @param version if present, the patch fails for any other resourceVersion, so that a delayed
   *     request does not overwrite a newer status
   */
  static String statusPatch(
      String uid,
      OptionalLong version,
      PipelineRunStatus status,
      KubernetesSerialization serialization) {
    String versionTest =
        version.isPresent()
            ? """
            {"op":"test","path":"/metadata/resourceVersion","value":"%d"},
            """
                .formatted(version.getAsLong())
            : "";
    return """
        [{"op":"test","path":"/metadata/uid","value":"%s"},
         %s{"op":"add","path":"/status","value":%s}]
        """
        .formatted(uid, versionTest, serialization.asJson(status));
  }
}
