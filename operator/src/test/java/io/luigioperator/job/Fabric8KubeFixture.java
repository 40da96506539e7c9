/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.BindingBuilder;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSchedulingGate;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.ChartRbac;
import io.luigioperator.OperatorClients;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.job.Kube.DryRunResult;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.testing.Namespaces;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A {@link Fabric8Kube} with a real API server, and a namespace for each test; the test itself does
 * what Job controller, scheduler and kubelet would do.
 */
final class Fabric8KubeFixture
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {

  static final Instant NOW = Instant.parse("2026-01-31T12:00:30Z");
  static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final AtomicInteger NAMES = new AtomicInteger();

  /** Of the test, with all permissions. */
  KubernetesClient client;

  /** Of {@link #kube}, with the permissions that the chart grants. */
  KubernetesClient operator;

  final Queue<RunKey> changes = new ConcurrentLinkedQueue<>();
  private final List<Fabric8Kube> opened = new ArrayList<>();
  String namespace = "";
  Fabric8Kube kube;

  Fabric8Kube newKube(KubernetesClient c, String... namespaces) {
    Fabric8Kube k =
        new Fabric8Kube(
            c, new JobBlueprint("0.1.0"), List.of(namespaces), InstantSource.fixed(NOW));
    opened.add(k);
    return k;
  }

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    client = OperatorClients.admin();
    ChartRbac.grant(client);
    operator = OperatorClients.of(ChartRbac.USER);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    operator.close();
    client.close();
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    createNamespace();
    kube = newKube(operator);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    opened.forEach(Fabric8Kube::close);
    opened.clear();
    changes.clear();
  }

  void createNamespace() {
    namespace = "job-" + NAMES.incrementAndGet();
    Namespaces.createRestricted(client, namespace);
    client
        .resource(
            new ServiceAccountBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName("default")
                .endMetadata()
                .build())
        .create();
  }

  // ---- actions of the cluster

  void watch() {
    kube.onChange(changes::add);
    kube.start(TIMEOUT);
  }

  AttemptFixture attempt(String name) {
    return attempt(name, "{}");
  }

  AttemptFixture attempt(String name, String podTemplate) {
    return AttemptFixture.parse(
        """
        object:
          apiVersion: luigi-operator.io/v1beta1
          kind: PipelineRun
          metadata: {namespace: %s, name: %s, uid: unused}
          spec:
            client: UA
            date: "2013-01-15"
            pipeline:
              image: flights:1
              task: {module: m, family: F}
              resources: {requests: {cpu: 100m}, limits: {memory: 128Mi}}
              podTemplate: %s
        parameters: {date: "2013-01-15"}
        attempt: {number: 1, fence: 1, token: t-1}
        """
            .formatted(namespace, name, podTemplate));
  }

  DryRunResult dryRun(String podTemplate) {
    AttemptFixture attempt = attempt("dry", podTemplate);
    return kube.dryRun(attempt.run().key(), RequestJson.write(attempt.request()));
  }

  RunObject present(String name) {
    AttemptFixture attempt = attempt(name);
    return ((RunCreation.Present) kube.createRun(attempt.run().key(), attempt.object().spec()))
        .object();
  }

  RunObject present(String name, String pipeline) {
    client
        .load(
            new ByteArrayInputStream(
                """
                apiVersion: luigi-operator.io/v1beta1
                kind: PipelineRun
                metadata: {namespace: %s, name: %s}
                spec: {client: UA, %s}
                """
                    .formatted(namespace, name, pipeline)
                    .getBytes(StandardCharsets.UTF_8)))
        .create();
    return kube.run(new RunKey(namespace, name), Freshness.LIVE).orElseThrow();
  }

  PipelineRun manifest(RunKey key) {
    return client
        .resources(PipelineRun.class)
        .inNamespace(key.namespace())
        .withName(key.name())
        .get();
  }

  ObservedJob created(AttemptFixture attempt, RunObject owner) {
    return ((JobCreation.Created) kube.createJob(attempt.run(), attempt.attempt(), owner)).job();
  }

  ObservedAttempt cached(AttemptFixture attempt) {
    return cached(kube, attempt);
  }

  static ObservedAttempt cached(Kube kube, AttemptFixture attempt) {
    return kube.attempt(attempt.attempt(), Freshness.CACHED);
  }

  /** As the Job controller creates it, with its finalizer. */
  ObservedPod gatedPod(String run, String... gates) {
    AttemptFixture attempt = attempt(run);
    ObservedJob observed = created(attempt, present(run));
    Job job = client.batch().v1().jobs().inNamespace(namespace).withName(observed.name()).get();
    var template = job.getSpec().getTemplate();
    Pod pod =
        new PodBuilder()
            .withMetadata(template.getMetadata())
            .editMetadata()
            .withNamespace(namespace)
            .withGenerateName(observed.name() + "-")
            .withFinalizers("batch.kubernetes.io/job-tracking")
            .addNewOwnerReference()
            .withApiVersion("batch/v1")
            .withKind("Job")
            .withName(observed.name())
            .withUid(observed.uid())
            .withController(true)
            .endOwnerReference()
            .endMetadata()
            .withSpec(template.getSpec())
            .build();
    if (gates.length > 0) {
      pod.getSpec().setSchedulingGates(Arrays.stream(gates).map(PodSchedulingGate::new).toList());
    }
    return Observation.pod(client.resource(pod).create());
  }

  static Pod podOf(ObservedPod pod) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(pod.namespace())
        .withName(pod.name())
        .endMetadata()
        .build();
  }

  List<String> gates(ObservedPod pod) {
    return client.resource(podOf(pod)).get().getSpec().getSchedulingGates().stream()
        .map(PodSchedulingGate::getName)
        .toList();
  }

  void bind(ObservedPod pod, String node) {
    client
        .bindings()
        .inNamespace(namespace)
        .resource(
            new BindingBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName(pod.name())
                .endMetadata()
                .withNewTarget()
                .withKind("Node")
                .withName(node)
                .endTarget()
                .build())
        .create();
  }

  void end(ObservedPod pod, String phase, int exitCode, String message) {
    client
        .resource(
            new PodBuilder(client.resource(podOf(pod)).get())
                .withNewStatus()
                .withPhase(phase)
                .addNewContainerStatus()
                .withName(JobBlueprint.CONTAINER)
                .withImage("flights:1")
                .withImageID("flights:1")
                .withReady(false)
                .withRestartCount(0)
                .withNewState()
                .withNewTerminated()
                .withExitCode(exitCode)
                .withMessage(message)
                .endTerminated()
                .endState()
                .endContainerStatus()
                .endStatus()
                .build())
        .updateStatus();
  }

  /** Removes the finalizer, as the Job controller does when it has counted the pod. */
  void removeFinalizers(ObservedPod pod) {
    client
        .pods()
        .inNamespace(namespace)
        .withName(pod.name())
        .edit(p -> new PodBuilder(p).editMetadata().withFinalizers().endMetadata().build());
  }

  static Condition condition(String type, String status) {
    return new ConditionBuilder()
        .withType(type)
        .withStatus(status)
        .withReason("Because")
        .withMessage("")
        .withLastTransitionTime("2026-01-31T12:00:00Z")
        .build();
  }

  static Attempt withToken(Attempt a, String token) {
    Attempt.Claim claim =
        new Attempt.Claim(
            a.ref(), a.kind(), a.admitKey(), a.cluster(), token, a.jobName(), a.claimedAt());
    return new Attempt(claim, a.binding(), a.end());
  }
}
