/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.AllowSpec;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The limits of a schedule ({@code pipeline.allow}) for mutable fields of the runs that reference
 * it. A new run beyond a limit is not accepted; a later change takes effect up to the limit. They
 * do not apply to an inline pipeline, whose author could set them.
 */
public final class RunLimits {

  private final boolean apply;
  private final AllowSpec allow;
  private final int pipelineSeconds;

  private RunLimits(boolean apply, PipelineSpec pipeline) {
    this.apply = apply;
    this.allow = pipeline.allow();
    this.pipelineSeconds = pipeline.timeouts().activeSeconds();
  }

  static RunLimits of(PipelineRunSpec asked, PipelineSpec pipeline) {
    return new RunLimits(asked.scheduleRef() != null, pipeline);
  }

  /** The limits when the run was accepted. */
  public static RunLimits of(Request request) {
    return of(request.asked(), request.pipeline());
  }

  /**
   * @param inherited the priority of a run that sets none, which is always allowed
   */
  Priority priority(PipelineRunSpec spec, Priority inherited) {
    Priority own = spec.priority();
    return own == null || excludes(own) ? inherited : own;
  }

  /**
   * @param inherited the number of a run that sets none, which is always allowed
   */
  int maxAttempts(PipelineRunSpec spec, int inherited) {
    Integer own = spec.maxAttempts();
    return own == null ? inherited : apply ? Math.min(own, attempts()) : own;
  }

  /** Seconds of one attempt, if the run sets them. */
  public OptionalInt activeSeconds(PipelineRunSpec spec) {
    Integer own = spec.activeDeadlineSeconds();
    return own == null
        ? OptionalInt.empty()
        : OptionalInt.of(apply ? Math.min(own, seconds()) : own);
  }

  /** The fields beyond their limits, each as a text for the user; empty if there is none. */
  List<String> exceeded(PipelineRunSpec spec) {
    List<String> all = new ArrayList<>();
    Optional.ofNullable(spec.priority())
        .filter(this::excludes)
        .map(p -> "spec.priority %s is not in allow.priorities %s".formatted(p, allow.priorities()))
        .ifPresent(all::add);
    Optional.ofNullable(spec.maxAttempts())
        .filter(n -> apply && n > attempts())
        .map(n -> "spec.maxAttempts %d is more than allow.maxAttempts %d".formatted(n, attempts()))
        .ifPresent(all::add);
    Optional.ofNullable(spec.activeDeadlineSeconds())
        .filter(n -> apply && n > seconds())
        .map(n -> "spec.activeDeadlineSeconds %d is more than %s".formatted(n, secondsField()))
        .ifPresent(all::add);
    return List.copyOf(all);
  }

  private boolean excludes(Priority own) {
    return apply && !allow.priorities().isEmpty() && !allow.priorities().contains(own);
  }

  private int attempts() {
    return Objects.requireNonNullElse(allow.maxAttempts(), Integer.MAX_VALUE);
  }

  private int seconds() {
    return Objects.requireNonNullElse(allow.activeSeconds(), pipelineSeconds);
  }

  private String secondsField() {
    return allow.activeSeconds() == null
        ? "timeouts.activeSeconds %d, and allow.activeSeconds is not set".formatted(pipelineSeconds)
        : "allow.activeSeconds " + allow.activeSeconds();
  }
}
