/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Priority;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.TickSummary.Problem;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Clients that ConfigMaps list, which change, break, disappear and come back. */
class TickLoopSourcesTest {

  private static final String EU =
      "crons: ['0 2 * * *'], clientsFrom: {configMaps: [{name: eu}]}, clients: [{id: inline}]";

  @RegisterExtension private final ListedClients f = new ListedClients();

  // ---- lists that change

  @Test
  void aClientOfAConfigMapRunsWithItsOwnFields() {
    f.write("eu", "- {id: acme, priority: High, parameters: [{name: region, value: eu}]}");
    f.apply(EU);
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).containsExactly("acme-2026-03-01", "inline-2026-03-01");
    assertThat(f.run("acme-2026-03-01").priority()).isEqualTo(Priority.High);
    assertThat(RequestJson.read(f.run("acme-2026-03-01").definition().request()).parameters())
        .containsEntry("region", "eu");
    assertThat(f.status().clients().total()).isEqualTo(2);
    assertThat(f.ready()).startsWith("Usable");
  }

  @Test
  void aScheduleWithoutCronsTakesThoseOfTheClients() {
    f.apply("clientsFrom: {configMaps: [{name: eu}]}");
    f.write("eu", "- {id: acme, crons: ['0 2 * * *']}");
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).containsExactly("acme-2026-03-01");
  }

  @Test
  void aChangeAppliesAtOnceAndTheOldRulesDecideUpToIt() {
    f.write("eu", "- {id: acme, crons: ['0 14 * * *']}");
    f.apply(EU);
    f.now = Instant.parse("2026-03-01T14:00:30Z"); // before the loop has passed again
    f.write("eu", "- {id: acme, crons: ['0 20 * * *']}\n- {id: globex, crons: ['0 13 * * *']}");
    assertThat(f.runs())
        .as("by the old rules; a new client begins now")
        .containsExactly("acme-2026-02-28");
    f.until("2026-03-02T20:00:00Z");
    assertThat(f.runs()).contains("acme-2026-03-01", "globex-2026-03-01");
    f.write("eu", "[]");
    assertThat(f.clientsInTheLedger()).containsExactly("inline");
    f.until("2026-03-04T12:00:00Z");
    assertThat(f.runs()).doesNotContain("acme-2026-03-02", "acme-2026-03-03");
  }

  /** The event of the ConfigMap comes late, and the cron time is decided first. */
  @Test
  void aDecisionUsesTheListThatWasAppliedLast() {
    f.write("eu", "- {id: acme, parameters: [{name: region, value: old}]}");
    f.apply(EU);
    f.writeUnobserved(
        "eu", "- {id: acme, crons: ['0 3 * * *'], parameters: [{name: region, value: x}]}");
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.clientsInTheLedger()).contains("acme");
    assertThat(
            f.ledger
                .schedules()
                .clients(ListedClients.NIGHTLY, Optional.empty(), 1)
                .getFirst()
                .rules())
        .as("the new rules are applied with the decision")
        .hasValueSatisfying(rules -> assertThat(rules).contains("0 3 * * *"));
    assertThat(f.runs()).contains("acme-2026-03-01");
  }

  @Test
  void aClientThatMovesBetweenListsGoesOn() {
    f.write("eu", "- {id: acme}");
    f.write("us", "[]");
    f.apply(EU.replace("[{name: eu}]", "[{name: eu}, {name: us}]"));
    f.until("2026-03-02T01:00:00Z");
    f.write("us", "- {id: acme}");
    f.write("eu", "[]");
    f.apply(EU.replace("[{id: inline}]", "[{id: inline}, {id: acme}]"));
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).contains("acme-2026-03-01");
  }

  // ---- entries that are wrong

  @Test
  void aBadEntryWaitsAndTheOthersGoOn() {
    f.write("eu", "- {id: acme}\n- {id: globex}");
    f.apply(EU);
    f.write("eu", "- {id: acme, crons: ['0 2 * *']}\n- {id: globex}\n- {id: new, suspend: 1}");
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).containsExactly("globex-2026-03-01", "inline-2026-03-01");
    assertThat(f.status().clients().invalid()).isEqualTo(2);
    assertThat(f.ready())
        .startsWith(
            "ClientInvalid: no run is created for client acme: entry 1 (line 1) of ConfigMap eu")
        .contains("crons[0]", "correct it in the key clients.yaml");
    f.now = Instant.parse("2026-03-02T12:00:00Z");
    f.write("eu", "- {id: acme}\n- {id: globex}\n- {id: new}");
    assertThat(f.runs())
        .as("caught up")
        .contains("acme-2026-03-01")
        .doesNotContain("new-2026-03-01");
    assertThat(f.ready()).startsWith("Usable");
    assertThat(f.status().clients().invalid()).isZero();
  }

  /** The quotes are gone: nobody is removed because of that. */
  @Test
  void aClientWhoseIdCannotBeReadAnyMoreIsCaughtUp() {
    f.write("eu", "- {id: '007'}\n- {id: acme}");
    f.apply(EU);
    f.write("eu", "- {id: 007}\n- {id: acme}");
    f.until("2026-03-02T12:00:00Z");
    assertThat(f.runs()).containsExactly("acme-2026-03-01", "inline-2026-03-01");
    assertThat(f.clientsInTheLedger()).contains("007");
    assertThat(f.ready())
        .startsWith("ClientInvalid")
        .contains("entry 1 (line 1) of ConfigMap eu", "\"007\"");
    f.write("eu", "- {id: '007'}\n- {id: acme}");
    assertThat(f.runs()).contains("007-2026-03-01");
  }

  @Test
  void aRepeatedEntryIsReportedAndItsClientRuns() {
    f.write("eu", "- {id: acme}\n- {id: acme, crons: [x]}");
    f.apply(EU);
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).contains("acme-2026-03-01");
    assertThat(f.status().clients().invalid()).isZero();
    assertThat(f.ready()).startsWith("ClientInvalid").contains("repeats client acme");
  }

  /** Whoever may write the ConfigMap may set only what the author of the pipeline allows. */
  @Test
  void aParameterThatThePipelineDoesNotAllowIsRefused() {
    f.write("eu", "- {id: acme, parameters: [{name: table, value: salaries}]}\n- {id: globex}");
    f.apply(EU);
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).containsExactly("globex-2026-03-01", "inline-2026-03-01");
    assertThat(f.ready()).startsWith("ClientInvalid").contains("parameter table of client acme");
  }

  @Test
  void aScheduleWithoutCronsShowsWhatIsWrong() {
    f.apply("clientsFrom: {configMaps: [{name: eu}]}");
    assertThat(f.ready()).startsWith("ClientSourceMissing: ConfigMap eu");
    f.write("eu", "- {id: acme, crons: 5}");
    assertThat(f.ready()).startsWith("ClientInvalid");
    assertThat(f.status().clients().invalid()).isEqualTo(1);
    f.write("eu", "[]");
    assertThat(f.ready()).startsWith("NoClients").contains("spec.clientsFrom");
  }

  // ---- lists that are missing

  @Test
  void withoutItsConfigMapTheLastListApplies() {
    f.write("eu", "- {id: acme}\n- {id: globex}");
    f.apply(EU);
    f.delete("eu");
    assertThat(f.ready())
        .startsWith("ClientSourceMissing: ConfigMap eu does not exist")
        .contains("last list");
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs())
        .containsExactly("acme-2026-03-01", "globex-2026-03-01", "inline-2026-03-01");
    f.apply(EU + ", suspend: true"); // a change of the schedule removes nobody
    f.apply(EU);
    f.until("2026-03-03T02:00:00Z");
    assertThat(f.runs()).hasSize(6);
    f.write("eu", "- {id: acme}");
    assertThat(f.clientsInTheLedger()).containsExactly("acme", "inline");
    assertThat(f.ready()).startsWith("Usable");
  }

  @Test
  void aTextThatCannotBeReadKeepsTheLastList() {
    f.write("eu", "- {id: acme}");
    f.apply(EU);
    f.write("eu", "- {id: acme");
    assertThat(f.ready()).startsWith("ClientSourceMissing: ConfigMap eu cannot be read: line 1");
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).contains("acme-2026-03-01");
  }

  @Test
  void afterARestartTheClientsOfAMissingConfigMapWaitAndAreCaughtUp() {
    f.write("eu", "- {id: acme}\n- {id: globex, crons: ['0 4 * * *']}");
    f.apply(EU + ", catchUp: {policy: All}");
    f.until("2026-03-02T03:00:00Z");
    f.delete("eu");
    f.restart();
    f.until("2026-03-04T12:00:00Z");
    assertThat(f.runs())
        .containsExactly(
            "acme-2026-03-01", "inline-2026-03-01", "inline-2026-03-02", "inline-2026-03-03");
    assertThat(f.clientsInTheLedger())
        .as("not removed")
        .containsExactly("acme", "globex", "inline");
    assertThat(f.status().clients().invalid()).as("they wait").isEqualTo(2);
    assertThat(f.loop.summary(ListedClients.NIGHTLY).problem())
        .map(Problem::reason)
        .contains("ClientSourceMissing");
    f.restart();
    f.write("eu", "- {id: acme}\n- {id: globex, crons: ['0 5 * * *']}");
    assertThat(f.runs())
        .as("nothing is lost, and the rules before the change decide")
        .contains("acme-2026-03-02", "acme-2026-03-03")
        .contains("globex-2026-03-01", "globex-2026-03-02", "globex-2026-03-03");
    assertThat(f.ready()).startsWith("Usable");
    f.until("2026-03-05T02:00:00Z");
    assertThat(f.runs()).contains("acme-2026-03-04");
  }

  @Test
  void whoIsNoLongerListedWhenTheConfigMapIsBackIsRemoved() {
    f.write("eu", "- {id: acme}\n- {id: globex}");
    f.apply(EU);
    f.delete("eu");
    f.restart();
    assertThat(f.clientsInTheLedger()).containsExactly("acme", "globex", "inline");
    f.write("eu", "- {id: globex}");
    assertThat(f.clientsInTheLedger()).containsExactly("globex", "inline");
    f.until("2026-03-02T02:00:00Z");
    assertThat(f.runs()).containsExactly("globex-2026-03-01", "inline-2026-03-01");
  }

  @Test
  void aScheduleThatNoLongerNamesTheConfigMapLosesItsClients() {
    f.write("eu", "- {id: acme}");
    f.apply(EU);
    f.delete("eu");
    f.restart();
    f.apply("crons: ['0 2 * * *'], clients: [{id: inline}]");
    assertThat(f.clientsInTheLedger()).containsExactly("inline");
    assertThat(f.ready()).startsWith("Usable");
  }

  @Test
  void aConfigMapThatComesAfterItsScheduleBeginsThen() {
    f.apply(EU);
    assertThat(f.ready()).startsWith("ClientSourceMissing: ConfigMap eu").contains("add the label");
    f.now = Instant.parse("2026-03-02T03:00:00Z");
    f.write("eu", "- {id: acme}");
    assertThat(f.runs()).containsExactly("inline-2026-03-01");
    f.until("2026-03-03T02:00:00Z");
    assertThat(f.runs()).contains("acme-2026-03-02");
  }

  /** What waits is bounded, whatever the other lists contain meanwhile. */
  @Test
  void clientsOfAMissingConfigMapAreKeptUpToABound() {
    f.apply(EU.replace("[{name: eu}]", "[{name: eu}, {name: us}]"));
    for (String prefix : List.of("a", "b", "c")) {
      f.write("us", ListedClients.many(prefix, 9_999));
    }
    assertThat(clients(f.ledger))
        .as("10,000 that are listed, and those that wait")
        .isEqualTo(20_000);
  }

  // ---- scale

  private static int clients(Ledger of) {
    List<ScheduledClient> all = new ArrayList<>();
    List<ScheduledClient> page;
    do {
      Optional<String> after =
          all.isEmpty() ? Optional.empty() : Optional.of(all.getLast().client());
      page = of.schedules().clients(ListedClients.NIGHTLY, after, 1_000);
      all.addAll(page);
    } while (page.size() == 1_000);
    return Math.toIntExact(all.stream().filter(c -> c.rules().isPresent()).count());
  }

  @Test
  void tenThousandClientsRunOnceEach() {
    f.write("eu", ListedClients.many("eu", 5_000));
    f.write("us", ListedClients.many("us", 5_000));
    long start = System.nanoTime();
    f.apply("crons: ['0 2 * * *'], clientsFrom: {configMaps: [{name: eu}, {name: us}]}");
    long applied = System.nanoTime();
    assertThat(clients(f.ledger)).isEqualTo(10_000);
    assertThat(f.status().clients().total()).isEqualTo(10_000);
    f.now = Instant.parse("2026-03-02T02:00:00Z");
    f.loop.pass();
    System.out.printf(
        "10,000 clients of ConfigMaps: applied in %d ms, decided in %d ms%n",
        (applied - start) / 1_000_000, (System.nanoTime() - applied) / 1_000_000);
    assertThat(f.runs()).hasSize(10_000);
    f.loop.pass();
    f.restart();
    assertThat(f.runs()).hasSize(10_000);
    assertThat(f.loop.summary(ListedClients.NIGHTLY).next())
        .contains(Instant.parse("2026-03-03T02:00:00Z"));
  }
}
