/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.FakeKube;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.manifest.ClientListReader;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.ClientSource;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import io.luigioperator.run.TickSummary.Problem;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Clients that ConfigMaps list, which change, break, disappear and come back. */
class TickLoopSourcesTest {

  private static final String HERE = "here/uid-of-here";
  private static final ScheduleKey NIGHTLY = new ScheduleKey("data", "nightly");
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final String EU =
      "crons: ['0 2 * * *'], clientsFrom: {configMaps: [{name: eu}]}, clients: [{id: inline}]";

  private Instant now = NOON;
  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final FakeKube kube = new FakeKube();
  private final Metrics metrics = new Metrics(BuildInfo.current());
  private TickLoop loop = newLeader();
  private long generation;

  /** What the API server has stored. */
  private final Map<String, Optional<String>> stored = new HashMap<>();

  /** What the operator knows. */
  private final Map<String, ClientSource> known = new HashMap<>();

  private TickLoop newLeader() {
    TickLoop leader = new TickLoop(ledger, kube, HERE, new Signal(), () -> {}, metrics);
    leader.leadershipBegins();
    return leader;
  }

  @BeforeEach
  void register() {
    ledger
        .clusters()
        .register(
            new ClusterIdentity(ClusterIdentity.clusterIdOf(HERE), ClusterIdentity.uidOf(HERE)),
            true);
  }

  @AfterEach
  void close() {
    metrics.close();
  }

  // ---- what users do, which the operator observes

