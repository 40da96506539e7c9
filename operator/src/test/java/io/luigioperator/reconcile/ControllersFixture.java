/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.server.mock.KubernetesMixedDispatcher;
import io.fabric8.kubernetes.client.server.mock.KubernetesMockServer;
import io.fabric8.mockwebserver.Context;
import io.fabric8.mockwebserver.MockWebServer;
import io.fabric8.mockwebserver.ServerRequest;
import io.fabric8.mockwebserver.ServerResponse;
import io.fabric8.mockwebserver.http.RecordedRequest;
import io.luigioperator.OperatorFixture;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.job.Fabric8Kube;
import io.luigioperator.job.JobBlueprint;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.Head;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.reconcile.RunQueue.Lane;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Limits;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.sim.LedgerProxy;
import io.luigioperator.sim.SimLedger;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The controllers, wired as in production, with an in-memory API server that records every request.
 * The server does not enforce the rules of the CRDs.
 */
final class ControllersFixture implements AfterEachCallback {
  static final Duration LONG = Duration.ofSeconds(20);
  static final String HERE = "here";
  static final String DATA = "data";
  static final RunKey RUN = new RunKey(DATA, "acme-1");
  static final String PIPELINE =
      "{image: \"registry.example.com/flights:1\", task: {module: flights, family: Report}}";

  /** It logs every request. A strong reference, so that its level is not garbage-collected. */
  private static final Logger SERVER_LOG = Logger.getLogger("io.fabric8.mockwebserver");

  static {
    SERVER_LOG.setLevel(Level.WARNING);
  }

  /** A clock that a test sets. It counts the calls. */
  static final class SetClock implements InstantSource {
    private final AtomicReference<Instant> now = new AtomicReference<>(Instant.now());
    private final AtomicInteger asked = new AtomicInteger();

    void set(Instant instant) {
      now.set(instant);
    }

    void advance(Duration step) {
      now.updateAndGet(t -> t.plus(step));
    }

    int asked() {
      return asked.get();
    }

    @Override
    public Instant instant() {
      asked.incrementAndGet();
      return now.get();
    }
  }

  /** Counts the calls that it refused. */
  static final class CountingGate extends LeaderGate {
    private final AtomicInteger refused = new AtomicInteger();

    @Override
    public <T> Optional<T> ifLeading(Supplier<T> work) {
      Optional<T> done = super.ifLeading(work);
      if (done.isEmpty()) {
        refused.incrementAndGet();
      }
      return done;
    }
  }

  final SetClock ledgerClock = new SetClock();
  final SetClock scheduleClock = new SetClock();
  final Ledger ledger;
  final Controllers controllers;
  final RunQueue queue;
  final CountingGate leaderGate = new CountingGate();
  final Signal deletionSeen = new Signal();
  final NoTicks ticks;

  final KubernetesMockServer server = inMemoryServer();
  final KubernetesClient client = server.createClient();
  private final AtomicBoolean ledgerUnavailable = new AtomicBoolean();
  private final AtomicInteger failedLedgerCalls = new AtomicInteger();
  private final List<AutoCloseable> started = new ArrayList<>();

