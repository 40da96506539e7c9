/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.FakeKube;
import io.luigioperator.OperatorFixture;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.sim.LedgerProxy;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which PipelineRuns the history of a schedule deletes, and what it costs. */
class HistoryLimitsTest {

  private static final String HERE = "here/" + FakeKube.IDENTITY;
  private static final ScheduleKey HOURLY = new ScheduleKey("data", "hourly");

  private Instant now = Instant.parse("2026-03-01T00:30:00Z");
  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final FakeKube kube = new FakeKube();
  private final Metrics metrics = new Metrics(BuildInfo.current());
  private final List<String> queries = new ArrayList<>();
  private TickLoop loop = leader();

  private TickLoop leader() {
    Ledger watched =
        LedgerProxy.of(
            ledger,
            (role, method, args) -> {
              queries.add(method.getName());
              return LedgerProxy.invoke(role, method, args);
            });
    TickLoop leader =
        new TickLoop(
            watched,
            kube,
            HERE,
            false,
            new Signal(),
            OperatorFixture.limits(watched),
            () -> {},
            run -> {},
            metrics);
    leader.leadershipBegins();
    return leader;
  }

  @BeforeEach
  void apply() {
    apply("{succeeded: 2, failed: 1}");
    loop.changed(HOURLY);
    loop.pass();
  }

  @AfterEach
  void close() {
    metrics.close();
  }

  private void apply(String history) {
    String yaml =
        """
        # YAML
        {pipeline: {image: i, task: {module: m, family: F}}, crons: ['@hourly'],
         businessDate: {unit: Hour}, clients: [{id: acme}, {id: globex}], history: %s}
        """;
    kube.schedules.put(
        HOURLY,
        new ScheduleObject(
            HOURLY,
            "uid",
            now,
            1,
            new ParsedSpec.Valid<>(
                Serialization.unmarshal(yaml.formatted(history), PipelineScheduleSpec.class)),
            Optional.empty()));
  }

  /** The cron times of so many hours come; each run is canceled, which is how it ends here. */
  private List<RunKey> fire(int hours) {
    List<RunKey> before = all();
    for (int i = 0; i < hours; i++) {
      now = now.plus(Duration.ofHours(1));
      loop.pass();
    }
    return all().stream().filter(run -> !before.contains(run)).toList();
  }

  private List<RunKey> all() {
    List<RunKey> all = new ArrayList<>();
    ledger.allRuns().forEach(run -> all.add(run.key()));
    return all;
  }

  private List<RunKey> acmes(int hours) {
    return fire(hours).stream()
        .filter(run -> ledger.run(run).definition().client().equals("acme"))
        .toList();
  }

  /** Its run has ended, and its PipelineRun, which the operator has created, shows that. */
  private void ended(RunKey key, Phase phase) {
    ended(key, phase, true);
  }

  private void ended(RunKey key, Phase phase, boolean createdByOperator) {
    ledger.runs().cancel(key, "", "");
    show(key, phase, createdByOperator);
    loop.runEnded(ledger.run(key));
  }

  private void show(RunKey key, Phase phase, boolean createdByOperator) {
    Run run = ledger.run(key);
    Request request = RequestJson.read(run.definition().request());
    PipelineRunStatus status =
        PipelineRunStatus.builder()
            .phase(phase)
            .completionTime(now)
            .conditions(
                Stream.of("Accepted", "Finished", "Succeeded")
                    .map(
                        type ->
                            new ConditionBuilder()
                                .withType(type)
                                .withStatus(
                                    type.equals("Succeeded") && phase != Phase.Succeeded
                                        ? "False"
                                        : "True")
                                .build())
                    .toList())
            .build();
    kube.cachedRuns.put(
        key,
        new RunObject(
            key,
            "uid-of-" + key.name(),
            1,
            now,
            false,
            createdByOperator,
            Resolver.currentSpec(run, request),
            Optional.of(status)));
  }

  private static String deletion(RunKey run) {
    return "delete PipelineRun %s uid-of-%s".formatted(run.name(), run.name());
  }

  /** The watch reports them. */
  private void observeDeletions() {
    kube.cachedRuns.keySet().removeIf(run -> kube.changes.contains(deletion(run)));
  }

  @Test
  void theOldestEndedRunsOfAClientAreDeleted() {
    List<RunKey> runs = acmes(5);
    for (int i = 0; i < 5; i++) {
      now = now.plusSeconds(1);
      ended(runs.get(i), i == 1 || i == 3 ? Phase.Failed : Phase.Succeeded);
      loop.pass();
      observeDeletions();
    }

    assertThat(kube.changes).containsExactly(deletion(runs.get(1)), deletion(runs.get(0)));
    assertThat(ledger.run(runs.getFirst())).as("the row stays").isNotNull();
  }

  @Test
  void eachClientHasItsOwn() {
    for (RunKey run : fire(2)) {
      ended(run, Phase.Succeeded);
    }
    loop.pass();
    assertThat(kube.changes).isEmpty();
  }

  @Test
  void withinTheHistoryTheLedgerIsNotAsked() {
    acmes(2).forEach(run -> ended(run, Phase.Succeeded));
    queries.clear();
    loop.pass();
    assertThat(queries).doesNotContain("endedRuns");
  }

