/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.BackfillSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.ledger.BackfillLedger.DateRuns;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.BackfillCursor.Position;
import io.luigioperator.schedule.BusinessDates;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.CronDates;
import io.luigioperator.schedule.RunNames;
import io.luigioperator.schedule.TickRules;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which runs the dates of backfills can get, by the present spec of a schedule. One instance serves
 * one pass.
 */
final class BackfillRuns {

  /** What can become of a date of a client. */
  sealed interface Date {
    record Possible(DateRuns runs) implements Date {}

    /** It is in the future, no cron names it, or the client is invalid. */
    record Skipped() implements Date {}

    /** No client of the backfill can run: the date waits for a change of the schedule. */
    record Blocked(String message) implements Date {}
  }

  /** A client: its rules, or why it cannot run. */
  private sealed interface Client {
    record Usable(TickRules rules, String today) implements Client {}

    record Unusable(String message) implements Client {}
  }

  private final ScheduleObject schedule;
  private final Instant now;
  private final Function<RunKey, Optional<RunObject>> objects;
  private final Map<String, ScheduleClient> listed;
  private final List<String> ids;
  private final Map<String, Client> clients = new HashMap<>();
  private final CronDates cronDates = new CronDates();

  /**
   * @param objects returns the PipelineRun of a name, from a cache
   */
  BackfillRuns(
      ScheduleObject schedule, Instant now, Function<RunKey, Optional<RunObject>> objects) {
    this.schedule = schedule;
    this.now = now;
    this.objects = objects;
    this.listed =
        schedule.spec().clients().stream()
            .collect(Collectors.toMap(ScheduleClient::id, Function.identity()));
    this.ids = listed.keySet().stream().sorted().toList();
  }

  /** In ascending order. */
  List<String> clients(BackfillSpec backfill) {
    return backfill.clients().isEmpty()
        ? ids
        : backfill.clients().stream().distinct().sorted().toList();
  }

  Date of(BackfillSpec backfill, Position position) {
    return switch (client(position.client(), position.date())) {
      case Client.Unusable(String message) ->
          isAnyUsable(backfill, position.date()) ? new Date.Skipped() : new Date.Blocked(message);
      case Client.Usable(TickRules rules, String today) ->
          position.date().compareTo(today) > 0
                  || !cronDates.contains(position.client(), rules, position.date())
              ? new Date.Skipped()
              : runs(backfill, position);
    };
  }

  private Date runs(BackfillSpec backfill, Position p) {
    String first = RunNames.of(schedule.name(), p.client(), p.date());
    String again = RunNames.of(schedule.name(), p.client(), p.date(), backfill.name());
    NewRun usual = run(first, p, backfill.priority());
    NewRun other = run(again, p, backfill.priority());
    // Without this, the run would be accepted and then held, because its object cannot be created.
    boolean taken =
        objects.apply(usual.key()).filter(o -> o.isOfOtherRun(usual.requestSha())).isPresent();
    return new Date.Possible(new DateRuns(p, taken ? other : usual, other));
  }

  /** {@link #client} has found that a run of this client can be resolved. */
  private NewRun run(String name, Position p, Priority priority) {
    return switch (resolve(name, p.client(), p.date(), priority)) {
      case Resolution.Resolved(var _, NewRun run) -> run;
      case Resolution.Refused(String _, String message, boolean _) ->
          throw new IllegalStateException(
              "the run of %s cannot be resolved: %s".formatted(p, message));
    };
  }

  private Resolution resolve(String name, String client, String date, Priority priority) {
    return Resolver.ofTick(
        new RunKey(schedule.namespace(), name), schedule, client, date, priority, Optional.empty());
  }

  private boolean isAnyUsable(BackfillSpec backfill, String date) {
    return clients(backfill).stream().anyMatch(id -> client(id, date) instanceof Client.Usable);
  }

  /** Why dates of clients are skipped; names the first one. */
  Optional<String> skippedClients(BackfillSpec backfill) {
    return clients(backfill).stream()
        .flatMap(
            id ->
                clients.get(id) instanceof Client.Unusable(String message)
                    ? Stream.of("the dates of client %s are skipped: %s".formatted(id, message))
                    : Stream.empty())
        .findFirst();
  }

  /** Whether its runs can be resolved does not depend on the date. */
  private Client client(String id, String date) {
    return clients.computeIfAbsent(id, key -> examine(key, date));
  }

  private Client examine(String id, String date) {
    ScheduleClient entry =
        listed.getOrDefault(
            id, new ScheduleClient(id, List.of(), null, List.of(), null, null, null, null));
    if (resolve(RunNames.of(schedule.name(), id, date), id, date, Priority.Low)
        instanceof Resolution.Refused(String _, String message, boolean _)) {
      return new Client.Unusable(message);
    }
    return switch (ClientRules.of(schedule.spec(), entry)) {
      case ClientRules.Valid(TickRules rules, String _) ->
          new Client.Usable(rules, BusinessDates.at(now, rules.zone().getRules(), rules.unit()));
      case ClientRules.Invalid(var problem) -> new Client.Unusable(problem.message());
    };
  }
}
