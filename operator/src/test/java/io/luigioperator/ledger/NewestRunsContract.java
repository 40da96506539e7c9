/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.ScheduleLedger.ClientKey;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Verdict;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The newest runs of a client of a schedule, by business date. */
interface NewestRunsContract extends LedgerFixture {

  ClientKey ACME = new ClientKey(new ScheduleKey("team-a", "nightly"), "acme");
  ClientKey GLOBEX = new ClientKey(new ScheduleKey("team-a", "nightly"), "globex");

  private Map<ClientKey, List<DatedRun>> newest(int limit, ClientKey... clients) {
    return ledger().schedules().newestRuns(List.of(clients), limit);
  }

  /** Its name is the date, unless another one is given. */
  private Run dated(String client, String date) {
    return accepted(RunBuilder.named(client + date.toLowerCase()).client(client).date(date));
  }

  @Test
  default void theNewestDatesComeFirstAndNoMoreThanAskedFor() {
    for (int day : new int[] {3, 1, 4, 2}) {
      dated("acme", ScheduleContract.date(day));
    }
    dated("globex", "2026-11-30");

    assertThat(newest(10, ACME).get(ACME))
        .extracting(DatedRun::businessDate)
        .containsExactly("2026-11-04", "2026-11-03", "2026-11-02", "2026-11-01");
    assertThat(newest(2, ACME).get(ACME))
        .extracting(DatedRun::businessDate)
        .containsExactly("2026-11-04", "2026-11-03");
  }

  @Test
  default void everyClientIsAnsweredAndOneWithoutRunsIsLeftOut() {
    dated("acme", "2026-11-01");
    dated("acme", "2026-11-02");
    dated("globex", "2026-11-03");
    ClientKey initech = new ClientKey(ACME.schedule(), "initech");

    Map<ClientKey, List<DatedRun>> found = newest(1, initech, GLOBEX, ACME);

    assertThat(found).containsOnlyKeys(GLOBEX, ACME);
    assertThat(found.get(ACME)).extracting(DatedRun::businessDate).containsExactly("2026-11-02");
    assertThat(found.get(GLOBEX)).extracting(DatedRun::businessDate).containsExactly("2026-11-03");
  }

  /** Cron, backfill or user: what counts is the schedule that the run refers to. */
  @Test
  default void runsOfOthersAndRunsWithoutADateAreLeftOut() {
    Run expected = dated("acme", "2026-11-01");
    accepted(RunBuilder.named("other-namespace").in("team-b").date("2026-11-02"));
    accepted(RunBuilder.named("other-schedule").schedule("hourly").date("2026-11-03"));
    accepted(RunBuilder.named("other-client").client("Acme").date("2026-11-04"));
    accepted(RunBuilder.named("inline").schedule("").date("2026-11-05"));
    accepted(RunBuilder.named("without-date").date(""));

    assertThat(newest(10, ACME).get(ACME))
        .extracting(DatedRun::key)
        .containsExactly(expected.key());
    assertThat(newest(10, new ClientKey(new ScheduleKey("team-a", ""), "acme")).values())
        .as("the runs of inline pipelines, by the same index")
        .hasSize(1);
  }

  @Test
  default void eachRunHasItsStateAndHowItEnded() {
    Run succeeded = dated("acme", "2026-11-01");
    finish(bound(succeeded), Verdict.SUCCEEDED).orElseThrow();
    Run failed = dated("acme", "2026-11-02");
    finish(bound(failed), FailureCause.IMAGE_USER_NOT_NUMERIC).orElseThrow();
    Run canceled = dated("acme", "2026-11-03");
    ledger().runs().cancel(canceled.key(), Reasons.CANCELED, "by a user").orElseThrow();
    Run waiting = dated("acme", "2026-11-04");

    List<DatedRun> runs = newest(10, ACME).get(ACME);

    assertThat(runs)
        .extracting(DatedRun::key)
        .containsExactly(waiting.key(), canceled.key(), failed.key(), succeeded.key());
    assertThat(runs)
        .extracting(DatedRun::state)
        .containsExactly(RunState.READY, RunState.CANCELED, RunState.FAILED, RunState.SUCCEEDED);
    assertThat(runs)
        .extracting(DatedRun::reason)
        .containsExactly("", "Canceled", "ImageUserNotNumeric", "Completed");
    assertThat(runs.get(1).message()).isEqualTo("by a user");
    assertThat(runs)
        .extracting(DatedRun::finishedAt)
        .containsExactlyElementsOf(
            runs.stream().map(r -> load(r.key()).times().finishedAt()).toList());
    assertThat(runs.get(2).finishedAt()).isPresent();
  }

  @Test
  default void allRunsOfADateAreFound() {
    for (int i = 0; i < 3; i++) {
      accepted(RunBuilder.named("first" + i).date("2026-11-01"));
      accepted(RunBuilder.named("second" + i).date("2026-11-02"));
    }
    assertThat(newest(10, ACME).get(ACME))
        .extracting(run -> run.key().name())
        .hasSize(6)
        .satisfies(names -> assertThat(names.subList(0, 3)).allMatch(n -> n.startsWith("second")))
        .satisfies(names -> assertThat(names.subList(3, 6)).allMatch(n -> n.startsWith("first")));
  }

  @Test
  default void manyClientsAreReadAtOnce() {
    List<ClientKey> clients =
        IntStream.range(0, ScheduleLedger.MAX_CLIENTS)
            .mapToObj(i -> new ClientKey(ACME.schedule(), "c" + i))
            .toList();
    clients.forEach(c -> dated(c.client(), "2026-11-01"));
    assertThat(ledger().schedules().newestRuns(clients, 4))
        .hasSize(clients.size())
        .allSatisfy(
            (client, runs) ->
                assertThat(runs)
                    .extracting(run -> run.key().name())
                    .containsExactly(client.client() + "2026-11-01"));
  }
}
