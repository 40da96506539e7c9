/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.RerunMode;
import io.luigioperator.api.TaskRef;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.AttemptSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import io.luigioperator.sim.SimLedger;
import java.lang.reflect.Proxy;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** What is wrong with one head is that head's affair. */
class AdmissionFaultsTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final String HERE = "here";

  private Instant now = T0;
  private int tokens;
  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final Map<RunKey, Supplier<Optional<RunObject>>> objects = new HashMap<>();
  private NamespaceState namespace = NamespaceState.ACTIVE;
  private RunCreation creation = new RunCreation.NotNow("not in this test");
  private AttemptSeen seen = new AttemptSeen(Optional.empty(), List.of(), false);
  private int slots = 10;

  private final Kube kube =
      (Kube)
          Proxy.newProxyInstance(
              Kube.class.getClassLoader(),
              new Class<?>[] {Kube.class},
              (proxy, method, args) ->
                  switch (method.getName()) {
                    case "crowded" -> false;
                    case "crdEstablished" -> true;
                    case "namespace" -> namespace;
                    case "run" -> objects.get((RunKey) args[0]).get();
                    case "createRun" -> creation;
                    case "attempt" -> seen;
                    default -> throw new AssertionError("not expected: " + method);
                  });

  private int pass() {
    return loop().pass();
  }

  private AdmissionLoop loop() {
    return new AdmissionLoop(
        ledger, kube, HERE, new Capacity(slots), () -> "token-" + ++tokens, run -> {});
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

  /** A waiting run; each of a client of its own, in the order of acceptance. */
  private RunKey waits(String name, String cluster) {
    now = now.plusSeconds(1);
    RunKey key = new RunKey("data", name);
    PipelineRunSpec spec = spec(name, "image:1");
    String request =
        RequestJson.write(
            new Request(
                spec, spec.pipeline(), new TreeMap<>(), 0, RerunMode.Incomplete, Priority.Normal));
    NewRun run =
        new NewRun(
            key,
            name,
            "2013-01-15",
            "",
            AdmitKey.ofClient("data", name, "default"),
            DesiredState.Running,
            Priority.Normal,
            Optional.empty(),
            OptionalLong.empty(),
            3,
            3,
            request,
            RequestJson.hash(spec),
            RequestJson.HASH_VERSION);
    ledger.accept(run, new ObjectRecord(cluster, "uid-" + name, 1));
    RunObject object = object(key, spec, 1);
    objects.put(key, () -> Optional.of(object));
    return key;
  }

  private static RunObject object(RunKey key, PipelineRunSpec spec, long generation) {
    return new RunObject(
        key, "uid-" + key.name(), generation, T0, false, false, spec, Optional.empty());
  }

  private void fails(RunKey run, RuntimeException fault) {
    objects.put(
        run,
        () -> {
          throw fault;
        });
  }

  private Run run(RunKey key) {
    return ledger.load(key, HERE).orElseThrow().run();
  }

  private void assertHeld(RunKey key, String reason, String words) {
    assertThat(run(key).state()).isEqualTo(RunState.HELD);
    assertThat(run(key).standing().reason()).isEqualTo(reason);
    assertThat(run(key).standing().message()).contains(words);
  }

  private void assertClaimed(RunKey key) {
    assertThat(run(key).state()).isEqualTo(RunState.ACTIVE);
  }

  @Test
  void aHeadThatMayNotBeReadIsHeldAndTheNextOneClaimed() {
    RunKey first = waits("first", HERE);
    RunKey second = waits("second", HERE);
    fails(first, new KubeForbidden("403: no rights there", new IllegalStateException()));

    pass();

    assertHeld(first, Reasons.NAMESPACE_MISSING, "no rights there");
    assertClaimed(second);
  }

  @Test
  void aRecordedHeadOfANamespaceThatIsGoneIsHeld() {
    RunKey head = waits("head", HERE);
    objects.put(head, Optional::empty);
    namespace = NamespaceState.TERMINATING;

    pass();

    assertHeld(head, Reasons.NAMESPACE_MISSING, "namespace data");
  }

  @Test
  void aHeadWhoseObjectIsGoneIsPassedOver() {
    RunKey head = waits("head", HERE);
    objects.put(head, Optional::empty);

    pass();

    assertThat(run(head).state()).isEqualTo(RunState.READY);
  }

  @Test
  void aPoisonedHeadIsHeldAndBlocksNobody() {
    RunKey poisoned = waits("poisoned", HERE);
    RunKey next = waits("next", HERE);
    fails(poisoned, new IllegalStateException("a fault of our own"));

    pass();

    assertHeld(poisoned, Reasons.INTERNAL_ERROR, "a fault of our own");
    assertClaimed(next);
  }

  @Test
  void oneLostAnswerPassesOneHeadOverAndTwoInARowEndThePass() {
    RunKey[] heads = new RunKey[5];
    for (int i = 0; i < heads.length; i++) {
      heads[i] = waits("run-" + i, HERE);
    }
    RuntimeException silence = new KubeUnavailable("no answer");
    fails(heads[0], silence);
    fails(heads[2], silence);
    fails(heads[3], silence);

    assertThatThrownBy(this::pass).isSameAs(silence);

    assertThat(heads)
        .extracting(head -> run(head).state())
        .containsExactly(
            RunState.READY, RunState.ACTIVE, RunState.READY, RunState.READY, RunState.READY);
  }

  @Test
  void anObjectOfTheSameNameThatAsksForSomethingElseIsNotTakenForTheRuns() {
    RunKey head = waits("head", "elsewhere");
    creation = new RunCreation.Present(object(head, spec("head", "image:2"), 1));

    pass();

    assertHeld(head, Reasons.INTERNAL_ERROR, "asks for something else");
    assertThat(ledger.load(head, HERE).orElseThrow().object()).isEmpty();
  }

  @Test
  void whatSomebodyWroteIntoAnAdoptedObjectIsStillToBeApplied() {
    RunKey head = waits("head", "elsewhere");
    creation = new RunCreation.Present(object(head, spec("head", "image:1"), 4));

    pass();

    assertClaimed(head);
    assertThat(ledger.load(head, HERE).orElseThrow().object())
        .contains(new ObjectRecord(HERE, "uid-head", 0));
  }

  @Test
  void aRefusalThatMayPassHoldsNobody() {
    RunKey head = waits("head", "elsewhere");
    creation = new RunCreation.NotNow("exceeded quota: q");

    pass();
    assertThat(run(head).state()).isEqualTo(RunState.READY);

    creation = new RunCreation.Refused("strict decoding error");
    pass();
    assertHeld(head, Reasons.INTERNAL_ERROR, "strict decoding error");
  }

  @Test
  void whoHoldsAndLetsGoAPoisonedRunHasLookedIntoIt() {
    RunKey head = waits("head", HERE);
    ledger.hold(head, Reasons.INTERNAL_ERROR, "");

    ledger.amend(head, HERE, 2, wish(DesiredState.Running));
    assertHeld(head, Reasons.INTERNAL_ERROR, "");
    ledger.amend(head, HERE, 3, wish(DesiredState.Held));
    assertHeld(head, Reasons.INTERNAL_ERROR, "");
    ledger.amend(head, HERE, 4, wish(DesiredState.Running));
    assertThat(run(head).state()).isEqualTo(RunState.READY);
  }

  private static Amendment wish(DesiredState desired) {
    return new Amendment(desired, Priority.Normal, Optional.empty(), OptionalLong.empty(), 3);
  }

  @Test
  void aPodThatAWatchSawVanishUsesNoSlot() {
    slots = 1;
    RunKey first = waits("first", HERE);
    pass();
    ledger.bind(
        ledger.load(first, HERE).orElseThrow().attempts().getFirst().ref(), "job-1", "pod-1");
    RunKey second = waits("second", HERE);

    seen = podSeen(false);
    assertThat(pass()).isZero();
    assertThat(run(second).state()).isEqualTo(RunState.READY);
    seen = podSeen(true);
    pass();
    assertClaimed(second);
  }

  private static AttemptSeen podSeen(boolean gone) {
    PodSeen pod =
        Pods.started(
            Pods.placed(
                Pods.opened(Pods.gated("data", "first-a1-x", "pod-1", "token-1", "job-1")), "node"),
            T0);
    return new AttemptSeen(Optional.empty(), List.of(gone ? pod.asGone() : pod), false);
  }

  @Test
  void aBarredKeyWaitsAndTheOthersDoNot() {
    RunKey first = waits("first", HERE);
    RunKey second = waits("second", HERE);
    AdmissionLoop loop = loop();
    loop.bar(Set.of(run(first).admitKey()));

    loop.pass();
    assertThat(run(first).state()).isEqualTo(RunState.READY);
    assertClaimed(second);

    loop.bar(Set.of());
    loop.pass();
    assertClaimed(first);
  }
}
