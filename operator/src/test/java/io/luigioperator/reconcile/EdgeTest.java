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
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.server.mock.EnableKubernetesMockClient;
import io.fabric8.kubernetes.client.server.mock.KubernetesMockServer;
import io.fabric8.mockwebserver.http.RecordedRequest;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.job.Fabric8Kube;
import io.luigioperator.job.JobBlueprint;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Limits;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.sim.SimLedger;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The edge as it is wired, on an API server in memory that keeps every request: what makes it look
 * at an object, and what it writes. No rule of the definitions is enforced here.
 */
@EnableKubernetesMockClient(https = false, crud = true)
class EdgeTest {
  private static final Duration LONG = Duration.ofSeconds(20);

  /** It logs every request; kept here, or the level would be collected with the logger. */
  private static final Logger SERVER_LOG = Logger.getLogger("io.fabric8.mockwebserver");

  static {
    SERVER_LOG.setLevel(Level.WARNING);
  }

  private static final String HERE = "here";
  private static final String DATA = "data";
  private static final RunKey RUN = new RunKey(DATA, "acme-1");
  private static final String PIPELINE =
      "{image: \"registry.example.com/flights:1\", task: {module: flights, family: Report}}";

  // set by the extension, anew for each test
  KubernetesMockServer server;
  KubernetesClient client;

  /** A clock that is set by hand, and counts who asks. */
  private static final class SetClock implements InstantSource {
    private final AtomicReference<Instant> now = new AtomicReference<>(Instant.now());
    private final AtomicInteger asked = new AtomicInteger();

    @Override
    public Instant instant() {
      asked.incrementAndGet();
      return now.get();
    }
  }

  private final SetClock ledgerClock = new SetClock();
  private final SetClock scheduleClock = new SetClock();
  private final Ledger ledger = oneAtATime(new SimLedger(ledgerClock, Ageing.DEFAULT));
  private final Duty duty = new Duty();
  private final Signal deletionSeen = new Signal();
  private final List<AutoCloseable> started = new ArrayList<>();
  private Edge edge;

  @BeforeEach
  void prepare() throws IOException {
    for (String kind : List.of("pipelineruns", "pipelineschedules")) {
      try (InputStream crd =
          new FileInputStream("../crds/%s.luigi-operator.io.yaml".formatted(kind))) {
        client.load(crd).items().forEach(d -> client.resource(d).create());
      }
    }
    Fabric8Kube kube =
        new Fabric8Kube(client, new JobBlueprint("0.0.1"), List.of(DATA), scheduleClock);
    RunDriver driver = new RunDriver(ledger, kube, HERE, Limits.DEFAULT, ledgerClock, () -> {});
    edge =
        new Edge(client, List.of(DATA), driver, kube, duty, scheduleClock, deletionSeen, e -> {});
    kube.onChange(edge::wake);
    started.add(kube);
    kube.start(LONG);
  }

