/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SelectableField;
import io.fabric8.generator.annotation.Size;
import io.fabric8.kubernetes.api.model.Condition;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Observed state of a PipelineRun. Only the operator writes it; the complete history is in its
 * database.
 */
@JsonClassDescription(
    "Observed state of the run. Only the operator writes it; the complete history is in its database.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PipelineRunStatus(
    @JsonPropertyDescription(
            "metadata.generation that this status describes; -1 until the operator has processed the object.")
        @Nullable Long observedGeneration,
    @JsonPropertyDescription(
            "Summary of the state for people: Pending (not accepted yet), Rejected (refused permanently), Queued (waiting), Running, Retrying (waiting for the next attempt), Succeeded, Failed or Canceled. Programs read the conditions instead.")
        @SelectableField
        @Nullable Phase phase,
    @JsonPropertyDescription("Why the run is in this phase, as one CamelCase word.") @Size(max = 64)
        @Nullable String reason,
    @JsonPropertyDescription("Why the run is in this phase and what to do about it.")
        @Size(max = 1024)
        @Nullable String message,
    @JsonPropertyDescription(
            "Conditions Accepted, Queued, Succeeded, Finished, Reconciling and Stalled. Finished is True when the run has ended in any way, so kubectl wait --for=condition=Finished works for every run; Succeeded shows the outcome.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("type")
        @Size(max = 16)
        List<Condition> conditions,
    @JsonPropertyDescription("When the operator accepted the run.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant queuedTime,
    @JsonPropertyDescription(
            "When the operator selected the pod of the first attempt, just before that pod could start.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant startTime,
    @JsonPropertyDescription("When the run ended.") @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant completionTime,
    @JsonPropertyDescription("Number of counted attempts and their maximum, such as 2/5.")
        @Size(max = 16)
        @Nullable String attemptSummary,
    @JsonPropertyDescription("The newest 10 attempts, newest first.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("number")
        @Size(max = 10)
        List<AttemptStatus> attempts,
    @JsonPropertyDescription(
            "Values that the operator determined when it accepted the run. Only the priority can change later.")
        @Nullable ResolvedStatus resolved,
    @JsonPropertyDescription(
            "Tasks of the dependency tree, as the newest attempt with a report counted them.")
        @Nullable LuigiStatus luigi) {
  public PipelineRunStatus {
    conditions = List.copyOf(Objects.requireNonNullElse(conditions, List.of()));
    attempts = List.copyOf(Objects.requireNonNullElse(attempts, List.of()));
  }

  /** A builder without any field set. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder with the fields of this status. */
  public Builder toBuilder() {
    return new Builder()
        .observedGeneration(observedGeneration)
        .phase(phase)
        .reason(reason)
        .message(message)
        .conditions(conditions)
        .queuedTime(queuedTime)
        .startTime(startTime)
        .completionTime(completionTime)
        .attemptSummary(attemptSummary)
        .attempts(attempts)
        .resolved(resolved)
        .luigi(luigi);
  }

  /** Collects the fields of a status. Not thread-safe. */
  public static final class Builder {
    private @Nullable Long observedGeneration;
    private @Nullable Phase phase;
    private @Nullable String reason;
    private @Nullable String message;
    private List<Condition> conditions = List.of();
    private @Nullable Instant queuedTime;
    private @Nullable Instant startTime;
    private @Nullable Instant completionTime;
    private @Nullable String attemptSummary;
    private List<AttemptStatus> attempts = List.of();
    private @Nullable ResolvedStatus resolved;
    private @Nullable LuigiStatus luigi;

    private Builder() {}

    public Builder observedGeneration(@Nullable Long observedGeneration) {
      this.observedGeneration = observedGeneration;
      return this;
    }

    public Builder phase(@Nullable Phase phase) {
      this.phase = phase;
      return this;
    }

    public Builder reason(@Nullable String reason) {
      this.reason = reason;
      return this;
    }

    public Builder message(@Nullable String message) {
      this.message = message;
      return this;
    }

    public Builder conditions(List<Condition> conditions) {
      this.conditions = conditions;
      return this;
    }

    public Builder queuedTime(@Nullable Instant queuedTime) {
      this.queuedTime = queuedTime;
      return this;
    }

    public Builder startTime(@Nullable Instant startTime) {
      this.startTime = startTime;
      return this;
    }

    public Builder completionTime(@Nullable Instant completionTime) {
      this.completionTime = completionTime;
      return this;
    }

    public Builder attemptSummary(@Nullable String attemptSummary) {
      this.attemptSummary = attemptSummary;
      return this;
    }

    public Builder attempts(List<AttemptStatus> attempts) {
      this.attempts = attempts;
      return this;
    }

    public Builder resolved(@Nullable ResolvedStatus resolved) {
      this.resolved = resolved;
      return this;
    }

    public Builder luigi(@Nullable LuigiStatus luigi) {
      this.luigi = luigi;
      return this;
    }

    public PipelineRunStatus build() {
      return new PipelineRunStatus(
          observedGeneration,
          phase,
          reason,
          message,
          conditions,
          queuedTime,
          startTime,
          completionTime,
          attemptSummary,
          attempts,
          resolved,
          luigi);
    }
  }
}
