/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.FakeKube;
import io.luigioperator.OperatorFixture;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.manifest.ClientListReader;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.ClientSource;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Ending;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import io.luigioperator.run.Verdict;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A schedule with clients in ConfigMaps, which users change, break, delete and restore, and the
 * loop that observes it.
 */
final class ListedClients implements AfterEachCallback {

  static final ScheduleKey NIGHTLY = new ScheduleKey("data", "nightly");
  static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final String HERE = "here/uid-of-here";
  private static final RetryPolicy AT_ONCE = new RetryPolicy(Duration.ZERO, Duration.ZERO);

  Instant now = NOON;
  final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final FakeKube kube = new FakeKube();
  private final Metrics metrics = new Metrics(BuildInfo.current());
  TickLoop loop = newLeader();
  private long generation;

  /** What the API server has stored. */
  private final Map<String, Optional<String>> stored = new HashMap<>();

  /** What the operator knows. */
  private final Map<String, ClientSource> known = new HashMap<>();

  private TickLoop newLeader() {
    TickLoop leader =
        new TickLoop(
            ledger,
            kube,
            HERE,
            false,
            new Signal(),
            OperatorFixture.limits(ledger),
            () -> {},
            run -> {},
            metrics);
    leader.leadershipBegins();
    return leader;
  }

  ListedClients() {
    ledger
        .clusters()
        .register(
            new ClusterIdentity(ClusterIdentity.clusterIdOf(HERE), ClusterIdentity.uidOf(HERE)),
            true);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    metrics.close();
  }

  // ---- what users do, which the operator observes

  void apply(String spec) {
    generation++;
    kube.schedules.put(
        NIGHTLY,
        new ScheduleObject(
            NIGHTLY,
            "uid-nightly",
            NOON,
            generation,
            new ParsedSpec.Valid<>(
                Serialization.unmarshal(
                    "# YAML\n{pipeline: {image: i, task: {module: m, family: F}, allow: {parameters:"
                        + " [region]}}, "
                        + spec
                        + "}",
                    PipelineScheduleSpec.class)),
            Optional.empty()));
    observed();
  }

  void write(String configMap, String text) {
    stored.put(configMap, Optional.of(text));
    known.put(configMap, ClientListReader.read(source(configMap), Optional.of(text)));
    observed();
  }

  void delete(String configMap) {
    stored.remove(configMap);
    known.put(configMap, source(configMap).missing());
    observed();
  }

  /** The event comes later. */
  void writeUnobserved(String configMap, String text) {
    known.put(configMap, ClientListReader.read(source(configMap), Optional.of(text)));
    fillLists();
  }

  private ClientSource source(String configMap) {
    return known.getOrDefault(configMap, ClientSource.unknown(configMap));
  }

  private void observed() {
    fillLists();
    loop.changed(NIGHTLY);
    loop.pass();
  }

  private void fillLists() {
    kube.schedules.computeIfPresent(
        NIGHTLY,
        (key, s) ->
            s.withSources(
                s.spec().clientsFrom().configMaps().stream().map(c -> source(c.name())).toList()));
  }

  /** Another process, which has the present lists only. */
  void restart() {
    known.clear();
    stored.forEach((name, text) -> known.put(name, ClientListReader.read(source(name), text)));
    fillLists();
    loop = newLeader();
    kube.schedules.keySet().forEach(loop::changed);
    loop.pass();
  }

  void until(String time) {
    Instant end = Instant.parse(time);
    for (Duration pause = loop.pass(); !now.plus(pause).isAfter(end); pause = loop.pass()) {
      now = now.plus(pause);
    }
    now = end;
    loop.pass();
  }

  /** The attempt of a run ends, which the operator observes. */
  void end(String name, Verdict verdict) {
    Run run = run(name);
    var attempt =
        ledger
            .attempts()
            .claim(run.admitKey(), run.key(), "token-" + name, HERE)
            .orElseThrow()
            .attempt();
    ledger.attempts().bind(attempt.ref(), "job", "pod-" + name).orElseThrow();
    loop.runEnded(
        ledger
            .attempts()
            .finish(
                attempt.ref(),
                "pod-" + name,
                new Ending(verdict, OptionalInt.of(0), "", ""),
                AT_ONCE,
                Presence.PRESENT)
            .orElseThrow()
            .run());
    loop.pass();
  }

  // ---- what they see

  List<String> runs() {
    TreeSet<String> names = new TreeSet<>();
    ledger.allRuns().forEach(run -> names.add(run.key().name().replace("nightly-", "")));
    return List.copyOf(names);
  }

  Run run(String name) {
    return ledger.run(new RunKey("data", "nightly-" + name));
  }

  PipelineScheduleStatus status() {
    return ScheduleView.of(
        kube.schedules.get(NIGHTLY), loop.summary(NIGHTLY), Optional.empty(), now);
  }

  String ready() {
    return status().conditions().stream()
        .filter(c -> c.getType().equals("Ready"))
        .map(c -> c.getReason() + ": " + c.getMessage())
        .findFirst()
        .orElseThrow();
  }

  List<String> clientsInTheLedger() {
    return ledger.schedules().clients(NIGHTLY, Optional.empty(), 100).stream()
        .filter(row -> row.rules().isPresent())
        .map(ScheduledClient::client)
        .toList();
  }

  /** A list of clients. */
  static String many(String prefix, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "- id: %s%05d\n".formatted(prefix, i))
        .collect(Collectors.joining());
  }
}
