/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.fabric8.kubernetes.api.model.Condition;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import io.luigioperator.run.TickSummary;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.CronExpression;
import io.luigioperator.schedule.InvalidScheduleException;
import io.luigioperator.schedule.RunNames;
import io.luigioperator.schedule.TimeZones;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Checks a PipelineSchedule as the API server and the operator do. */
final class ScheduleReader {

  static final String KIND = "PipelineSchedule";
  static final String API_VERSION = "luigi-operator.io/v1beta1";

  /** A business date of any unit is as good for checking the runs of a client. */
  private static final String ANY_DATE = "2000-01-01";

  private static final ObjectMapper JSON =
      JsonMapper.builder().addModule(new JavaTimeModule()).build();

  private final JsonNode schema;
  private final String namespace;
  private final Problems problems;

  /**
   * @param namespace of objects that name none
   */
  ScheduleReader(String namespace, Problems problems) {
    this.schema = schema();
    this.namespace = namespace;
    this.problems = problems;
  }

  private static JsonNode schema() {
    String file = "pipelineschedules.luigi-operator.io.yaml";
    try (InputStream in = ScheduleReader.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException(file + " is missing from the jar");
      }
      Problems none = new Problems();
      JsonNode definition =
          YamlReader.read(new String(in.readAllBytes(), UTF_8), none).getFirst().content();
      return definition.at("/spec/versions/0/schema/openAPIV3Schema");
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + " from the jar", e);
    }
  }

  /** Empty if the schedule has an error. */
  Optional<ScheduleObject> read(YamlDocument document) {
    int before = problems.size();
    JsonNode spec = document.content().path("spec");
    // first, because its messages are better than those of the schema
    clock(document, "spec", spec);
    for (int i = 0; i < spec.path("clients").size(); i++) {
      clock(document, "spec.clients[" + i + "]", spec.path("clients").path(i));
    }
    SchemaCheck.run(document, schema, problems);
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
    ready(document, schedule);
    for (int i = 0; i < schedule.spec().clients().size(); i++) {
      client(document, "spec.clients[" + i + "]", schedule, schedule.spec().clients().get(i));
    }
    return problems.size() > before ? Optional.empty() : Optional.of(schedule);
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

  /** The crons and the time zone of the schedule or of a client. */
  private void clock(YamlDocument document, String path, JsonNode fields) {
    JsonNode zone = fields.path("timeZone");
    if (zone.isTextual()) {
      valid(document, path + ".timeZone", zone.asText(), TimeZones::parse);
    }
    JsonNode crons = fields.path("crons");
    for (int i = 0; i < crons.size(); i++) {
      if (crons.path(i).isTextual()) {
        valid(document, path + ".crons[" + i + "]", crons.path(i).asText(), CronExpression::parse);
      }
    }
  }

  private void valid(YamlDocument document, String path, String text, Consumer<String> parser) {
    try {
      parser.accept(text);
    } catch (InvalidScheduleException e) {
      problems.add(document, path, String.valueOf(e.getMessage()));
    }
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

  private void client(
      YamlDocument document, String path, ScheduleObject schedule, ScheduleClient client) {
    if (ClientRules.of(schedule.spec(), client) instanceof ClientRules.Invalid(var problem)) {
      problems.add(document, path, problem.message());
      return;
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
    if (run instanceof Resolution.Refused(String _, String message, boolean _)) {
      problems.add(document, path, message);
    }
  }
}