  private void apply(String spec) {
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

  private void write(String configMap, String text) {
    stored.put(configMap, Optional.of(text));
    known.put(configMap, ClientListReader.read(source(configMap), Optional.of(text)));
    observed();
  }

  private void delete(String configMap) {
    stored.remove(configMap);
    known.put(configMap, source(configMap).missing());
    observed();
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
  private void restart() {
    known.clear();
    stored.forEach((name, text) -> known.put(name, ClientListReader.read(source(name), text)));
    fillLists();
    loop = newLeader();
    kube.schedules.keySet().forEach(loop::changed);
    loop.pass();
  }

  private void until(String time) {
    Instant end = Instant.parse(time);
    for (Duration pause = loop.pass(); !now.plus(pause).isAfter(end); pause = loop.pass()) {
      now = now.plus(pause);
    }
    now = end;
    loop.pass();
  }

  // ---- what they see

  private List<String> runs() {
    TreeSet<String> names = new TreeSet<>();
    ledger.allRuns().forEach(run -> names.add(run.key().name().replace("nightly-", "")));
    return List.copyOf(names);
  }

  private Run run(String name) {
    return ledger.run(new RunKey("data", "nightly-" + name));
  }

  private PipelineScheduleStatus status() {
    return ScheduleView.of(
        kube.schedules.get(NIGHTLY), loop.summary(NIGHTLY), Optional.empty(), now);
  }

  private String ready() {
    var ready = status().conditions().getFirst();
    return ready.getReason() + ": " + ready.getMessage();
  }

  private List<String> clientsInTheLedger() {
    return ledger.schedules().clients(NIGHTLY, Optional.empty(), 100).stream()
        .filter(row -> row.rules().isPresent())
        .map(ScheduledClient::client)
        .toList();
  }

  // ---- lists that change

  @Test
  void aClientOfAConfigMapRunsWithItsOwnFields() {
    write("eu", "- {id: acme, priority: High, parameters: [{name: region, value: eu}]}");
    apply(EU);
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("acme-2026-03-01", "inline-2026-03-01");
    assertThat(run("acme-2026-03-01").priority()).isEqualTo(Priority.High);
    assertThat(RequestJson.read(run("acme-2026-03-01").definition().request()).parameters())
        .containsEntry("region", "eu");
    assertThat(status().clients().total()).isEqualTo(2);
    assertThat(ready()).startsWith("Usable");
  }

  @Test
  void aScheduleWithoutCronsTakesThoseOfTheClients() {
    apply("clientsFrom: {configMaps: [{name: eu}]}");
    write("eu", "- {id: acme, crons: ['0 2 * * *']}");
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("acme-2026-03-01");
  }

  @Test
  void aChangeAppliesAtOnceAndTheOldRulesDecideUpToIt() {
    write("eu", "- {id: acme, crons: ['0 14 * * *']}");
    apply(EU);
    now = Instant.parse("2026-03-01T14:00:30Z"); // before the loop has passed again
    write("eu", "- {id: acme, crons: ['0 20 * * *']}\n- {id: globex, crons: ['0 13 * * *']}");
    assertThat(runs())
        .as("by the old rules; a new client begins now")
        .containsExactly("acme-2026-02-28");
    until("2026-03-02T20:00:00Z");
    assertThat(runs()).contains("acme-2026-03-01", "globex-2026-03-01");
    write("eu", "[]");
    assertThat(clientsInTheLedger()).containsExactly("inline");
    until("2026-03-04T12:00:00Z");
    assertThat(runs()).doesNotContain("acme-2026-03-02", "acme-2026-03-03");
  }

  /** The event of the ConfigMap comes late, and the cron time is decided first. */
  @Test
  void aDecisionUsesTheListThatWasAppliedLast() {
    write("eu", "- {id: acme, parameters: [{name: region, value: old}]}");
    apply(EU);
    known.put(
        "eu",
        ClientListReader.read(
            source("eu"),
            Optional.of(
                "- {id: acme, crons: ['0 3 * * *'], parameters: [{name: region, value: x}]}")));
    fillLists();
    until("2026-03-02T02:00:00Z");
    assertThat(clientsInTheLedger()).contains("acme");
    assertThat(ledger.schedules().clients(NIGHTLY, Optional.empty(), 1).getFirst().rules())
        .as("the new rules are applied with the decision")
        .hasValueSatisfying(rules -> assertThat(rules).contains("0 3 * * *"));
    assertThat(runs()).contains("acme-2026-03-01");
  }

  @Test
  void aClientThatMovesBetweenListsGoesOn() {
    write("eu", "- {id: acme}");
    write("us", "[]");
    apply(EU.replace("[{name: eu}]", "[{name: eu}, {name: us}]"));
    until("2026-03-02T01:00:00Z");
    write("us", "- {id: acme}");
    write("eu", "[]");
    apply(EU.replace("[{id: inline}]", "[{id: inline}, {id: acme}]"));
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).contains("acme-2026-03-01");
  }

  // ---- entries that are wrong

  @Test
  void aBadEntryWaitsAndTheOthersGoOn() {
    write("eu", "- {id: acme}\n- {id: globex}");
    apply(EU);
    write("eu", "- {id: acme, crons: ['0 2 * *']}\n- {id: globex}\n- {id: new, suspend: 1}");
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("globex-2026-03-01", "inline-2026-03-01");
    assertThat(status().clients().invalid()).isEqualTo(2);
    assertThat(ready())
        .startsWith(
            "ClientInvalid: no run is created for client acme: entry 1 (line 1) of ConfigMap eu")
        .contains("crons[0]", "correct it in the key clients.yaml");
    now = Instant.parse("2026-03-02T12:00:00Z");
    write("eu", "- {id: acme}\n- {id: globex}\n- {id: new}");
    assertThat(runs()).as("caught up").contains("acme-2026-03-01").doesNotContain("new-2026-03-01");
    assertThat(ready()).startsWith("Usable");
    assertThat(status().clients().invalid()).isZero();
  }

  /** The quotes are gone: nobody is removed because of that. */
  @Test
  void aClientWhoseIdCannotBeReadAnyMoreIsCaughtUp() {
    write("eu", "- {id: '007'}\n- {id: acme}");
    apply(EU);
    write("eu", "- {id: 007}\n- {id: acme}");
    until("2026-03-02T12:00:00Z");
    assertThat(runs()).containsExactly("acme-2026-03-01", "inline-2026-03-01");
    assertThat(clientsInTheLedger()).contains("007");
    assertThat(ready())
        .startsWith("ClientInvalid")
        .contains("entry 1 (line 1) of ConfigMap eu", "\"007\"");
    write("eu", "- {id: '007'}\n- {id: acme}");
    assertThat(runs()).contains("007-2026-03-01");
  }

  @Test
  void aRepeatedEntryIsReportedAndItsClientRuns() {
    write("eu", "- {id: acme}\n- {id: acme, crons: [x]}");
    apply(EU);
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).contains("acme-2026-03-01");
    assertThat(status().clients().invalid()).isZero();
    assertThat(ready()).startsWith("ClientInvalid").contains("repeats client acme");
  }

