/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.RerunMode;
import io.luigioperator.api.TaskRef;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Limits;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import io.luigioperator.sim.SimLedger;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What it means that PipelineRuns are missing: a few, many, and where nothing may be read. */
class MissingObjectsTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final String HERE = "here";

  private Instant now = T0;
  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final Map<RunKey, RunObject> objects = new HashMap<>();
  private final Map<String, Instant> confirmed = new HashMap<>();
  private Optional<String> forbidden = Optional.empty();
  private int liveReads;
  private final Kube kube = clusterOfRuns();
  private Sweep sweep = sweep();

  private Sweep sweep() {
    return new Sweep(
        ledger,
        kube,
        HERE,
        new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400)),
        new RunDriver(ledger, kube, HERE, Limits.DEFAULT, () -> now, () -> {}),
        run -> {});
  }

  private Kube clusterOfRuns() {
    return (Kube)
        Proxy.newProxyInstance(
            Kube.class.getClassLoader(),
            new Class<?>[] {Kube.class},
            (proxy, method, args) ->
                switch (method.getName()) {
                  case "identity" -> "uid-of-kube-system";
                  case "crdEstablished" -> true;
                  case "namespace" -> NamespaceState.ACTIVE;
                  case "deletionsConfirmed" -> Optional.ofNullable(confirmed.get((String) args[0]));
                  case "run" -> run((RunKey) args[0], (Freshness) args[1]);
                  case "jobs", "pods" -> List.of();
                  case "writeStatus" -> true;
                  default -> throw new AssertionError("not expected: " + method);
                });
  }

  private Optional<RunObject> run(RunKey key, Freshness freshness) {
    if (freshness == Freshness.LIVE) {
      liveReads++;
      if (forbidden.filter(key.namespace()::equals).isPresent()) {
        throw new KubeForbidden("no rights there", new IllegalStateException());
      }
    }
    return Optional.ofNullable(objects.get(key));
  }

  private static PipelineRunSpec spec(String client, String image) {
    return new PipelineRunSpec(
        null,
        PipelineSpec.ofDefaults(image, new TaskRef("m", "F")),
        client,
        "2013-01-15",
        List.of(),
        null,
        Priority.Normal,
        DesiredState.Running,
        null,
        null,
        null,
        null,
        null);
  }

  private List<RunKey> waiting(String namespace, int number, DesiredState desired) {
    List<RunKey> keys = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      RunKey key = new RunKey(namespace, "run-%s-%02d".formatted(desired, i));
      PipelineRunSpec spec = spec(key.name(), "image:1");
      ledger.accept(
          new NewRun(
              key,
              key.name(),
              "2013-01-15",
              "",
              AdmitKey.ofClient(namespace, key.name(), "default"),
              desired,
              Priority.Normal,
              Optional.empty(),
              OptionalLong.empty(),
              3,
              3,
              RequestJson.write(
                  new Request(
                      spec,
                      spec.pipeline(),
                      new TreeMap<>(),
                      0,
                      RerunMode.Incomplete,
                      Priority.Normal)),
              RequestJson.hash(spec),
              RequestJson.HASH_VERSION),
          new ObjectRecord(HERE, "uid-" + key.name(), 1));
      apply(key, "uid-" + key.name(), "image:1");
      keys.add(key);
    }
    return keys;
  }

  private void apply(RunKey key, String uid, String image) {
    objects.put(
        key,
        new RunObject(key, uid, 3, T0, false, false, spec(key.name(), image), Optional.empty()));
  }

  private Run row(RunKey key) {
    return ledger.load(key, HERE).orElseThrow().run();
  }

  private void assertUnconfirmed(List<RunKey> runs) {
    assertThat(runs)
        .allSatisfy(r -> assertThat(row(r).standing().reason()).isEqualTo(Reasons.MASS_DELETION))
        .allSatisfy(r -> assertThat(row(r).state()).isEqualTo(RunState.HELD));
  }

  private void assertCanceled(List<RunKey> runs) {
    assertThat(runs).allSatisfy(r -> assertThat(row(r).state()).isEqualTo(RunState.CANCELED));
  }

  private void delete(List<RunKey> runs) {
    runs.forEach(objects::remove);
  }

  @Test
  void aFewMissingOnesWereDeletedByUsers() {
    List<RunKey> runs = waiting("data", 12, DesiredState.Running);
    delete(runs.subList(0, 10));

    sweep.concludeDeletions();

    assertCanceled(runs.subList(0, 10));
    assertThat(row(runs.get(11)).state()).isEqualTo(RunState.READY);
  }

  @Test
  void manyAtOnceAreHeldToTheLastOneAndNoneIsCanceled() {
    List<RunKey> runs = new ArrayList<>(waiting("data", 8, DesiredState.Running));
    runs.addAll(waiting("data", 4, DesiredState.Held));
    delete(runs);

    sweep.concludeDeletions();
    sweep = sweep(); // the next operator goes on where this one was killed
    sweep.concludeDeletions();

    assertUnconfirmed(runs);
    int looks = liveReads;
    assertThat(sweep.pass().unconfirmedDeletions()).isEqualTo(12);
    assertThat(liveReads).as("what is held costs no more requests").isEqualTo(looks);
  }

  @Test
  void theLastOfManyIsNoLoneDeletion() {
    List<RunKey> runs = waiting("data", 12, DesiredState.Running);
    delete(runs);

    sweep.concludeDeletions();
    assertUnconfirmed(runs.subList(0, 11));
    assertThat(row(runs.get(11)).state()).isEqualTo(RunState.READY);
    sweep.concludeDeletions();

    assertUnconfirmed(runs);
  }

  @Test
  void itLooksNoFurtherThanItMust() {
    delete(waiting("data", 100, DesiredState.Running));

    sweep.concludeDeletions();

    assertThat(liveReads).isEqualTo(21);
  }

  @Test
  void aFewDeletedAfterwardsAreAnotherMatter() {
    List<RunKey> lost = waiting("data", 12, DesiredState.Running);
    delete(lost);
    sweep.concludeDeletions();
    sweep.concludeDeletions();
    List<RunKey> later = waiting("other", 3, DesiredState.Running);
    sweep.concludeDeletions();
    delete(later.subList(0, 1));

    sweep.concludeDeletions();

    assertCanceled(later.subList(0, 1));
    assertUnconfirmed(lost);
  }

  @Test
  void aPersonsConfirmationCancelsWhatIsMissingInThatNamespace() {
    List<RunKey> ours = waiting("data", 12, DesiredState.Running);
    List<RunKey> others = waiting("other", 12, DesiredState.Running);
    delete(ours);
    delete(others);
    sweep.concludeDeletions();
    sweep.concludeDeletions();
    confirmed.put("data", now.minusSeconds(3601));
    sweep.concludeDeletions();
    assertUnconfirmed(ours);

    confirmed.put("data", now.minusSeconds(3600));
    sweep.concludeDeletions();

    assertCanceled(ours);
    assertUnconfirmed(others);
  }

  @Test
  void anObjectThatAsksForTheSameBringsItsRunBack() {
    List<RunKey> runs = waiting("data", 12, DesiredState.Running);
    delete(runs);
    sweep.concludeDeletions();
    sweep.concludeDeletions();
    apply(runs.get(0), "uid-new", "image:1");
    apply(runs.get(1), "uid-new", "image:2");
    apply(runs.get(2), "uid-" + runs.get(2).name(), "image:1");

    sweep.concludeDeletions();

    assertThat(row(runs.get(0)).state()).isEqualTo(RunState.READY);
    assertThat(ledger.load(runs.get(0), HERE).orElseThrow().object())
        .as("what the new object says is still to be applied")
        .contains(new ObjectRecord(HERE, "uid-new", 0));
    assertThat(row(runs.get(2)).state()).isEqualTo(RunState.READY);
    assertUnconfirmed(runs.subList(1, 2));
    assertUnconfirmed(runs.subList(3, 12));
  }

  @Test
  void whereNothingMayBeReadNothingIsConcludedAndElsewhereAllIs() {
    List<RunKey> hidden = waiting("hidden", 1, DesiredState.Running);
    List<RunKey> open = waiting("open", 1, DesiredState.Running);
    delete(hidden);
    delete(open);
    forbidden = Optional.of("hidden");

    sweep.concludeDeletions();

    assertCanceled(open);
    assertThat(row(hidden.getFirst()).state()).isEqualTo(RunState.READY);
  }

  @Test
  void aRunHeldForItsNamespaceWaitsUntilThatMayBeRead() {
    RunKey run = waiting("data", 1, DesiredState.Running).getFirst();
    ledger.hold(run, Reasons.NAMESPACE_MISSING, "");
    forbidden = Optional.of("data");
    sweep.pass();
    assertThat(row(run).state()).isEqualTo(RunState.HELD);

    forbidden = Optional.empty();
    sweep.pass();
    assertThat(row(run).state()).isEqualTo(RunState.READY);
  }
}