  ControllersFixture() {
    started.add(server::destroy);
    started.add(client);
    ledger = withOneCallAtATime(new SimLedger(ledgerClock, Ageing.DEFAULT));
    for (String kind : List.of("pipelineruns", "pipelineschedules")) {
      try (InputStream crd =
          new FileInputStream("../crds/%s.luigi-operator.io.yaml".formatted(kind))) {
        client.load(crd).items().forEach(d -> client.resource(d).create());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    Fabric8Kube kube =
        new Fabric8Kube(client, new JobBlueprint("0.0.1"), List.of(DATA), scheduleClock);
    ticks = new NoTicks(key -> kube.schedule(key.namespace(), key.name()));
    RunReconciler runReconciler =
        new RunReconciler(
            ledger,
            kube,
            HERE,
            Limits.DEFAULT,
            ledgerClock,
            System::nanoTime,
            OperatorFixture.NO_WAKEUPS,
            OperatorFixture.limits(ledger));
    queue =
        new RunQueue(
            (lane, runs) ->
                leaderGate.ifLeading(() -> runReconciler.reconcile(runs)).orElse(Map.of()));
    controllers =
        new Controllers(
            client,
            List.of(DATA),
            kube.pipelineResources(),
            queue,
            leaderGate,
            scheduleClock,
            ticks,
            deletionSeen,
            e -> {});
    kube.onChange(run -> queue.wake(run, Lane.LIVE));
    started.add(kube);
    kube.start(LONG);
  }

  /** A server that stores objects, unless a test defines an answer for a request. */
  private static KubernetesMockServer inMemoryServer() {
    Map<ServerRequest, Queue<ServerResponse>> answers = new HashMap<>();
    KubernetesMockServer server =
        new KubernetesMockServer(
            new Context(),
            new MockWebServer(),
            answers,
            new KubernetesMixedDispatcher(answers),
            false);
    server.init();
    return server;
  }

  /** The simulated ledger is not thread-safe, so its calls are serialized. */
  private Ledger withOneCallAtATime(Ledger reached) {
    return LedgerProxy.of(
        reached,
        (role, method, args) -> {
          if (ledgerUnavailable.get()) {
            failedLedgerCalls.incrementAndGet();
            throw new LedgerUnavailable("set by the test");
          }
          synchronized (reached) {
            return LedgerProxy.invoke(role, method, args);
          }
        });
  }

  // ---- start, stop and faults

  void startWithoutLeadership() {
    controllers.start();
    started.add(controllers::stop);
    queue.start();
    started.add(queue::stop);
  }

  void start() {
    startWithoutLeadership();
    leaderGate.open();
    controllers.wakeAll();
  }

  /** Closes this after the test. */
  void started(AutoCloseable step) {
    started.add(step);
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    for (AutoCloseable step : started.reversed()) {
      step.close();
    }
  }

  void makeLedgerUnavailable() {
    ledgerUnavailable.set(true);
  }

  void makeLedgerAvailable() {
    ledgerUnavailable.set(false);
  }

  /** How many calls failed because the ledger was unavailable. */
  int failedLedgerCalls() {
    return failedLedgerCalls.get();
  }

  /** How many reconciliations the gate refused without leadership. */
  int refusedCalls() {
    return leaderGate.refused.get();
  }

  // ---- actions of users

  void apply(String yaml) {
    for (HasMetadata object :
        client.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8))).items()) {
      client.resource(object).create();
    }
  }

  void applySchedule(String clients) {
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineSchedule
        metadata: {name: nightly, namespace: %s, generation: 1, labels: {team: flights}}
        spec: {pipeline: %s, clients: %s}
        """
            .formatted(DATA, PIPELINE, clients));
  }

  void listClients(String clients) {
    client
        .resources(PipelineSchedule.class)
        .inNamespace(DATA)
        .withName("nightly")
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"metadata\":{\"generation\":2},\"spec\":{\"clients\":%s}}".formatted(clients));
  }

  void applyRun(String meta, String pipeline) {
    applyRun(RUN, meta, pipeline);
  }

  void applyRun(RunKey key, String meta, String pipeline) {
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineRun
        metadata: {name: %s, namespace: %s, generation: 1, labels: {team: flights}%s}
        spec: {client: acme, date: "2013-01-15", %s}
        """
            .formatted(key.name(), key.namespace(), meta, pipeline));
  }

  // ---- what users see

  PipelineSchedule schedule() {
    return client.resources(PipelineSchedule.class).inNamespace(DATA).withName("nightly").get();
  }

  PipelineRun run() {
    return run(RUN);
  }

  PipelineRun run(RunKey key) {
    return client
        .resources(PipelineRun.class)
        .inNamespace(key.namespace())
        .withName(key.name())
        .get();
  }

  static void eventually(ThrowingRunnable holds) {
    await().atMost(LONG).pollInterval(Duration.ofMillis(20)).untilAsserted(holds);
  }

  void awaitReady(String status, String reason) {
    awaitScheduleCondition("Ready", status, reason);
  }

  void awaitScheduleCondition(String type, String status, String reason) {
    eventually(
        () ->
            assertThat(Optional.ofNullable(schedule().getStatus()))
                .map(PipelineScheduleStatus::conditions)
                .hasValueSatisfying(
                    all ->
                        assertThat(all)
                            .extracting(
                                Condition::getType, Condition::getStatus, Condition::getReason)
                            .contains(tuple(type, status, reason))));
  }

  void awaitAccepted(String status, String reason) {
    awaitCondition(RUN, "Accepted", status, reason);
  }

  void awaitCondition(RunKey key, String type, String status, String reason) {
    eventually(
        () ->
            assertThat(Optional.ofNullable(run(key).getStatus()))
                .map(PipelineRunStatus::conditions)
                .hasValueSatisfying(
                    all ->
                        assertThat(all)
                            .filteredOn(c -> c.getType().equals(type))
                            .extracting(Condition::getStatus, Condition::getReason)
                            .containsExactly(tuple(status, reason))));
  }

  Optional<Run> recorded() {
    return recorded(RUN);
  }

  Optional<Run> recorded(RunKey key) {
    return ledger.queries().load(key, HERE).run(key).map(RunRecord::run);
  }

  void awaitState(RunState state) {
    awaitState(RUN, state);
  }

  void awaitState(RunKey key, RunState state) {
    eventually(() -> assertThat(recorded(key)).map(Run::state).contains(state));
  }

  void claim() {
    Head head = ledger.queries().openHeads(HERE, Optional.empty(), 1).getFirst();
    assertThat(ledger.attempts().claim(head.key(), head.run(), "token-1", HERE)).isPresent();
  }

  /** All requests to the server that may change something, in their order. */
  List<RecordedRequest> writes() throws InterruptedException {
    List<RecordedRequest> writes = new ArrayList<>();
    for (int left = server.getRequestCount(); left > 0; left--) {
      RecordedRequest request = server.takeRequest(1, TimeUnit.SECONDS);
      if (request != null && !request.getMethod().equals("GET")) {
        writes.add(request);
      }
    }
    return writes;
  }

  /** One line for each of {@link #writes} that changed something. */
  List<String> patches() throws InterruptedException {
    return writes().stream()
        .filter(w -> w.getMethod().equals("PATCH"))
        .map(ControllersFixture::line)
        .toList();
  }

  static String line(RecordedRequest request) {
    return request.getMethod() + " " + request.getPath();
  }
}
