/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.ScheduleRef;
import java.time.Instant;
import java.util.Optional;

/**
 * A PipelineRun as it was read.
 *
 * @param deleting it has a deletionTimestamp
 * @param createdByOperator for a run that was accepted in another cluster
 * @param status empty, or the default of the CRD, before the operator has written it
 */
public record RunObject(
    RunKey key,
    String uid,
    long generation,
    Instant createdAt,
    boolean deleting,
    boolean createdByOperator,
    ParsedSpec<PipelineRunSpec> parsedSpec,
    Optional<PipelineRunStatus> status) {

  /** An object that can be read. */
  public RunObject(
      RunKey key,
      String uid,
      long generation,
      Instant createdAt,
      boolean deleting,
      boolean createdByOperator,
      PipelineRunSpec spec,
      Optional<PipelineRunStatus> status) {
    this(
        key,
        uid,
        generation,
        createdAt,
        deleting,
        createdByOperator,
        new ParsedSpec.Valid<>(spec),
        status);
  }

  /**
   * @throws IllegalStateException if it could not be read
   */
  public PipelineRunSpec spec() {
    return parsedSpec.get();
  }

  /** The same object with the spec left out, for a cache. */
  public RunObject withoutSpec() {
    return parsedSpec.isOmitted()
        ? this
        : new RunObject(
            key,
            uid,
            generation,
            createdAt,
            deleting,
            createdByOperator,
            new ParsedSpec.Omitted<>(schedule()),
            status);
  }

  /** The schedule it refers to, also if the spec was left out. */
  public Optional<String> schedule() {
    return parsedSpec instanceof ParsedSpec.Omitted<PipelineRunSpec>(Optional<String> schedule)
        ? schedule
        : readableSpec().flatMap(s -> Optional.ofNullable(s.scheduleRef())).map(ScheduleRef::name);
  }

  /** Empty if it could not be read. */
  public Optional<PipelineRunSpec> readableSpec() {
    return isReadable() ? Optional.of(spec()) : Optional.empty();
  }

  /** How its run ended, as the status shows; empty if it does not show an end. */
  public Optional<RecordedOutcome> outcome() {
    return status.flatMap(RecordedOutcome::of);
  }

  /** Whether this generation was rejected permanently in its cluster. */
  public boolean isRejected() {
    return status
        .filter(s -> s.phase() == Phase.Rejected)
        .filter(s -> s.observedGeneration() != null && s.observedGeneration() == generation)
        .isPresent();
  }

  public boolean isReadable() {
    return parsedSpec.problem().isEmpty();
  }

  /** Whether it asks for the run with this hash; false if its spec could not be read. */
  public boolean asksFor(String requestSha) {
    return readableSpec().filter(spec -> RequestJson.hash(spec).equals(requestSha)).isPresent();
  }

  /**
   * Whether a user has applied it for another run than the one with this hash. An object whose spec
   * was too large to be kept counts as one.
   */
  public boolean isOfOtherRun(String requestSha) {
    return parsedSpec.isOmitted() || !asksFor(requestSha);
  }
}
