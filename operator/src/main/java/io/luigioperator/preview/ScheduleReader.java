/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.fabric8.kubernetes.api.model.Condition;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.manifest.Problems;
import io.luigioperator.manifest.ScheduleSchema;
import io.luigioperator.manifest.YamlDocument;
import io.luigioperator.run.ClientEntry;
import io.luigioperator.run.ClientSource;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import io.luigioperator.run.TickSummary;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.RunNames;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Checks a PipelineSchedule as the API server and the operator do. */
final class ScheduleReader {

  static final String KIND = "PipelineSchedule";
  static final String API_VERSION = "luigi-operator.io/v1beta1";

  /** A business date of any unit is as good for checking the runs of a client. */
  private static final String ANY_DATE = "2000-01-01";

  private static final ObjectMapper JSON =
      JsonMapper.builder().addModule(new JavaTimeModule()).build();

  private final ConfigMaps configMaps;
  private final String namespace;
  private final Problems problems;

  /**
   * @param namespace of objects that name none
   */
  ScheduleReader(ConfigMaps configMaps, String namespace, Problems problems) {
    this.configMaps = configMaps;
    this.namespace = namespace;
    this.problems = problems;
  }

  /**
   * @param absent its ConfigMaps that are not in the file, so that their clients are not known
   */
  record Read(ScheduleObject schedule, List<String> absent) {}

  /** Empty if the schedule has an error. */
  Optional<Read> read(YamlDocument document) {
    int before = problems.size();
    JsonNode spec = document.content().path("spec");
    ScheduleSchema.checkSchedule(document, problems);
    if (problems.size() > before) {
      return Optional.empty();
    }
    ScheduleObject schedule;
    try {
      schedule = object(document, JSON.treeToValue(spec, PipelineScheduleSpec.class));
    } catch (JsonProcessingException e) {
      problems.add(document, "spec", e.getOriginalMessage());
      return Optional.empty();
    }
    List<String> absent = new ArrayList<>();
    List<ClientSource> sources = new ArrayList<>();
    for (ClientSource named : schedule.sources()) {
      configMaps
          .source(schedule.namespace(), named.configMap())
          .ifPresentOrElse(sources::add, () -> absent.add(named.configMap()));
    }
    Read read = new Read(schedule.withSources(sources), absent);
    if (problems.size() == before && absent.isEmpty()) {
      ready(document, read.schedule());
    }
    clients(document, read.schedule());
    return problems.size() > before ? Optional.empty() : Optional.of(read);
  }

  private void clients(YamlDocument document, ScheduleObject schedule) {
    List<ScheduleClient> inline = schedule.spec().clients();
    for (int i = 0; i < inline.size(); i++) {
      String path = "spec.clients[" + i + "]";
      problem(schedule, inline.get(i)).ifPresent(p -> problems.add(document, path, p));
    }
    for (ClientEntry entry : schedule.clients().all().values()) {
      if (entry instanceof ClientEntry.Valid(ScheduleClient client) && !inline.contains(client)) {
        problem(schedule, client)
            .ifPresent(
                p ->
                    problems.add(
                        document.line("spec.clientsFrom"),
                        "spec.clientsFrom",
                        "client %s: %s".formatted(client.id(), p)));
      }
    }
  }

  private ScheduleObject object(YamlDocument document, PipelineScheduleSpec spec) {
    return new ScheduleObject(
        new ScheduleKey(
            document.content().path("metadata").path("namespace").asText(namespace),
            document.name()),
        "",
        Instant.EPOCH,
        1,
        new ParsedSpec.Valid<>(spec),
        Optional.empty());
  }

  private void ready(YamlDocument document, ScheduleObject schedule) {
    List<Condition> conditions =
        ScheduleView.of(
                schedule, TickSummary.withoutCrons(schedule), Optional.empty(), Instant.EPOCH)
            .conditions();
    conditions.stream()
        .filter(c -> c.getType().equals("Ready") && c.getStatus().equals("False"))
        .forEach(c -> problems.add(document, "spec.clients", c.getMessage()));
  }

  /** Why no run is created for a client. */
  private static Optional<String> problem(ScheduleObject schedule, ScheduleClient client) {
    if (ClientRules.of(schedule.spec(), client) instanceof ClientRules.Invalid(var problem)) {
      return Optional.of(problem.message());
    }
    String name = RunNames.of(schedule.name(), client.id(), ANY_DATE);
    Resolution run =
        Resolver.ofTick(
            new RunKey(schedule.namespace(), name),
            schedule,
            client.id(),
            ANY_DATE,
            schedule.spec().priority(),
            Optional.empty());
    return run instanceof Resolution.Refused(String _, String message, boolean _)
        ? Optional.of(message)
        : Optional.empty();
  }
}
