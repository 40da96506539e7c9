/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineScheduleSpec;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A PipelineSchedule as the API server gave it.
 *
 * @param createdAt time of the API server
 * @param lastTickTime of its status
 * @param sources the ConfigMaps of its {@code clientsFrom}, in their order, as they are known
 */
public record ScheduleObject(
    ScheduleKey key,
    String uid,
    Instant createdAt,
    long generation,
    ParsedSpec<PipelineScheduleSpec> parsedSpec,
    Optional<Instant> lastTickTime,
    List<ClientSource> sources) {

  public ScheduleObject {
    sources = List.copyOf(sources);
  }

  /** Nothing is known of its ConfigMaps. */
  public ScheduleObject(
      ScheduleKey key,
      String uid,
      Instant createdAt,
      long generation,
      ParsedSpec<PipelineScheduleSpec> parsedSpec,
      Optional<Instant> lastTickTime) {
    this(key, uid, createdAt, generation, parsedSpec, lastTickTime, unknown(parsedSpec));
  }

  private static List<ClientSource> unknown(ParsedSpec<PipelineScheduleSpec> parsedSpec) {
    return parsedSpec.problem().isPresent()
        ? List.of()
        : parsedSpec.get().clientsFrom().configMaps().stream()
            .map(source -> ClientSource.unknown(source.name()))
            .toList();
  }

  public String namespace() {
    return key.namespace();
  }

  public String name() {
    return key.name();
  }

  /** The same object with the spec left out, for a cache. */
  public ScheduleObject withoutSpec() {
    return new ScheduleObject(
        key,
        uid,
        createdAt,
        generation,
        new ParsedSpec.Omitted<>(Optional.empty()),
        lastTickTime,
        sources);
  }

  public ScheduleObject withSources(List<ClientSource> known) {
    return new ScheduleObject(key, uid, createdAt, generation, parsedSpec, lastTickTime, known);
  }

  /**
   * @throws IllegalStateException if it could not be read
   */
  public PipelineScheduleSpec spec() {
    return parsedSpec.get();
  }

  /**
   * Of its spec and its ConfigMaps.
   *
   * @throws IllegalStateException if its spec could not be read
   */
  public ScheduleClients clients() {
    return ScheduleClients.of(spec().clients(), sources);
  }

  /** Differs when what its ConfigMaps say about any client may differ. */
  public List<String> sourceVersions() {
    return sources.stream().map(ClientSource::version).toList();
  }
}
