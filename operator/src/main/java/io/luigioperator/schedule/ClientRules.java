/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.TickSummary.Problem;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The rules for the cron times of one client: what a schedule says, and as the ledger stores it.
 * Cron times up to a change of the schedule are decided by the stored rules.
 */
public sealed interface ClientRules {

  /**
   * @param json the form that is stored; equal texts mean equal rules
   */
  record Valid(TickRules rules, String json) implements ClientRules {}

  /** A cron or time zone of the schedule is invalid. */
  record Invalid(Problem problem) implements ClientRules {}

  /** What the schedule says for this client. */
  static ClientRules of(PipelineScheduleSpec schedule, ScheduleClient client) {
    StoredRules stored =
        new StoredRules(
            Objects.requireNonNullElse(client.timeZone(), schedule.timeZone()),
            client.crons().isEmpty() ? schedule.crons() : client.crons(),
            schedule.businessDate().unit(),
            schedule.businessDate().offset(),
            schedule.dstPolicy(),
            client.startTime(),
            client.endTime(),
            schedule.suspend() || Boolean.TRUE.equals(client.suspend()));
    return stored.parse(client.id());
  }

  /**
   * The text that the ledger stores: the rules, and the offset of the zone at the time up to which
   * they have decided. If a newer tz database gives the zone another offset at that time, {@link
   * TimeZones#resumeFrom} finds where to go on.
   *
   * @param json of {@link Valid}
   */
  static String stored(TickRules rules, String json, Instant decidedUntil) {
    ZoneOffset offset = rules.zone().getRules().getOffset(decidedUntil);
    return json.substring(0, json.length() - 1) + ",\"zoneOffset\":\"" + offset.getId() + "\"}";
  }

  /**
   * Rules that were stored.
   *
   * @param json without the offset, as in {@link Valid}
   * @param zoneOffset empty in a text of an earlier version
   */
  record Stored(TickRules rules, String json, Optional<ZoneOffset> zoneOffset) {}

  /**
   * @throws IllegalArgumentException if the text was not written by this or an earlier version
   */
  static Stored read(String text) {
    Matcher withOffset = StoredRules.WITH_OFFSET.matcher(text);
    boolean found = withOffset.matches();
    String json = found ? withOffset.group(1) + "}" : text;
    try {
      return switch (StoredRules.JSON.readValue(json, StoredRules.class).parse("")) {
        case Valid(TickRules rules, String _) ->
            new Stored(
                rules,
                json,
                found ? Optional.of(ZoneOffset.of(withOffset.group(2))) : Optional.empty());
        case Invalid(Problem problem) -> throw new IllegalArgumentException(problem.message());
      };
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not stored rules: " + e.getOriginalMessage(), e);
    } catch (DateTimeException e) {
      throw new IllegalArgumentException("not stored rules: " + e.getMessage(), e);
    }
  }

  /** The fields that decide cron times, as text. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record StoredRules(
      String zone,
      List<String> crons,
      DateUnit unit,
      int offset,
      DstPolicy dst,
      @Nullable Instant start,
      @Nullable Instant end,
      boolean suspended) {

    /** JSON with the offset that {@link ClientRules#stored} appends. */
    private static final Pattern WITH_OFFSET = Pattern.compile("(.*),\"zoneOffset\":\"([^\"]*)\"}");

    private static final ObjectMapper JSON =
        JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .build();

    private ClientRules parse(String client) {
      ZoneId id;
      try {
        id = TimeZones.parse(zone);
      } catch (InvalidScheduleException e) {
        return invalid(Reasons.TIME_ZONE_UNKNOWN, client, e);
      }
      List<CronExpression> parsed;
      try {
        parsed = crons.stream().map(CronExpression::parse).toList();
      } catch (InvalidScheduleException e) {
        return invalid(Reasons.CRON_INVALID, client, e);
      }
      TickRules rules = new TickRules(id, parsed, unit, offset, dst, start, end, suspended);
      try {
        return new Valid(rules, JSON.writeValueAsString(this));
      } catch (JsonProcessingException e) {
        throw new IllegalStateException("rules are a record that Jackson can write", e);
      }
    }

    private static Invalid invalid(String reason, String client, InvalidScheduleException e) {
      return new Invalid(
          new Problem(
              reason, "no run is created for client %s: %s".formatted(client, e.getMessage())));
    }
  }
}
