/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.luigioperator.api.AttentionStatus;
import io.luigioperator.api.BackfillStatus;
import io.luigioperator.api.ClientsStatus;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.run.Verdict;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Backfills and the health of clients that ConfigMaps list. */
class ListedClientsTest {

  private static final String TWO_DAYS =
      "clientsFrom: {configMaps: [{name: eu}]}, clients: [{id: inline}], backfills: [{name: b,"
          + " start: '2026-02-02', end: '2026-02-03', maxConcurrentRuns: 100%s}]";

  private static final String CRONS =
      "crons: ['0 2 * * *'], clientsFrom: {configMaps: [{name: eu}]}, clients: [{id: inline}]";

  @RegisterExtension private final ListedClients f = new ListedClients();

  private static String days(String options) {
    return TWO_DAYS.formatted(options);
  }

  private BackfillStatus backfill() {
    return f.status().backfills().getFirst();
  }

  private void succeed(String... runs) {
    for (String run : runs) {
      f.end(run, Verdict.SUCCEEDED);
    }
  }

  // ---- backfills

  @Test
  void aBackfillRunsTheClientsOfConfigMapsToo() {
    f.write("eu", "- {id: acme, parameters: [{name: region, value: eu}]}\n- {id: globex}");
    f.apply(days(""));
    assertThat(f.runs())
        .containsExactly(
            "acme-2026-02-02",
            "acme-2026-02-03",
            "globex-2026-02-02",
            "globex-2026-02-03",
            "inline-2026-02-02",
            "inline-2026-02-03");
    assertThat(f.run("acme-2026-02-03").definition().request()).contains("region");
    assertThat(backfill().progress()).isEqualTo("6/6");
  }

  @Test
  void aBackfillOfOneClientOfAConfigMap() {
    f.write("eu", "- {id: acme}\n- {id: globex}");
    f.apply(days(", clients: [globex]"));
    assertThat(f.runs()).containsExactly("globex-2026-02-02", "globex-2026-02-03");
  }

  @Test
  void aClientWithABadEntryIsSkippedAndNamed() {
    f.write("eu", "- {id: acme, crons: [x]}\n- {id: globex}\n- {id: 7}");
    f.apply(days(""));
    assertThat(f.runs())
        .containsExactly(
            "globex-2026-02-02", "globex-2026-02-03", "inline-2026-02-02", "inline-2026-02-03");
    assertThat(backfill().skipped()).isEqualTo(2);
    assertThat(backfill().message())
        .contains("dates of client acme are skipped", "entry 1 (line 1) of ConfigMap eu");
  }

  @Test
  void withTheLastListABackfillGoesOn() {
    f.write("eu", "- {id: acme}");
    f.apply(days("").replace(": 100", ": 1"));
    f.delete("eu");
    succeed("acme-2026-02-02", "inline-2026-02-02");
    assertThat(f.runs()).contains("acme-2026-02-03");
  }

  /** Otherwise the dates of the clients that it lists would be passed over. */
  @Test
  void aBackfillWaitsForAListThatIsNotKnown() {
    f.write("eu", "- {id: acme}");
    f.apply(days("").replace(": 100", ": 1"));
    f.delete("eu");
    f.restart();
    succeed("acme-2026-02-02");
    assertThat(f.runs()).containsExactly("acme-2026-02-02");
    assertThat(backfill().state()).isEqualTo("Invalid");
    assertThat(backfill().message()).contains("ConfigMap eu does not exist");
    assertThat(backfill().succeeded()).isEqualTo(1);
    f.write("eu", "- {id: acme}");
    assertThat(backfill().state()).isEqualTo("Running");
    succeed("inline-2026-02-02", "acme-2026-02-03", "inline-2026-02-03");
    assertThat(backfill().state()).isEqualTo("Completed");
    assertThat(backfill().progress()).isEqualTo("4/4");
  }

  @Test
  void aBackfillWithoutAKnownClientIsNotCompleted() {
    f.apply(days("").replace("clients: [{id: inline}], ", "").replace(": 100", ": 1"));
    assertThat(backfill().state()).isEqualTo("Invalid");
    f.write("eu", "- {id: acme}");
    assertThat(f.runs()).containsExactly("acme-2026-02-02");
    succeed("acme-2026-02-02", "acme-2026-02-03");
    assertThat(backfill().state()).isEqualTo("Completed");
    f.delete("eu");
    f.restart();
    assertThat(backfill().state()).as("it needs no list any more").isEqualTo("Completed");
  }

