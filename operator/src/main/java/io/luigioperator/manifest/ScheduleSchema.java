/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.manifest;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import io.luigioperator.schedule.CronExpression;
import io.luigioperator.schedule.InvalidScheduleException;
import io.luigioperator.schedule.TimeZones;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.function.Consumer;

/**
 * What the definition of PipelineSchedules says about a schedule and about one of its clients, with
 * the crons and time zones, which the definition does not check completely. Thread-safe.
 */
public final class ScheduleSchema {

  private static final JsonNode SCHEDULE = read();
  private static final JsonNode CLIENT = SCHEDULE.at("/properties/spec/properties/clients/items");

  private ScheduleSchema() {}

  private static JsonNode read() {
    String file = "pipelineschedules.luigi-operator.io.yaml";
    try (InputStream in = ScheduleSchema.class.getResourceAsStream(file)) {
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

  /** Checks a PipelineSchedule. */
  public static void checkSchedule(YamlDocument document, Problems problems) {
    JsonNode spec = document.content().path("spec");
    // first, because its messages are better than those of the schema
    clock(document, "spec.", spec, problems);
    for (int i = 0; i < spec.path("clients").size(); i++) {
      clock(document, "spec.clients[" + i + "].", spec.path("clients").path(i), problems);
    }
    SchemaCheck.object(document, SCHEDULE, problems);
  }

  /** Checks one entry of a list of clients. */
  static void checkClient(YamlDocument entry, Problems problems) {
    clock(entry, "", entry.content(), problems);
    SchemaCheck.value(entry, CLIENT, problems);
  }

  /** The crons and the time zone of the schedule or of a client. */
  private static void clock(
      YamlDocument document, String prefix, JsonNode fields, Problems problems) {
    JsonNode zone = fields.path("timeZone");
    if (zone.isTextual()) {
      valid(document, prefix + "timeZone", zone.asText(), TimeZones::parse, problems);
    }
    JsonNode crons = fields.path("crons");
    for (int i = 0; i < crons.size(); i++) {
      if (crons.path(i).isTextual()) {
        String path = prefix + "crons[" + i + "]";
        valid(document, path, crons.path(i).asText(), CronExpression::parse, problems);
      }
    }
  }

  private static void valid(
      YamlDocument document, String path, String text, Consumer<String> parser, Problems problems) {
    try {
      parser.accept(text);
    } catch (InvalidScheduleException e) {
      problems.add(document, path, String.valueOf(e.getMessage()));
    }
  }
}