  private void start() {
    edge.start();
    started.add(edge::stop);
    duty.begin();
    edge.wakeAll();
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable step : started.reversed()) {
      step.close();
    }
  }

  /** The ledger in memory knows no threads; a database serves one transaction after the other. */
  private static Ledger oneAtATime(Ledger ledger) {
    return (Ledger)
        Proxy.newProxyInstance(
            Ledger.class.getClassLoader(),
            new Class<?>[] {Ledger.class},
            (proxy, method, args) -> {
              synchronized (ledger) {
                try {
                  return method.invoke(ledger, args);
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
              }
            });
  }

  // ---- what users do

  private void apply(String yaml) {
    for (HasMetadata object :
        client.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8))).items()) {
      client.resource(object).create();
    }
  }

  private void applySchedule(String clients) {
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineSchedule
        metadata: {name: nightly, namespace: %s, generation: 1, labels: {team: flights}}
        spec: {pipeline: %s, clients: %s}
        """
            .formatted(DATA, PIPELINE, clients));
  }

  private void listClients(String clients) {
    client
        .resources(PipelineSchedule.class)
        .inNamespace(DATA)
        .withName("nightly")
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"metadata\":{\"generation\":2},\"spec\":{\"clients\":%s}}".formatted(clients));
  }

  private void applyRun(String meta, String pipeline) {
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineRun
        metadata: {name: %s, namespace: %s, generation: 1, labels: {team: flights}%s}
        spec: {client: acme, date: "2013-01-15", %s}
        """
            .formatted(RUN.name(), DATA, meta, pipeline));
  }

  // ---- what they see

  private PipelineSchedule schedule() {
    return client.resources(PipelineSchedule.class).inNamespace(DATA).withName("nightly").get();
  }

  private PipelineRun run() {
    return client.resources(PipelineRun.class).inNamespace(DATA).withName(RUN.name()).get();
  }

  private static void eventually(ThrowingRunnable holds) {
    await().atMost(LONG).pollInterval(Duration.ofMillis(20)).untilAsserted(holds);
  }

  private void awaitReady(String status, String reason) {
    eventually(
        () ->
            assertThat(Optional.ofNullable(schedule().getStatus()))
                .map(PipelineScheduleStatus::conditions)
                .hasValueSatisfying(
                    all ->
                        assertThat(all)
                            .extracting(
                                Condition::getType, Condition::getStatus, Condition::getReason)
                            .containsExactly(tuple("Ready", status, reason))));
  }

  private void awaitAccepted(String status, String reason) {
    eventually(
        () ->
            assertThat(Optional.ofNullable(run().getStatus()))
                .map(PipelineRunStatus::conditions)
                .hasValueSatisfying(
                    all ->
                        assertThat(all)
                            .filteredOn(c -> c.getType().equals("Accepted"))
                            .extracting(Condition::getStatus, Condition::getReason)
                            .containsExactly(tuple(status, reason))));
  }

  private Optional<Run> recorded() {
    return ledger.load(RUN, HERE).map(Ledger.RunRecord::run);
  }

  private void awaitState(RunState state) {
    eventually(() -> assertThat(recorded()).map(Run::state).contains(state));
  }

  /** All that were asked of the server and would change something, in their order. */
  private List<RecordedRequest> writes() throws InterruptedException {
    List<RecordedRequest> writes = new ArrayList<>();
    for (int left = server.getRequestCount(); left > 0; left--) {
      RecordedRequest request = server.takeRequest(1, TimeUnit.SECONDS);
      if (request != null && !request.getMethod().equals("GET")) {
        writes.add(request);
      }
    }
    return writes;
  }

  private static String line(RecordedRequest request) {
    return request.getMethod() + " " + request.getPath();
  }

  // ---- the tests

  @Test
  void aScheduleWithoutClientsSaysWhatToDoAndIsReadyOnceItHasSome() {
    start();
    applySchedule("[]");
    awaitReady("False", "NoClients");
    assertThat(schedule().getStatus().observedGeneration()).isEqualTo(1);
    assertThat(schedule().getStatus().clients().total()).isZero();
    assertThat(schedule().getStatus().conditions().getFirst().getMessage()).contains("add clients");

    listClients("[{\"id\":\"acme\"},{\"id\":\"globex\"}]");
    awaitReady("True", "Usable");
    assertThat(schedule().getStatus().observedGeneration()).isEqualTo(2);
    assertThat(schedule().getStatus().clients().total()).isEqualTo(2);
  }

  @Test
  void aSecondLookAtAScheduleWritesNothing() throws Exception {
    start();
    applySchedule("[{id: acme}]");
    awaitReady("True", "Usable");
    int looks = scheduleClock.asked.get();
    scheduleClock.now.set(scheduleClock.now.get().plusSeconds(60));
    edge.wakeAll();
    eventually(() -> assertThat(scheduleClock.asked).hasValueGreaterThan(looks));
    edge.stop(); // waits for what that look may still write
    assertThat(writes())
        .filteredOn(w -> w.getMethod().equals("PATCH"))
        .extracting(EdgeTest::line)
        .singleElement()
        .asString()
        .contains("/pipelineschedules/nightly/status");
  }

  @Test
  void aRunGoesOnWhenItsScheduleListsItsClient() {
    start();
    applySchedule("[{id: globex}]");
    applyRun("", "scheduleRef: {name: nightly}");
    awaitAccepted("False", "ClientNotAllowed");
    assertThat(recorded()).isEmpty();
    listClients("[{\"id\":\"acme\"}]");
    awaitState(RunState.READY);
  }

  @Test
  void aRunIsLookedAtAgainWhenItsTimeHasComeWithoutAnyEvent() {
    applyRun("", "startDeadlineSeconds: 1, scheduleRef: {name: nightly}");
    Instant created = Instant.parse(run().getMetadata().getCreationTimestamp());
    ledgerClock.now.set(created.plusMillis(900));
    start();
    awaitAccepted("False", "ScheduleNotFound");
    assertThat(run().getStatus().conditions())
        .noneMatch(c -> c.getMessage().contains("given up after startDeadlineSeconds"));
    ledgerClock.now.set(created.plusSeconds(1));
    eventually(
        () ->
            assertThat(run().getStatus().conditions())
                .anyMatch(c -> c.getMessage().contains("given up after startDeadlineSeconds")));
  }

  @Test
  void nothingOfAUsersObjectIsWrittenButItsStatus() throws Exception {
    applyRun("", "scheduleRef: {name: nightly}");
    PipelineRun runBefore = run();
    start();
    awaitAccepted("False", "ScheduleNotFound");
    duty.end();
    applySchedule("[{id: acme}]");
    PipelineSchedule scheduleBefore = schedule();
    duty.begin();
    edge.wakeAll();
    awaitReady("True", "Usable");
    awaitState(RunState.READY);
    claim();
    edge.wake(RUN);
    eventually(
        () ->
            assertThat(client.batch().v1().jobs().inNamespace(DATA).withName("acme-1-a1").get())
                .isNotNull());
    edge.stop();

    assertSameButForStatus(run(), runBefore);
    assertSameButForStatus(schedule(), scheduleBefore);
    List<RecordedRequest> changes =
        writes().stream()
            .filter(w -> w.getPath().startsWith("/apis/luigi-operator.io/"))
            .filter(w -> !w.getMethod().equals("POST")) // the users' own
            .toList();
    assertThat(changes)
        .extracting(EdgeTest::line)
        .anyMatch(l -> l.contains("/acme-1/"))
        .anyMatch(l -> l.contains("/nightly/"))
        .allMatch(l -> l.matches("PATCH .*/(acme-1|nightly)/status"));
  }

  private static void assertSameButForStatus(HasMetadata now, HasMetadata before) {
    before.getMetadata().setResourceVersion(now.getMetadata().getResourceVersion());
    assertThat(now.getMetadata()).isEqualTo(before.getMetadata());
    assertThat(now.getMetadata().getFinalizers()).isEmpty();
    assertThat(((CustomResource<?, ?>) now).getSpec())
        .isEqualTo(((CustomResource<?, ?>) before).getSpec());
  }

  private void claim() {
    Ledger.Head head = ledger.openHeads(Optional.empty(), 1).getFirst();
    assertThat(ledger.claim(head.key(), head.run(), "token-1", HERE)).isPresent();
  }

  @Test
  void aRunThatIsGoingAndThenGoneWakesTheDeletionPass() {
    AtomicInteger passes = countDeletionPasses();
    applyRun(", finalizers: [example.com/keep]", "pipeline: " + PIPELINE);
    start();
    awaitState(RunState.READY);
    assertThat(passes).hasValue(1);

    client.resource(run()).delete();
    eventually(() -> assertThat(passes).hasValue(2));
    assertThat(run().isMarkedForDeletion()).isTrue();

    client
        .resource(run())
        .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"metadata\":{\"finalizers\":null}}");
    eventually(() -> assertThat(passes).hasValue(3));
    assertThat(run()).isNull();
  }

  /** It begins with one. */
  private AtomicInteger countDeletionPasses() {
    AtomicInteger passes = new AtomicInteger();
    Loop loop =
        new Loop(
            "deletions",
            deletionSeen,
            Duration.ZERO,
            LONG,
            () -> {
              passes.incrementAndGet();
              return Duration.ofHours(1);
            });
    loop.start();
    started.add(
        () -> {
          loop.stop();
          assertThat(loop.awaitStopped(LONG)).isTrue();
        });
    eventually(() -> assertThat(passes).hasValue(1));
    return passes;
  }

  @Test
  void aRunWhoseObjectIsGoneIsDrivenToItsEndAllTheSame() {
    AtomicInteger passes = countDeletionPasses();
    applyRun("", "pipeline: " + PIPELINE);
    start();
    awaitState(RunState.READY);
    claim();
    client.resource(run()).delete();
    eventually(() -> assertThat(passes).hasValue(2));

    ledger.cancel(RUN, "Deleted", "its PipelineRun was deleted");
    assertThat(recorded().orElseThrow().state()).isNotEqualTo(RunState.CANCELED);
    edge.wake(RUN);
    awaitState(RunState.CANCELED);
    assertThat(ledger.liveAttempts(HERE)).isEmpty();
  }

  @Test
  void whatCameOffDutyIsDoneWhenDutyBegins() {
    applySchedule("[{id: acme}]");
    applyRun("", "scheduleRef: {name: nightly}");
    edge.start();
    started.add(edge::stop);
    assertThat(schedule().getStatus()).isNull();
    assertThat(run().getStatus()).isNull();
    assertThat(scheduleClock.asked).hasValue(0);

    duty.begin();
    edge.wakeAll();
    awaitReady("True", "Usable");
    awaitState(RunState.READY);
  }
}
