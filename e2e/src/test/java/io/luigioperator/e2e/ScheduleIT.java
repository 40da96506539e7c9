/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.luigioperator.e2e.LifecycleIT.Span;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Runs that schedules create, by their crons and by backfills, with real pods and real Luigi. */
@Timeout(900)
class ScheduleIT {

  private static final DateTimeFormatter MINUTE = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HHmm");

  private static Installation installation;

  @BeforeAll
  static void connect() {
    installation = new Installation("schedule");
  }

  @AfterAll
  static void remove() {
    installation.close();
  }

  /** Kathmandu is 5:45 hours ahead of UTC all year. */
  @Test
  void eachClientRunsForTheMinuteOfItsZone() {
    installation
        .run("minutely")
        .spec("crons", List.of("* * * * *"))
        .spec("businessDate", Map.of("unit", "Minute", "offset", 0))
        .spec(
            "clients",
            List.of(Map.of("id", "utc"), Map.of("id", "kathmandu", "timeZone", "Asia/Kathmandu")))
        .applySchedule();
    await("both clients have a run that succeeded")
        .atMost(Installation.TIMEOUT)
        .pollInterval(Duration.ofSeconds(1))
        .until(
            () ->
                succeeded("minutely", "utc").size() > 0
                    && succeeded("minutely", "kathmandu").size() > 0);

    LocalDateTime utc = LocalDateTime.parse(succeeded("minutely", "utc").getFirst(), MINUTE);
    LocalDateTime kathmandu =
        LocalDateTime.parse(succeeded("minutely", "kathmandu").getFirst(), MINUTE);
    assertThat(Duration.between(utc, kathmandu))
        .isBetween(Duration.ofMinutes(342), Duration.ofMinutes(348));
    await("the status shows the next cron time")
        .atMost(Installation.TIMEOUT)
        .until(() -> installation.schedule("minutely").get("status", "nextTickTime") != null);
    GenericKubernetesResource schedule = installation.schedule("minutely");
    assertThat(schedule.<Integer>get("status", "clients", "total")).isEqualTo(2);
    assertThat(schedule.<String>get("status", "conditions", 0, "status")).isEqualTo("True");

    installation.objects("PipelineSchedule").resource(schedule).delete();
    await("no run is created any more")
        .atMost(Installation.TIMEOUT)
        .until(() -> installation.schedule("minutely") == null);
    assertThat(installation.runsOf("minutely")).as("its runs remain").isNotEmpty();
  }

  /** Without a mutex, only maxConcurrentRuns keeps the runs apart. */
  @Test
  void aBackfillRunsOneDateAfterAnother() {
    installation
        .run("past")
        .seconds(1)
        .pipeline("mutex", Map.of("scope", "None"))
        .spec("crons", List.of("0 2 * * *"))
        .spec("history", Map.of("succeeded", 3))
        .spec("clients", List.of(Map.of("id", "acme")))
        .spec("backfills", List.of(backfill("days", "2013-01-15", "2013-01-17", 1)))
        .applySchedule();
    List<String> dates = List.of("2013-01-15", "2013-01-16", "2013-01-17");
    await("each date has a run that succeeded")
        .atMost(Installation.TIMEOUT)
        .pollInterval(Duration.ofMillis(200))
        .until(() -> succeeded("past", "acme").equals(dates));

    List<Span> spans =
        dates.stream().map(d -> LifecycleIT.span(installation, "past-acme-" + d)).toList();
    assertThat(spans.get(1).start()).isAfterOrEqualTo(spans.get(0).end());
    assertThat(spans.get(2).start()).isAfterOrEqualTo(spans.get(1).end());
    await("the status shows at once that the backfill is completed")
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(200))
        .until(() -> "Completed".equals(backfillStatus("past").get("state")));
    assertThat(backfillStatus("past"))
        .containsEntry("progress", "3/3")
        .containsEntry("succeeded", 3)
        .containsEntry("failed", 0)
        .containsEntry("skipped", 0)
        .containsEntry("active", 0);
    assertThat(installation.runsOf("past")).hasSize(3);
  }

  @Test
  void removingABackfillCancelsItsWaitingRun() {
    installation
        .run("removed")
        .seconds(600)
        .spec("crons", List.of("0 2 * * *"))
        .spec("clients", List.of(Map.of("id", "umbrella")))
        .spec("backfills", List.of(backfill("two", "2013-01-15", "2013-01-16", 2)))
        .applySchedule();
    String started = "removed-umbrella-2013-01-15";
    await("the run of the first date has started")
        .atMost(Installation.TIMEOUT)
        .pollInterval(Duration.ofMillis(200))
        .until(() -> installation.runsOf("removed").size() == 1);
    installation.runningPod(started);
    // the other one is only in the ledger; an object of its name and content shows it
    String waiting = "removed-umbrella-2013-01-16";
    installation.run(waiting).client("umbrella").applyOf("removed", "2013-01-16");
    installation.awaitStatus(waiting, Installation.TIMEOUT, "WaitingForClient"::equals, "reason");

    patch("removed", "{\"spec\":{\"backfills\":[]}}");
    installation.awaitStatus(waiting, Duration.ofSeconds(60), "Canceled"::equals, "phase");
    assertThat(installation.status(waiting, "reason")).isEqualTo("BackfillRemoved");
    assertThat(installation.status(started, "phase"))
        .as("the run that had a pod goes on")
        .isEqualTo("Running");
    installation.runs().inNamespace(installation.namespace).withName(started).delete();
  }

  // ---- helpers

  /** The business dates of a client of the schedule whose runs have succeeded, ascending. */
  private static List<String> succeeded(String schedule, String client) {
    return installation.runsOf(schedule).stream()
        .filter(run -> client.equals(run.get("spec", "client")))
        .filter(run -> "Succeeded".equals(run.get("status", "phase")))
        .map(run -> run.<String>get("spec", "date"))
        .sorted()
        .toList();
  }

  private static Map<String, Object> backfill(
      String name, String start, String end, int maxConcurrentRuns) {
    return Map.of("name", name, "start", start, "end", end, "maxConcurrentRuns", maxConcurrentRuns);
  }

  /** Of the only backfill; empty if there is none yet. */
  private static Map<String, Object> backfillStatus(String schedule) {
    Map<String, Object> status = installation.schedule(schedule).get("status", "backfills", 0);
    return status == null ? Map.of() : status;
  }

  private static void patch(String schedule, String change) {
    installation
        .objects("PipelineSchedule")
        .inNamespace(installation.namespace)
        .withName(schedule)
        .patch(PatchContext.of(PatchType.JSON_MERGE), change);
  }
}