  /** Whoever may write the ConfigMap may set only what the author of the pipeline allows. */
  @Test
  void aParameterThatThePipelineDoesNotAllowIsRefused() {
    write("eu", "- {id: acme, parameters: [{name: table, value: salaries}]}\n- {id: globex}");
    apply(EU);
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("globex-2026-03-01", "inline-2026-03-01");
    assertThat(ready()).startsWith("ClientInvalid").contains("parameter table of client acme");
  }

  @Test
  void aScheduleWithoutCronsShowsWhatIsWrong() {
    apply("clientsFrom: {configMaps: [{name: eu}]}");
    assertThat(ready()).startsWith("ClientSourceMissing: ConfigMap eu");
    write("eu", "- {id: acme, crons: 5}");
    assertThat(ready()).startsWith("ClientInvalid");
    assertThat(status().clients().invalid()).isEqualTo(1);
    write("eu", "[]");
    assertThat(ready()).startsWith("NoClients").contains("spec.clientsFrom");
  }

  // ---- lists that are missing

  @Test
  void withoutItsConfigMapTheLastListApplies() {
    write("eu", "- {id: acme}\n- {id: globex}");
    apply(EU);
    delete("eu");
    assertThat(ready())
        .startsWith("ClientSourceMissing: ConfigMap eu does not exist")
        .contains("last list");
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("acme-2026-03-01", "globex-2026-03-01", "inline-2026-03-01");
    apply(EU + ", suspend: true"); // a change of the schedule removes nobody
    apply(EU);
    until("2026-03-03T02:00:00Z");
    assertThat(runs()).hasSize(6);
    write("eu", "- {id: acme}");
    assertThat(clientsInTheLedger()).containsExactly("acme", "inline");
    assertThat(ready()).startsWith("Usable");
  }

