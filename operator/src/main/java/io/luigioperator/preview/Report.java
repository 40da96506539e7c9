/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.DstNote;
import io.luigioperator.schedule.Jitter;
import io.luigioperator.schedule.Preview;
import io.luigioperator.schedule.RunNames;
import io.luigioperator.schedule.TimeZones;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Comparator;
import java.util.List;

/**
 * What the command found. The names of the components are those of the JSON output.
 *
 * @param tzdb release of the tz database
 * @param skipped objects of other kinds
 */
@JsonPropertyOrder({"tzdb", "from", "schedules", "skipped", "errors"})
record Report(
    String tzdb,
    Instant from,
    List<Schedule> schedules,
    List<Skipped> skipped,
    List<FileError> errors) {

  record Schedule(int line, String namespace, String name, List<Client> clients) {}

  /**
   * @param jitterSeconds by how much its runs start after their cron time
   * @param ticks empty if it has no crons, or none before its endTime
   */
  record Client(
      String id,
      String timeZone,
      List<String> crons,
      boolean suspended,
      int jitterSeconds,
      List<Tick> ticks) {

    /**
     * @param entry valid
     */
    static Client of(ScheduleObject schedule, ScheduleClient entry, Instant from, int count) {
      if (!(ClientRules.of(schedule.spec(), entry)
          instanceof ClientRules.Valid(var rules, var _))) {
        throw new IllegalArgumentException("client " + entry.id() + " is invalid");
      }
      int jitter =
          Jitter.seconds(
              schedule.namespace(), schedule.name(), entry.id(), schedule.spec().jitterSeconds());
      Preview preview = Preview.of(rules, from, count, jitter);
      return new Client(
          entry.id(),
          preview.zone().getId(),
          rules.crons().stream().map(Object::toString).toList(),
          preview.suspended(),
          jitter,
          preview.ticks().stream()
              .map(t -> Tick.of(t, schedule.name(), entry.id(), preview.suspended()))
              .toList());
    }
  }

  /**
   * @param start when the run starts at the earliest
   * @param runs whether a run is created
   * @param run its name
   * @param sameDate how many further cron times have this business date and create no run
   */
  record Tick(
      Instant utc,
      OffsetDateTime local,
      String businessDate,
      Instant start,
      boolean runs,
      String run,
      DstNote daylightSaving,
      long sameDate,
      String note) {

    private static Tick of(Preview.Tick tick, String schedule, String client, boolean suspended) {
      String date = tick.candidate().businessDate();
      return new Tick(
          tick.candidate().nominal(),
          tick.local(),
          date,
          tick.start(),
          tick.runs() && !suspended,
          RunNames.of(schedule, client, date),
          tick.candidate().note(),
          tick.sameDate(),
          tick.note());
    }
  }

  /**
   * @param name may be empty
   */
  record Skipped(int line, String kind, String name) {}

  /**
   * @param field empty if the error is not at a field
   */
  record FileError(
      int line, @JsonInclude(JsonInclude.Include.NON_EMPTY) String field, String message) {

    /** For people, after the name of the file and a colon. */
    String text() {
      return line + ": " + (field.isEmpty() ? "" : field + ": ") + message;
    }
  }

  static Report of(
      Instant from,
      List<Schedule> schedules,
      List<Skipped> skipped,
      List<Problems.Problem> errors) {
    return new Report(
        TimeZones.version(),
        from,
        schedules,
        skipped,
        errors.stream()
            .sorted(Comparator.comparingInt(Problems.Problem::line))
            .map(p -> new FileError(p.line(), p.field(), p.message()))
            .toList());
  }
}
