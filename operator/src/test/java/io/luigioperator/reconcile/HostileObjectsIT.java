/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.http.HttpRequest;
import io.fabric8.kubernetes.client.http.HttpResponse;
import io.luigioperator.ChartRbac;
import io.luigioperator.OperatorClients;
import io.luigioperator.job.Fabric8Kube;
import io.luigioperator.job.JobBlueprint;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.net.URI;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Whatever the API server stores must not end a watch: one object of one user would stop the
 * operator for all namespaces.
 */
class HostileObjectsIT {

  private static final Duration LONG = Duration.ofSeconds(60);
  private static final String NAMESPACE = "hostile";
  private static final int OF_EACH_KIND = 500;
  private static final int TRIES = 2_000;
  private static final long SEED = 1;

  private static final String JSON = "application/json";

  /** A kind of the API: where its objects are created, and with which hostile content. */
  private enum Kind {
    RUN("/apis/luigi-operator.io/v1beta1/namespaces/%s/pipelineruns") {
      @Override
      String create(HostileObjects hostile, String name) {
        return hostile.run(name);
      }

      @Override
      Optional<String> status(HostileObjects hostile) {
        return Optional.of(hostile.runStatus());
      }
    },
    SCHEDULE("/apis/luigi-operator.io/v1beta1/namespaces/%s/pipelineschedules") {
      @Override
      String create(HostileObjects hostile, String name) {
        return hostile.schedule(name);
      }
    },
    JOB("/apis/batch/v1/namespaces/%s/jobs") {
      @Override
      String create(HostileObjects hostile, String name) {
        return hostile.job(name);
      }
    },
    POD("/api/v1/namespaces/%s/pods") {
      @Override
      String create(HostileObjects hostile, String name) {
        return hostile.pod(name);
      }

      @Override
      Optional<String> status(HostileObjects hostile) {
        return Optional.of(hostile.podStatus());
      }
    };

    private final String path;

    Kind(String path) {
      this.path = path.formatted(NAMESPACE);
    }

    abstract String create(HostileObjects hostile, String name);

    Optional<String> status(HostileObjects hostile) {
      return Optional.empty();
    }

    String prefix() {
      return name().toLowerCase(Locale.ROOT) + "-";
    }
  }

  private KubernetesClient admin;
  private KubernetesClient operator;
  private final List<AutoCloseable> started = new ArrayList<>();
  private final Queue<Throwable> fatal = new ConcurrentLinkedQueue<>();
  private final Queue<String> stored = new ConcurrentLinkedQueue<>();

  /** The watches of one operator. */
  private final class Watches {
    final Fabric8Kube kube =
        new Fabric8Kube(operator, new JobBlueprint("0.0.1"), List.of(), InstantSource.system());
    final RunQueue queue = new RunQueue((lane, runs) -> Map.of());
    final Controllers controllers =
        new Controllers(
            operator,
            List.of(),
            kube.pipelineResources(),
            queue,
            new LeaderGate(),
            InstantSource.system(),
            new NoTicks(key -> Optional.empty()),
            new Signal(),
            fatal::add);

    /** The runs whose pods or Jobs have changed. */
    final Set<RunKey> pods = ConcurrentHashMap.newKeySet();

    Watches() {
      kube.onChange(pods::add);
      started.add(kube);
      started.add(controllers::stop);
      started.add(queue::stop);
      kube.start(LONG);
      controllers.start();
    }

    /** All objects stored are known, up to the last one of each kind. */
    void awaitAll() {
      await()
          .atMost(LONG)
          .untilAsserted(
              () -> {
                assertThat(kube.pipelineResources().runs())
                    .extracting(RunKey::name)
                    .containsAll(storedOf(Kind.RUN));
                assertThat(kube.cachedJobs())
                    .extracting(ObservedJob::name)
                    .containsAll(storedOf(Kind.JOB));
                assertThat(kube.schedule(NAMESPACE, last(Kind.SCHEDULE))).isPresent();
                assertThat(pods).contains(new RunKey(NAMESPACE, last(Kind.POD)));
                assertThat(controllers.brokenInformers()).isEmpty();
                assertThat(kube.brokenInformers()).isEmpty();
              });
      assertThat(fatal).isEmpty();
    }

    Optional<RunObject> run(String name) {
      return kube.run(new RunKey(NAMESPACE, name), Freshness.CACHED);
    }
  }

  @BeforeEach
  void start() throws Exception {
    admin = OperatorClients.admin();
    ChartRbac.grant(admin);
    operator = OperatorClients.of(ChartRbac.USER);
    admin
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
        .create();
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable c : started) {
      c.close();
    }
    admin.namespaces().withName(NAMESPACE).delete();
    operator.close();
    admin.close();
  }

  @Test
  void noStoredObjectEndsAWatch() throws Exception {
    Watches watching = new Watches();

    try (ExecutorService threads = Executors.newFixedThreadPool(Kind.values().length)) {
      List<Future<?>> creations = new ArrayList<>();
      for (Kind kind : Kind.values()) {
        creations.add(threads.submit(() -> create(kind)));
      }
      for (Future<?> creation : creations) {
        creation.get();
      }
    }

    watching.awaitAll();
    assertThat(watching.kube.pipelineResources().runs())
        .describedAs("runs that cannot be read")
        .anyMatch(key -> watching.run(key.name()).filter(o -> !o.isReadable()).isPresent());
    new Watches().awaitAll(); // as after a restart, with lists instead of events
  }

  private List<String> storedOf(Kind kind) {
    return stored.stream().filter(name -> name.startsWith(kind.prefix())).toList();
  }

  private String last(Kind kind) {
    return stored.stream().filter(name -> name.startsWith(kind.prefix())).reduce((a, b) -> b).get();
  }

  private void create(Kind kind) {
    HostileObjects hostile = new HostileObjects(SEED + kind.ordinal());
    int count = 0;
    for (int i = 0; i < TRIES && count < OF_EACH_KIND; i++) {
      String name = kind.prefix() + i;
      if (accepts("POST", kind.path, JSON, kind.create(hostile, name))) {
        count++;
        kind.status(hostile)
            .ifPresent(
                status ->
                    accepts(
                        "PATCH",
                        kind.path + "/" + name + "/status",
                        "application/merge-patch+json",
                        "{\"status\":" + status + "}"));
        stored.add(name);
      }
    }
    assertThat(count).describedAs("stored objects of kind %s", kind).isEqualTo(OF_EACH_KIND);
  }

  /** Sends JSON that no client library would write, and says whether it was accepted. */
  private boolean accepts(String method, String path, String type, String json) {
    HttpRequest request =
        admin
            .getHttpClient()
            .newHttpRequestBuilder()
            .uri(URI.create(admin.getMasterUrl().toString()).resolve(path))
            .method(method, type, json)
            .build();
    HttpResponse<String> response =
        admin.getHttpClient().sendAsync(request, String.class).orTimeout(60, SECONDS).join();
    assertThat(response.code()).describedAs(response.body()).isLessThan(500);
    return response.isSuccessful();
  }
}
