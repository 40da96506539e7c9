/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.SkipReason;
import io.luigioperator.schedule.TickGap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The statements that the pages for administrators contain fit the tables. */
interface DocumentationTests extends SqlFixture {

  Pattern BLOCK = Pattern.compile("^ *```sql\n(.*?)^ *```$", Pattern.MULTILINE | Pattern.DOTALL);

  ScheduleKey NIGHTLY_FLIGHTS = new ScheduleKey("flights", "nightly");

  default List<String> statements(String page, String verb) {
    try {
      return BLOCK
          .matcher(Files.readString(Path.of("../docs").resolve(page)))
          .results()
          .flatMap(block -> Stream.of(block.group(1).replaceAll("(?m)^ *--.*$\\R?", "").split(";")))
          .map(String::strip)
          .filter(statement -> statement.matches("(?s)" + verb + "\\s.*"))
          .toList();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  default void everyDocumentedQueryFindsWhatItIsFor() {
    finish(bound(accepted(RunBuilder.named("failed").client("globex"))), FailureCause.EVICTED)
        .orElseThrow();
    claimed(accepted(RunBuilder.named("live")));
    ledger().clusters().register(ONE, true);
    decideSomeCronTimes();
    List<String> queries = statements("operations.md", "SELECT");
    assertThat(queries).hasSizeGreaterThanOrEqualTo(4);
    for (String query : queries) {
      assertThat(sql().handle().createQuery(query).mapToMap().list()).as(query).isNotEmpty();
    }
  }

  /** One date that fires, one that is skipped, and a gap. */
  private void decideSomeCronTimes() {
    Instant start = Instant.parse("2013-01-14T00:00:00Z");
    Instant end = start.plus(30, ChronoUnit.DAYS);
    ScheduleLedger schedules = ledger().schedules();
    assertThat(schedules.own(NIGHTLY_FLIGHTS, CLUSTER)).isEqualTo(CLUSTER);
    ClientDecision first =
        new ClientDecision("UA", Optional.empty(), start, Optional.of("{}"), List.of(), List.of());
    NewRun run = RunBuilder.named("nightly-ua").client("UA").in("flights").run();
    List<Tick> ticks =
        List.of(
            new Tick("2013-01-15", start.plus(1, ChronoUnit.DAYS), "", Optional.of(run)),
            new Tick("2013-01-16", start.plus(2, ChronoUnit.DAYS), "Suspended", Optional.empty()));
    List<TickGap> gaps =
        List.of(new TickGap(start.plus(3, ChronoUnit.DAYS), end, 27, SkipReason.CatchUpLimit));
    ClientDecision decision =
        new ClientDecision("UA", Optional.of(start), end, Optional.of("{}"), ticks, gaps);
    assertThat(schedules.decide(NIGHTLY_FLIGHTS, CLUSTER, List.of(first)))
        .containsExactly(new TickAnswer.Decided(0));
    assertThat(schedules.decide(NIGHTLY_FLIGHTS, CLUSTER, List.of(decision)))
        .containsExactly(new TickAnswer.Decided(1));
  }

  @Test
  default void everyDocumentedQueryAboutSchedulesFindsWhatItIsFor() {
    decideSomeCronTimes();
    accepted(RunBuilder.named("counts").in("flights"));
    ledger().schedules().limit(NIGHTLY_FLIGHTS, Optional.of(1));
    accepted(RunBuilder.named("waits").in("flights"));
    List<String> queries = statements("schedules.md", "SELECT");
    assertThat(queries).hasSize(6);
    for (String query : queries) {
      assertThat(sql().handle().createQuery(query).mapToMap().list()).as(query).isNotEmpty();
    }
  }

  @Test
  default void theDocumentedCheckFindsWhatIsLostOrDoubled() {
    decideSomeCronTimes();
    String check =
        statements("schedules.md", "SELECT").stream()
            .filter(query -> query.contains("clients_with_unaccounted_cron_times"))
            .findFirst()
            .orElseThrow();
    assertThat(counts(check)).containsExactly(0, 0, 0);
    sql().handle().execute("UPDATE tick SET cron_times = 2 WHERE decision = 'SKIPPED'");
    assertThat(counts(check)).containsExactly(0, 0, 1);
    sql().handle().execute("DELETE FROM tick_gap");
    sql().handle().execute("UPDATE tick SET business_date = '2013-01-20' WHERE decision = 'FIRED'");
    assertThat(counts(check)).containsExactly(0, 1, 1);
    sql().handle().execute("DELETE FROM run WHERE name = 'nightly-ua'");
    assertThat(counts(check)).containsExactly(0, 1, 1);
    withoutTheUniqueKeyOfDates(() -> assertThat(counts(check)).containsExactly(1, 2, 1));
  }

  /** Only without this key can a date have two runs. */
  private void withoutTheUniqueKeyOfDates(Runnable action) {
    sql().handle().execute("ALTER TABLE tick DROP INDEX tick_date");
    try {
      sql()
          .handle()
          .execute(
              "INSERT INTO tick SELECT 'other', schedule_id, client, business_date, backfill, decision,"
                  + " reason, cron_time, cron_times, 'other', decided_at FROM tick"
                  + " WHERE decision = 'FIRED'");
      action.run();
    } finally {
      sql().handle().execute("DELETE FROM tick");
      sql()
          .handle()
          .execute(
              "ALTER TABLE tick ADD UNIQUE KEY tick_date (schedule_id, client, business_date, backfill)");
    }
  }

  private List<Integer> counts(String query) {
    return sql().handle().createQuery(query).mapToMap().one().values().stream()
        .map(count -> ((Number) count).intValue())
        .toList();
  }

  @Test
  default void afterARestoreFencesAreHigherThanAnyThatWasUsed() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt before = bound(run);
    List<String> changes = statements("operations.md", "UPDATE");
    assertThat(changes).hasSize(2);
    changes.forEach(change -> sql().handle().execute(change));

    finish(reload(before), FailureCause.POD_DELETED).orElseThrow();
    ledger().maintenance().due(100);
    assertThat(claimed(run).ref().fence()).isGreaterThan(before.ref().fence() + 1_000_000);
    assertThat(brokenInvariants(metrics())).isZero();
  }
}