  @Test
  void aBackfillOfKnownClientsDoesNotWaitForAList() {
    f.apply(days(", clients: [inline]"));
    assertThat(f.runs()).containsExactly("inline-2026-02-02", "inline-2026-02-03");
    f.apply(days(", clients: [inline, acme]").replace("name: b", "name: c"));
    assertThat(backfill().state()).isEqualTo("Invalid");
    assertThat(f.runs()).hasSize(2);
    f.write("eu", "- {id: acme}");
    assertThat(f.runs()).contains("acme-2026-02-02", "acme-2026-02-03");
  }

  /** Any number of dates of ten thousand clients is one row, and few runs at a time. */
  @Test
  void aBackfillOfTenThousandClients() {
    f.write("eu", ListedClients.many("eu", 9_999));
    f.apply(days("").replace(": 100", ": 4"));
    assertThat(backfill().progress()).isEqualTo("4/20000");
    succeed("eu00000-2026-02-02");
    assertThat(f.runs()).hasSize(5).contains("eu00004-2026-02-02");
  }

  // ---- health

  @Test
  void theHealthCountsTheClientsOfConfigMaps() {
    f.write("eu", "- {id: acme}\n- {id: globex}");
    f.apply(CRONS);
    f.until("2026-03-02T02:00:00Z");
    f.end("acme-2026-03-01", Verdict.INVALID_SPEC);
    succeed("globex-2026-03-01");
    f.until("2026-03-02T02:10:00Z");
    ClientsStatus clients = f.status().clients();
    assertThat(clients.total()).isEqualTo(3);
    assertThat(clients.failing()).isEqualTo(1);
    assertThat(clients.ok()).isEqualTo(2);
    assertThat(f.status().attention()).extracting(AttentionStatus::client).containsExactly("acme");
    f.write("eu", "- {id: globex}");
    f.until("2026-03-02T02:20:00Z");
    assertThat(f.status().clients().failing()).as("it is not listed any more").isZero();
    assertThat(f.status().attention()).isEmpty();
  }

  @Test
  void aClientThatWaitsForItsListKeepsItsHealth() {
    f.write("eu", "- {id: acme}");
    f.apply(CRONS);
    f.until("2026-03-02T02:00:00Z");
    f.end("acme-2026-03-01", Verdict.INVALID_SPEC);
    f.delete("eu");
    f.restart();
    f.until("2026-03-02T02:10:00Z");
    assertThat(f.status().clients().total()).isEqualTo(1);
    assertThat(f.status().clients().failing()).isEqualTo(1);
    assertThat(f.status().clients().invalid()).isEqualTo(1);
    f.write("eu", "[]");
    f.until("2026-03-02T02:20:00Z");
    assertThat(f.status().clients().failing()).as("it is not listed any more").isZero();
  }

  /** The API server refuses a status with a longer id, and an entry without one is no client. */
  @Test
  void anEntryWithoutAnIdIsCountedButNamesNoClient() {
    f.write("eu", "- {id: acme, crons: [x]}\n- {id: 7}\n- {id: a b}");
    f.apply(CRONS);
    PipelineScheduleStatus status = f.status();
    assertThat(status.clients().total()).isEqualTo(2);
    assertThat(status.clients().invalid()).isEqualTo(3);
    assertThat(status.clients().ok()).isEqualTo(1);
    assertThat(status.attention())
        .extracting(AttentionStatus::client, AttentionStatus::reason)
        .containsExactly(tuple("acme", "Invalid"));
  }

  @Test
  void aBadEntryIsNotOkInAScheduleWithoutCrons() {
    f.write("eu", "- {id: acme, crons: [x]}\n- {id: globex}");
    f.apply("clientsFrom: {configMaps: [{name: eu}]}");
    assertThat(f.status().clients().ok()).isEqualTo(1);
    assertThat(f.status().clients().invalid()).isEqualTo(1);
    assertThat(f.status().attention()).extracting(AttentionStatus::client).containsExactly("acme");
  }

  @Test
  void theStatusOfTenThousandBadEntriesIsBounded() {
    f.write("eu", ListedClients.many("eu", 9_999).replace("\n", "\n  crons: [x]\n"));
    f.apply(CRONS);
    f.until("2026-03-01T12:10:00Z"); // the health of all clients is read
    PipelineScheduleStatus status = f.status();
    assertThat(status.clients().invalid()).isEqualTo(9_999);
    assertThat(status.attention()).hasSize(20);
    assertThat(status.conditions())
        .allSatisfy(c -> assertThat(c.getMessage()).hasSizeLessThanOrEqualTo(1024));
    assertThat(status.toString()).hasSizeLessThan(40_000);
  }
}
