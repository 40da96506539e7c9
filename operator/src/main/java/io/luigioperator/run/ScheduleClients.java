/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.ScheduleClient;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The clients of a schedule: those of its spec, and those of its ConfigMaps. The entry in the spec
 * counts, or else the one of the first ConfigMap that lists the client, also if it is invalid: with
 * another one the client would get parameters that are not meant for it.
 *
 * <p>A ConfigMap whose list is not known may list any client, so nothing is concluded from a client
 * that is missing here.
 */
public final class ScheduleClients {

  /** Entries of all lists of a schedule, and so of one list. */
  public static final int MAX = 10_000;

  private final List<ScheduleClient> inline;
  private final List<ClientSource> sources;

  private ScheduleClients(List<ScheduleClient> inline, List<ClientSource> sources) {
    this.inline = inline;
    this.sources = sources;
  }

  /** A ConfigMap with which there would be more than {@link #MAX} entries does not count. */
  static ScheduleClients of(List<ScheduleClient> inline, List<ClientSource> sources) {
    List<ClientSource> fitting = new ArrayList<>();
    int total = inline.size();
    for (ClientSource source : sources) {
      int more = source.list().map(ClientList::size).orElse(0);
      if (total + more > MAX) {
        fitting.add(
            source.withoutList(
                "has %d entries, but the lists of a schedule may have only %d in total; divide the schedule"
                    .formatted(more, MAX)));
      } else {
        fitting.add(source);
        total += more;
      }
    }
    return new ScheduleClients(inline, fitting);
  }

  private Stream<ClientList> lists() {
    return sources.stream().flatMap(source -> source.list().stream());
  }

  /** The entry that counts for a client; empty if none is known. */
  public Optional<ClientEntry> find(String id) {
    return inline.stream()
        .filter(client -> client.id().equals(id))
        .<ClientEntry>map(ClientEntry.Valid::new)
        .findFirst()
        .or(
            () ->
                lists()
                    .flatMap(l -> Optional.ofNullable(l.entries().get(id)).stream())
                    .findFirst());
  }

  /** The entries that count, by the ids of the clients, in the order of the lists. */
  public Map<String, ClientEntry> all() {
    Map<String, ClientEntry> all = new LinkedHashMap<>();
    inline.forEach(client -> all.put(client.id(), new ClientEntry.Valid(client)));
    lists().forEach(list -> list.entries().forEach(all::putIfAbsent));
    return all;
  }

  /** What is wrong with each entry whose id cannot be read. */
  public List<String> unnamed() {
    return lists().flatMap(list -> list.unnamed().stream()).toList();
  }

  /**
   * Why further clients may be listed than those that are known here: a list is not known, or the
   * id of an entry. Empty if all are known.
   */
  public Optional<TickSummary.Problem> unknown() {
    return unknownList().or(() -> unnamed().stream().findFirst().map(ScheduleClients::invalid));
  }

  /** The first ConfigMap whose list is not known: it may list any client. */
  public Optional<TickSummary.Problem> unknownList() {
    return sources.stream()
        .filter(source -> source.list().isEmpty())
        .findFirst()
        .map(ScheduleClients::missing);
  }

  /** Those whose entry is invalid, by id. */
  public Map<String, TickSummary.Problem> invalidClients() {
    Map<String, TickSummary.Problem> problems = new HashMap<>();
    all().forEach((id, entry) -> why(entry).forEach(why -> problems.put(id, invalid(why))));
    return problems;
  }

  /** The first ConfigMap that is missing or cannot be read as a whole. */
  Optional<TickSummary.Problem> missingSource() {
    return sources.stream()
        .filter(source -> source.problem().isPresent())
        .findFirst()
        .map(ScheduleClients::missing);
  }

  /** The first entry that is invalid, or that repeats another one. */
  Optional<TickSummary.Problem> invalidEntry() {
    return Stream.of(
            all().values().stream().flatMap(ScheduleClients::why),
            lists().flatMap(list -> list.unnamed().stream()),
            lists().flatMap(list -> list.repeated().stream()))
        .flatMap(texts -> texts)
        .findFirst()
        .map(ScheduleClients::invalid);
  }

  int invalidEntries() {
    return Math.toIntExact(
        all().values().stream().flatMap(ScheduleClients::why).count() + unnamed().size());
  }

  private static Stream<String> why(ClientEntry entry) {
    return entry instanceof ClientEntry.Invalid(String why) ? Stream.of(why) : Stream.empty();
  }

  public static TickSummary.Problem invalid(String why) {
    return new TickSummary.Problem(Reasons.CLIENT_INVALID, why);
  }

  private static TickSummary.Problem missing(ClientSource source) {
    return new TickSummary.Problem(
        Reasons.CLIENT_SOURCE_MISSING,
        "ConfigMap %s %s; until then %s"
            .formatted(
                source.configMap(),
                source.problem().orElseThrow(),
                source.list().isPresent()
                    ? "its last list applies"
                    : "no client is removed, and the cron times of those that only it lists wait"));
  }
}
