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
 * Where a PipelineRun stands. Written by the operator only; the full history is in its database.
 */
@JsonClassDescription(
    "Where a PipelineRun stands. Written by the operator only; the full history is in its database.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PipelineRunStatus(
    @JsonPropertyDescription(
            "Generation of the spec that this status is about; -1 before the operator has seen "
                + "the object.")
        @Nullable Long observedGeneration,
    @JsonPropertyDescription(
            "Where the run stands, in one word for people. Programs read the conditions.")
        @SelectableField
        @Nullable Phase phase,
    @JsonPropertyDescription("Why it stands there, in one word.") @Size(max = 64)
        @Nullable String reason,
    @JsonPropertyDescription("Why it stands there and what to do about it, in a sentence.")
        @Size(max = 1024)
        @Nullable String message,
    @JsonPropertyDescription(
            "Accepted, Queued, Succeeded, Finished, Reconciling and Stalled. Wait for the end of "
                + "a run with kubectl wait --for=condition=Finished.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("type")
        @Size(max = 16)
        List<Condition> conditions,
    @JsonPropertyDescription("When the run was accepted.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant queuedTime,
    @JsonPropertyDescription(
            "When the pod of the first attempt was chosen, just before it may start.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant startTime,
    @JsonPropertyDescription("When the run ended.") @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant completionTime,
    @JsonPropertyDescription("Counted attempts of allowed ones, such as 2/5.") @Size(max = 16)
        @Nullable String attemptSummary,
    @JsonPropertyDescription("The newest 10 attempts, the newest first.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("number")
        @Size(max = 10)
        List<AttemptStatus> attempts,
    @JsonPropertyDescription(
            "What the request came to; all but the priority is fixed once the run is accepted.")
        @Nullable ResolvedStatus resolved,
    @JsonPropertyDescription("Tasks of the tree, as the newest attempt counts them.")
        @Nullable LuigiStatus luigi) {
  public PipelineRunStatus {
    conditions = List.copyOf(Objects.requireNonNullElse(conditions, List.of()));
    attempts = List.copyOf(Objects.requireNonNullElse(attempts, List.of()));
  }

  /** Starts an empty status. */
  public static Builder builder() {
    return new Builder();
  }

  /** Starts a status that differs from this one in a few fields. */
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

  /** Collects the fields of a status; whatever is not set stays out of it. */
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