  @Test
  void thePipelineRunsOfUsersStay() {
    List<RunKey> runs = acmes(4);
    ended(runs.get(0), Phase.Succeeded, false); // a user applied it under the name of the tick
    ended(runs.get(1), Phase.Succeeded);
    ended(runs.get(2), Phase.Succeeded);
    loop.pass();
    assertThat(kube.changes).isEmpty();

    ended(runs.get(3), Phase.Succeeded);
    loop.pass();
    assertThat(kube.changes).containsExactly(deletion(runs.get(1)));
  }

  /** It looks as if the operator had created it. */
  @Test
  void aPipelineRunOfAUserWithTheLabelsOfTheOperatorStays() {
    List<RunKey> runs = acmes(2);
    RunObject template = asked(runs.getFirst(), "by-hand");
    Resolution.Resolved resolved =
        (Resolution.Resolved) Resolver.resolve(template, Optional.of(kube.schedules.get(HOURLY)));
    NewRun run = resolved.run();
    ledger.runs().accept(List.of(new AcceptRequest(run, ObjectRecord.applied(HERE, template))));
    ended(run.key(), Phase.Succeeded);
    now = now.plusSeconds(1);
    runs.forEach(ofTick -> ended(ofTick, Phase.Succeeded));
    loop.pass();

    assertThat(kube.changes).isEmpty();
  }

  private RunObject asked(RunKey like, String name) {
    Run run = ledger.run(like);
    return new RunObject(
        new RunKey("data", name),
        "uid-of-" + name,
        1,
        now,
        false,
        true,
        Resolver.currentSpec(run, RequestJson.read(run.definition().request())),
        Optional.empty());
  }

  /** The status is older than the ledger: the ledger was restored from a backup. */
  @Test
  void theObjectOfARunThatHasNotEndedInTheLedgerStays() {
    List<RunKey> runs = acmes(3);
    show(runs.getFirst(), Phase.Succeeded, true);
    now = now.plusSeconds(1);
    ended(runs.get(1), Phase.Succeeded);
    ended(runs.get(2), Phase.Succeeded);
    loop.pass();
    assertThat(kube.changes).isEmpty();
  }

  @Test
  void aPassDeletesABoundedNumberAndTheNextOneContinues() {
    apply("{succeeded: 0}");
    acmes(120).forEach(run -> show(run, Phase.Succeeded, true));
    all().forEach(run -> ledger.runs().cancel(run, "", ""));
    loop.runEnded(ledger.run(kube.cachedRuns.firstKey()));
    List<Integer> deletions = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      int before = kube.changes.size();
      Duration pause = loop.pass();
      deletions.add(kube.changes.size() - before);
      assertThat(pause).isLessThanOrEqualTo(Duration.ofSeconds(i < 2 ? 1 : 3600));
      observeDeletions();
    }
    assertThat(deletions).containsExactly(50, 50, 20, 0);
    assertThat(kube.changes).doesNotHaveDuplicates();
  }

  @Test
  void aNewLeaderDeletesWhatTheFormerHasLeft() {
    apply("{succeeded: 0}");
    RunKey run = acmes(1).getFirst();
    ended(run, Phase.Succeeded);
    kube.failing.put("deleteRun", new KubeUnavailable("test", new IllegalStateException()));
    assertThatThrownBy(loop::pass).isInstanceOf(KubeUnavailable.class);
    kube.failing.clear();

    loop = leader();
    loop.runEnded(ledger.run(run)); // as for each PipelineRun, when a leadership begins
    loop.pass();
    assertThat(kube.changes).containsExactly(deletion(run));
  }

  @Test
  void aPassThatFailsIsRepeated() {
    apply("{succeeded: 0}");
    RunKey run = acmes(1).getFirst();
    ended(run, Phase.Succeeded);
    kube.failing.put("deleteRun", new KubeUnavailable("test", new IllegalStateException()));
    assertThatThrownBy(loop::pass).isInstanceOf(KubeUnavailable.class);
    kube.failing.clear();
    loop.pass();
    assertThat(kube.changes).containsExactly(deletion(run));
  }

  @Test
  void aRefusedDeletionKeepsNothingElse() {
    apply("{succeeded: 0}");
    List<RunKey> runs = acmes(1);
    ended(runs.getFirst(), Phase.Succeeded);
    kube.failing.put("deleteRun", new KubeForbidden("test", new IllegalStateException()));
    loop.pass();
    assertThat(fire(1)).hasSize(2);
  }

  @Test
  void withoutTheScheduleOnlyTheTimeToLiveCounts() {
    List<RunKey> runs = acmes(4);
    kube.schedules.clear();
    runs.forEach(run -> ended(run, Phase.Succeeded));
    loop.pass();
    assertThat(kube.changes).isEmpty();
  }

  @Test
  void theScheduleOfAnotherClusterHasAHistoryHereToo() {
    List<RunKey> runs = acmes(3);
    ledger.schedules().disown(HOURLY, HERE);
    ledger.schedules().own(HOURLY, "there/uid-of-there");
    loop = leader();
    loop.changed(HOURLY);
    for (RunKey run : runs) {
      ended(run, Phase.Succeeded);
      now = now.plusSeconds(1);
    }
    loop.pass();
    assertThat(kube.changes).containsExactly(deletion(runs.getFirst()));
  }
}