  @Test
  void aTextThatCannotBeReadKeepsTheLastList() {
    write("eu", "- {id: acme}");
    apply(EU);
    write("eu", "- {id: acme");
    assertThat(ready()).startsWith("ClientSourceMissing: ConfigMap eu cannot be read: line 1");
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).contains("acme-2026-03-01");
  }

  @Test
  void afterARestartTheClientsOfAMissingConfigMapWaitAndAreCaughtUp() {
    write("eu", "- {id: acme}\n- {id: globex, crons: ['0 4 * * *']}");
    apply(EU + ", catchUp: {policy: All}");
    until("2026-03-02T03:00:00Z");
    delete("eu");
    restart();
    until("2026-03-04T12:00:00Z");
    assertThat(runs())
        .containsExactly(
            "acme-2026-03-01", "inline-2026-03-01", "inline-2026-03-02", "inline-2026-03-03");
    assertThat(clientsInTheLedger()).as("not removed").containsExactly("acme", "globex", "inline");
    assertThat(status().clients().invalid()).as("they wait").isEqualTo(2);
    assertThat(loop.summary(NIGHTLY).problem())
        .map(Problem::reason)
        .contains("ClientSourceMissing");
    restart();
    write("eu", "- {id: acme}\n- {id: globex, crons: ['0 5 * * *']}");
    assertThat(runs())
        .as("nothing is lost, and the rules before the change decide")
        .contains("acme-2026-03-02", "acme-2026-03-03")
        .contains("globex-2026-03-01", "globex-2026-03-02", "globex-2026-03-03");
    assertThat(ready()).startsWith("Usable");
    until("2026-03-05T02:00:00Z");
    assertThat(runs()).contains("acme-2026-03-04");
  }

  @Test
  void whoIsNoLongerListedWhenTheConfigMapIsBackIsRemoved() {
    write("eu", "- {id: acme}\n- {id: globex}");
    apply(EU);
    delete("eu");
    restart();
    assertThat(clientsInTheLedger()).containsExactly("acme", "globex", "inline");
    write("eu", "- {id: globex}");
    assertThat(clientsInTheLedger()).containsExactly("globex", "inline");
    until("2026-03-02T02:00:00Z");
    assertThat(runs()).containsExactly("globex-2026-03-01", "inline-2026-03-01");
  }

  @Test
  void aScheduleThatNoLongerNamesTheConfigMapLosesItsClients() {
    write("eu", "- {id: acme}");
    apply(EU);
    delete("eu");
    restart();
    apply("crons: ['0 2 * * *'], clients: [{id: inline}]");
    assertThat(clientsInTheLedger()).containsExactly("inline");
    assertThat(ready()).startsWith("Usable");
  }

  @Test
  void aConfigMapThatComesAfterItsScheduleBeginsThen() {
    apply(EU);
    assertThat(ready()).startsWith("ClientSourceMissing: ConfigMap eu").contains("add the label");
    now = Instant.parse("2026-03-02T03:00:00Z");
    write("eu", "- {id: acme}");
    assertThat(runs()).containsExactly("inline-2026-03-01");
    until("2026-03-03T02:00:00Z");
    assertThat(runs()).contains("acme-2026-03-02");
  }

  /** What waits is bounded, whatever the other lists contain meanwhile. */
  @Test
  void clientsOfAMissingConfigMapAreKeptUpToABound() {
    apply(EU.replace("[{name: eu}]", "[{name: eu}, {name: us}]"));
    for (String prefix : List.of("a", "b", "c")) {
      write("us", many(prefix, 9_999));
    }
    assertThat(clients(ledger)).as("10,000 that are listed, and those that wait").isEqualTo(20_000);
  }

  // ---- scale

  private static String many(String prefix, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "- id: %s%05d\n".formatted(prefix, i))
        .collect(Collectors.joining());
  }

  private static int clients(Ledger of) {
    List<ScheduledClient> all = new ArrayList<>();
    List<ScheduledClient> page;
    do {
      Optional<String> after =
          all.isEmpty() ? Optional.empty() : Optional.of(all.getLast().client());
      page = of.schedules().clients(NIGHTLY, after, 1_000);
      all.addAll(page);
    } while (page.size() == 1_000);
    return Math.toIntExact(all.stream().filter(c -> c.rules().isPresent()).count());
  }

  @Test
  void tenThousandClientsRunOnceEach() {
    write("eu", many("eu", 5_000));
    write("us", many("us", 5_000));
    long start = System.nanoTime();
    apply("crons: ['0 2 * * *'], clientsFrom: {configMaps: [{name: eu}, {name: us}]}");
    long applied = System.nanoTime();
    assertThat(clients(ledger)).isEqualTo(10_000);
    assertThat(status().clients().total()).isEqualTo(10_000);
    now = Instant.parse("2026-03-02T02:00:00Z");
    loop.pass();
    System.out.printf(
        "10,000 clients of ConfigMaps: applied in %d ms, decided in %d ms%n",
        (applied - start) / 1_000_000, (System.nanoTime() - applied) / 1_000_000);
    assertThat(runs()).hasSize(10_000);
    loop.pass();
    restart();
    assertThat(runs()).hasSize(10_000);
    assertThat(loop.summary(NIGHTLY).next()).contains(Instant.parse("2026-03-03T02:00:00Z"));
  }
}
