/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.ledger.LedgerQueries.Loaded;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.Verdict;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A newer version of the operator has updated the tables, or written some of their rows. */
interface NewerVersionTests extends SqlFixture {

  @Test
  default void theVersionOfTheTablesIsThatOfTheLastMigration() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("src/main/resources/db/migration"))) {
      int last =
          files
              .map(file -> file.getFileName().toString())
              .mapToInt(name -> Integer.parseInt(name.substring(1, name.indexOf("__"))))
              .max()
              .orElseThrow();
      assertThat(Database.SCHEMA_VERSION).isEqualTo(last);
      assertThat(sql().count("SELECT schema_version FROM meta")).isEqualTo(last);
    }
  }

  /** An operator that finds its own version must be able to rely on all tables. */
  @Test
  default void aMigrationWritesItsVersionLast() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("src/main/resources/db/migration"))) {
      for (Path file : files.toList()) {
        String[] statements = Files.readString(file).strip().split(";\\R");
        assertThat(statements[statements.length - 1]).contains(" meta ").contains("schema_version");
        assertThat(List.of(statements).subList(0, statements.length - 1))
            .noneMatch(s -> s.contains("INSERT INTO meta") || s.contains("UPDATE meta"));
      }
    }
  }

  @Test
  default void tablesThatWereCreatedInPartAreReported() {
    sql().handle().execute("DELETE FROM meta");
    try {
      assertThatThrownBy(() -> open(sql().config(), new SimpleMeterRegistry()).close())
          .hasMessageContaining("table meta has no row");
    } finally {
      sql().handle().execute("INSERT INTO meta VALUES (1, ?, 0)", (Object) Database.SCHEMA_VERSION);
    }
  }

  @Test
  default void anOperatorOlderThanTheTablesDoesNotStart() {
    sql().handle().execute("UPDATE meta SET schema_version = 7");
    assertThatThrownBy(() -> open(sql().config(), new SimpleMeterRegistry()).close())
        .isInstanceOf(LedgerTooNew.class)
        .hasMessageContaining("version 7")
        .hasMessageContaining("up to " + Database.SCHEMA_VERSION)
        .hasMessageContaining("Install the newer operator");
  }

  private double unknownValues(String column) {
    return metrics().counter("luigi.operator.ledger.unknown.values", "column", column).count();
  }

  private void set(String table, String column, String value, Run run) {
    sql()
        .handle()
        .execute(
            "UPDATE %s SET %s = ? WHERE run_id = ?".formatted(table, column),
            value,
            run.key().id());
  }

  @Test
  default void aRunWithAnUnknownValueIsLeftOutOfEveryList() {
    Run known = accepted(RunBuilder.named("known").client("a"));
    Run newer = accepted(RunBuilder.named("newer").client("b"));
    for (Run run : List.of(known, newer)) {
      ledger().runs().hold(run.key(), Reasons.NAMESPACE_MISSING, "");
    }
    set("run", "priority", "Urgent", newer);

    assertThat(ledger().queries().heldFor(Reasons.NAMESPACE_MISSING, Optional.empty(), 10))
        .containsExactly(load(known));
    assertThat(unknownValues("run.priority")).isEqualTo(1);
    Loaded loaded = ledger().queries().load(List.of(known.key(), newer.key()), CLUSTER);
    assertThat(loaded.runs()).containsOnlyKeys(known.key());
    assertThat(loaded.run(known.key())).isPresent();
    assertThatThrownBy(() -> loaded.run(newer.key()))
        .hasMessageContaining("run.priority is 'Urgent'")
        .hasMessageContaining("upgrade the operator");
    assertThat(loaded.run(new RunKey("team-a", "nothing"))).isEmpty();
  }

  @Test
  default void aRunInAnUnknownStateKeepsItsRow() {
    Run known = accepted(RunBuilder.named("known"));
    Run newer = accepted(RunBuilder.named("newer"));
    set("run", "state", "PARKED", newer);
    List<Acceptance> answers =
        ledger()
            .runs()
            .accept(
                Stream.of("fresh", "newer", "known")
                    .map(name -> request(RunBuilder.named(name)))
                    .toList());
    assertThat(answers)
        .hasExactlyElementsOfTypes(
            Acceptance.Accepted.class, Acceptance.Refused.class, Acceptance.Same.class);
    assertThat(((Acceptance.Refused) answers.get(1)).message()).contains("run.state is 'PARKED'");
    for (Runnable change :
        List.<Runnable>of(
            () -> ledger().runs().cancel(newer.key(), Reasons.CANCELED, ""),
            () -> ledger().runs().hold(newer.key(), Reasons.NAMESPACE_MISSING, ""),
            () -> claim(newer))) {
      assertThatThrownBy(change::run).hasMessageContaining("run.state is 'PARKED'");
    }
    ScheduleLedger.ClientKey client = NewestRunsContract.ACME;
    assertThat(ledger().schedules().newestRuns(List.of(client), 10).get(client))
        .extracting(DatedRun::key)
        .containsExactlyInAnyOrder(known.key(), RunBuilder.named("fresh").key());
    assertThat(sql().count("SELECT COUNT(*) FROM run WHERE state = 'PARKED'")).isEqualTo(1);
    assertThat(sql().count("SELECT COUNT(*) FROM client_mutex")).isEqualTo(1);
    assertThat(claim(known)).isPresent();
  }

  @Test
  default void runsWhoseTimeHasComeAreChangedWithoutTheUnknownOnes() {
    Run known = accepted(RunBuilder.named("known").client("a"));
    Run newer = accepted(RunBuilder.named("newer").client("b"));
    for (Run run : List.of(known, newer)) {
      finish(bound(run), Verdict.TASK_FAILED);
    }
    set("run", "next_kind", "PROBE", newer);
    assertThat(ledger().maintenance().due(10)).extracting(Run::key).containsExactly(known.key());
    assertThat(unknownValues("run.next_kind")).isEqualTo(1);
  }

  @Test
  default void anAttemptWithAnUnknownValueIsLeftOutAndNotTakenForMissing() {
    Run known = accepted(RunBuilder.named("known").client("a"));
    Run newer = accepted(RunBuilder.named("newer").client("b"));
    Run stopped = accepted(RunBuilder.named("stopped").client("c"));
    Attempt readable = claimed(known);
    Attempt unreadable = claimed(newer);
    Attempt stopping = bound(stopped);
    set("attempt", "kind", "PROBE", newer);
    set("attempt", "stop_cause", "QUOTA", stopped);

    assertThat(ledger().queries().liveAttempts(CLUSTER)).containsExactly(readable);
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ZERO, 10))
        .containsExactly(readable);
    LedgerQueries.TokenLookup lookup =
        ledger()
            .queries()
            .attemptsByToken(
                List.of(readable.token(), unreadable.token(), stopping.token(), "unknown"));
    assertThat(lookup.attempts().values()).containsExactly(readable);
    assertThat(lookup.unreadable()).containsExactlyInAnyOrder(unreadable.token(), stopping.token());
    assertThat(unknownValues("attempt.kind")).isPositive();
    assertThat(unknownValues("attempt.stop_cause")).isPositive();
    assertThat(ledger().queries().load(List.of(known.key(), newer.key()), CLUSTER).runs())
        .containsOnlyKeys(known.key());
  }
}
