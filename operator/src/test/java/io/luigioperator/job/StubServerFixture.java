/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodListBuilder;
import io.fabric8.kubernetes.api.model.PodSchedulingGate;
import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.StubApiServer.Response;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunKey;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** A {@link Fabric8Kube} that is connected to a {@link StubApiServer}, and responses for it. */
final class StubServerFixture implements AutoCloseable {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  static final AttemptFixture ATTEMPT = JobBlueprintTest.withPodTemplate("{}");
  static final RunKey KEY = ATTEMPT.run().key();
  static final ObservedPod POD =
      Observation.pod(
          new PodBuilder()
              .withNewMetadata()
              .withNamespace("flights")
              .withName("p")
              .withUid("u-1")
              .endMetadata()
              .withNewSpec()
              .addNewSchedulingGate(SchedulingGate.NAME)
              .endSpec()
              .build());
  static final ObservedJob JOB =
      new ObservedJob("flights", "overlay-a1", "j-1", "t-1", NOW, false, 0, false);

  final StubApiServer server = new StubApiServer();
  final Config config =
      Fabric8Kube.bounded(new ConfigBuilder(Config.empty()).withMasterUrl(server.url()).build());
  private final List<KubernetesClient> opened = new ArrayList<>();
  final Fabric8Kube kube = kube(config);

  StubServerFixture() throws IOException {}

  @Override
  public void close() {
    opened.forEach(KubernetesClient::close);
    server.close();
  }

  Fabric8Kube kube(Config settings, String... namespaces) {
    KubernetesClient client = Fabric8Kube.client(settings);
    opened.add(client);
    return new Fabric8Kube(
        client, new JobBlueprint("0.1.0"), List.of(namespaces), InstantSource.fixed(NOW));
  }

  /** Every call that sends a request. */
  static Map<String, Consumer<Kube>> calls() {
    Map<String, Consumer<Kube>> calls = new LinkedHashMap<>();
    calls.put("identity", Kube::identity);
    calls.put("namespace", k -> k.namespace("n"));
    calls.put("deletionsConfirmed", k -> k.deletionsConfirmed("n"));
    calls.put("retiredNamespaces", k -> k.retiredNamespaces("n"));
    calls.put("crdEstablished", Kube::crdEstablished);
    calls.put(
        "scheduleExists", k -> k.scheduleExists(new io.luigioperator.run.ScheduleKey("ns", "s")));
    calls.put("node", k -> k.node("n"));
    calls.put("run", k -> k.run(KEY, Freshness.LIVE));
    calls.put("createRun", k -> k.createRun(KEY, ATTEMPT.object().spec()));
    calls.put("deleteRun", k -> k.deleteRun(KEY, "u-1"));
    calls.put(
        "writeStatus", k -> k.writeStatus(ATTEMPT.object(), PipelineRunStatus.builder().build()));
    calls.put("attempt", k -> k.attempt(ATTEMPT.bound("j-1", "u-1"), Freshness.LIVE));
    calls.put("createJob", k -> k.createJob(ATTEMPT.run(), ATTEMPT.attempt(), ATTEMPT.object()));
    calls.put("dryRun", k -> k.dryRun(KEY, ATTEMPT.run().definition().request()));
    calls.put("openGate", k -> k.openGate(POD));
    calls.put("deletePod", k -> k.deletePod("flights", "p", "u-1"));
    calls.put("deleteJob", k -> k.deleteJob(JOB));
    calls.put("activePods", Kube::activePods);
    return calls;
  }

  static Response list(String next, String... uids) {
    return ok(
        new PodListBuilder()
            .withNewMetadata()
            .withContinue(next)
            .endMetadata()
            .withItems(Stream.of(uids).map(u -> pod(u, u)).toList())
            .build());
  }

  static Pod pod(String name, String uid, String... gates) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace("flights")
        .withName(name)
        .withUid(uid)
        .withResourceVersion("1")
        .endMetadata()
        .withNewSpec()
        .withSchedulingGates(Stream.of(gates).map(PodSchedulingGate::new).toList())
        .endSpec()
        .build();
  }

  void always(Response response) {
    server.respondWith(r -> response);
  }

  static Response ok(Object body) {
    return new Response(200, AttemptFixture.KUBERNETES.asJson(body));
  }

  static Response status(int code, String reason, String message) {
    return new Response(
        code,
        AttemptFixture.KUBERNETES.asJson(
            new StatusBuilder()
                .withStatus("Failure")
                .withCode(code)
                .withReason(reason)
                .withMessage(message)
                .build()));
  }
}
