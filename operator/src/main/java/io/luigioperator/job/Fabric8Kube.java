/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FieldValidateable.Validation;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The door, with the fabric8 client. Live reads ask for the newest state and never for a cached
 * one; cached answers come from {@link Informers} of its own.
 */
public final class Fabric8Kube implements Kube, AutoCloseable {

  private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration CONNECTION_TIMEOUT = Duration.ofSeconds(5);
  private static final String PIPELINE_RUNS = "pipelineruns.luigi-operator.io";

  private static final Logger LOG = LoggerFactory.getLogger(Fabric8Kube.class);

  private final KubernetesClient client;
  private final JobBlueprint blueprint;
  private final WatchedNamespaces watchedNamespaces;
  private final ClusterView view;
  private final Informers informers;
  private final EventWriter events;
  private final SchedulingGate gate;

  /**
   * @param client with {@link #bounded bounds}
   * @param namespaces which ones are served; empty: all
   */
  public Fabric8Kube(
      KubernetesClient client,
      JobBlueprint blueprint,
      List<String> namespaces,
      InstantSource clock) {
    this.client = client;
    this.blueprint = blueprint;
    watchedNamespaces = new WatchedNamespaces(namespaces);
    view = new ClusterView(clock);
    informers = new Informers(client, view, namespaces);
    events = new EventWriter(client, clock);
    gate = new SchedulingGate(client, view);
  }

  /**
   * Bounds for every request of a client. None is repeated inside the client: whoever asked looks
   * again and decides anew.
   */
  public static Config bounded(Config config) {
    return new ConfigBuilder(config)
        .withRequestTimeout((int) REQUEST_TIMEOUT.toMillis())
        .withConnectionTimeout((int) CONNECTION_TIMEOUT.toMillis())
        .withRequestRetryBackoffLimit(0)
        .build();
  }

  /**
   * Called when a run's Jobs, pods, wishes or schedule have changed, after the cache has. From the
   * thread of a watch: the listener must not wait for anything. To be set before {@link #start}.
   */
  public void onChange(Consumer<RunKey> listener) {
    informers.onChange(listener);
  }

  /**
   * Begins to watch; returns when everything has been seen once.
   *
   * @throws KubeUnavailable if that takes longer
   */
  public void start(Duration patience) {
    informers.start(patience);
  }

  /** Where the watches of PipelineRuns and PipelineSchedules put what they see. */
  public PipelineResourceCache pipelineResources() {
    return view;
  }

  /** Kinds that are not watched at the moment; empty when all are. */
  public Optional<String> brokenInformers() {
    return informers.broken();
  }

  /** Stops watching; the client stays open. */
  @Override
  public void close() {
    informers.close();
  }

  // ---- the cluster

  @Override
  public String identity() {
    String what = "reading namespace kube-system";
    return Optional.ofNullable(
            ApiErrors.ask(what, () -> client.namespaces().withName("kube-system").get()))
        .map(n -> n.getMetadata().getUid())
        .orElseThrow(() -> new KubeUnavailable(what + ": it is not there"));
  }

  @Override
  public NamespaceState namespace(String name) {
    return read(name)
        .map(
            n ->
                n.getMetadata().getDeletionTimestamp() == null
                    ? NamespaceState.ACTIVE
                    : NamespaceState.TERMINATING)
        .orElse(NamespaceState.ABSENT);
  }

  @Override
  public Optional<Instant> deletionsConfirmed(String namespace) {
    return read(namespace)
        .flatMap(n -> Optional.ofNullable(n.getMetadata().getAnnotations()))
        .flatMap(a -> Optional.ofNullable(a.get(Annotations.DELETIONS_CONFIRMED)))
        .flatMap(time -> written(namespace, time));
  }

  private static Optional<Instant> written(String namespace, String time) {
    try {
      return Optional.of(Instant.parse(time));
    } catch (DateTimeParseException e) {
      LOG.atWarn()
          .addKeyValue("namespace", namespace)
          .addKeyValue("error", e.getMessage())
          .log(Annotations.DELETIONS_CONFIRMED + " is not a time such as 2026-01-31T12:00:00Z");
      return Optional.empty();
    }
  }

  private Optional<Namespace> read(String namespace) {
    return Optional.ofNullable(
        ApiErrors.ask(
            "reading namespace " + namespace, () -> client.namespaces().withName(namespace).get()));
  }

  @Override
  public boolean crdEstablished() {
    CustomResourceDefinition crd =
        ApiErrors.ask(
            "reading definition " + PIPELINE_RUNS,
            () ->
                client
                    .apiextensions()
                    .v1()
                    .customResourceDefinitions()
                    .withName(PIPELINE_RUNS)
                    .get());
    return crd != null
        && crd.getMetadata().getDeletionTimestamp() == null
        && crd.getStatus() != null
        && crd.getStatus().getConditions() != null // a new definition has null there
        && crd.getStatus().getConditions().stream()
            .anyMatch(c -> "Established".equals(c.getType()) && "True".equals(c.getStatus()));
  }

  @Override
  public ObservedNode node(String name) {
    Node node = ApiErrors.ask("reading node " + name, () -> client.nodes().withName(name).get());
    return node == null ? ObservedNode.gone() : Observation.node(node);
  }

  @Override
  public boolean crowded(Instant now) {
    return view.crowded(now);
  }

  // ---- PipelineRuns and PipelineSchedules

  @Override
  public Optional<RunObject> run(RunKey key, Freshness freshness) {
    return switch (freshness) {
      case CACHED -> view.run(key);
      case LIVE ->
          in(key.namespace(), () -> Optional.ofNullable(live(key)), Optional.<PipelineRun>empty())
              .map(
                  run -> {
                    view.update(run);
                    return Resources.run(run);
                  });
    };
  }

  private @Nullable PipelineRun live(RunKey key) {
    return ApiErrors.ask(
        "reading PipelineRun " + key,
        () ->
            client
                .resources(PipelineRun.class)
                .inNamespace(key.namespace())
                .withName(key.name())
                .get());
  }

  /**
   * Queries in a namespace. The rights there are gone with it, so that for one that was deleted the
   * server answers "forbidden" and not "not found"; and in it there is nothing.
   */
  private <T> T in(String namespace, Supplier<T> read, T nothing) {
    try {
      return read.get();
    } catch (KubeForbidden e) {
      if (namespace(namespace) == NamespaceState.ABSENT) {
        return nothing;
      }
      throw e;
    }
  }

  @Override
  public Optional<ScheduleObject> schedule(String namespace, String name) {
    return view.schedule(namespace, name);
  }

  @Override
  public RunCreation createRun(RunKey key, PipelineRunSpec spec) {
    String what = "creating PipelineRun " + key;
    try {
      PipelineRun made = client.resource(Resources.manifest(key, spec)).create();
      return new RunCreation.Present(Resources.run(made));
    } catch (KubernetesClientException e) {
      if (ApiErrors.isAlreadyExists(e)) {
        return run(key, Freshness.LIVE)
            .map(RunCreation.Present::new)
            .orElseThrow(() -> ApiErrors.failure(what, e));
      }
      if (ApiErrors.isRefusal(e)) {
        return DryRunRefusal.mayPass(e)
            ? new RunCreation.NotNow(ApiErrors.words(e))
            : new RunCreation.Refused(ApiErrors.words(e));
      }
      throw ApiErrors.failure(what, e);
    }
  }

  @Override
  public void deleteRun(RunKey key, String uid) {
    delete(
        "deleting PipelineRun " + key,
        "/apis/luigi-operator.io/v1beta1/namespaces/%s/pipelineruns/%s"
            .formatted(key.namespace(), key.name()),
        uid);
  }

  @Override
  public boolean writeStatus(RunObject object, PipelineRunStatus status) {
    if (view.knowsOtherThan(object)) {
      return false;
    }
    RunKey key = object.key();
    String what = "writing the status of PipelineRun " + key;
    OptionalLong version = view.version(object);
    String patch =
        Resources.statusPatch(object.uid(), version, status, client.getKubernetesSerialization());
    try {
      // of an item at hand: by name alone the client would read the object first
      PipelineRun written =
          client
              .resource(Resources.manifest(key, object.spec()))
              .subresource("status")
              .patch(PatchContext.of(PatchType.JSON), patch);
      view.update(written);
      return true;
    } catch (KubernetesClientException e) {
      if (ApiErrors.isNotFound(e)) {
        return true;
      }
      if (e.getCode() != ApiErrors.UNPROCESSABLE) {
        throw ApiErrors.failure(what, e);
      }
      Optional<RunObject> now = run(key, Freshness.LIVE); // taken in: the next look is at this one
      if (now.filter(o -> o.uid().equals(object.uid())).isEmpty()) {
        return true;
      }
      if (version.isPresent() && !version.equals(view.version(now.get()))) {
        return false;
      }
      throw new IllegalStateException(what + ": refused: " + ApiErrors.words(e), e);
    }
  }

  @Override
  public void warn(RunObject object, String reason, String message) {
    events.warn(object, reason, message);
  }

  // ---- Jobs and pods

  @Override
  public ObservedAttempt attempt(Attempt attempt, Freshness freshness) {
    return switch (freshness) {
      case CACHED -> view.attempt(attempt);
      case LIVE ->
          view.completed(
              attempt,
              in(
                  attempt.run().namespace(),
                  () -> live(attempt),
                  new ObservedAttempt(Optional.empty(), List.of(), true)));
    };
  }

  private ObservedAttempt live(Attempt attempt) {
    String namespace = attempt.run().namespace();
    Optional<ObservedJob> job = job(namespace, attempt.jobName());
    List<ObservedPod> pods =
        PagedList.all(
            "reading the pods of run " + attempt.run(),
            PagedList.of(client.pods(), namespace).withLabel(Labels.RUN, attempt.run().name()),
            Observation::pod);
    List<ObservedPod> ours = new ArrayList<>();
    pods.stream()
        .filter(p -> p.token().equals(attempt.token()) || attempt.isBoundTo(p.uid()))
        .forEach(ours::add);
    if (attempt.binding().isPresent() && ours.stream().noneMatch(p -> attempt.isBoundTo(p.uid()))) {
      ours.addAll(boundWithoutLabels(attempt));
    }
    return new ObservedAttempt(job, ours, true);
  }

  /**
   * Whoever takes the labels off a running pod must not make it count as absent: before the bound
   * pod does, every pod of the namespace has been looked at. That is rare.
   */
  private List<ObservedPod> boundWithoutLabels(Attempt attempt) {
    return PagedList.all(
            "looking for the bound pod of run " + attempt.run(),
            client.pods().inNamespace(attempt.run().namespace()),
            p -> attempt.isBoundTo(p.getMetadata().getUid()) ? Stream.of(p) : Stream.<Pod>empty())
        .stream()
        .flatMap(found -> found)
        .map(Observation::pod)
        .toList();
  }

  private Optional<ObservedJob> job(String namespace, String name) {
    Job job =
        ApiErrors.ask(
            "reading Job %s/%s".formatted(namespace, name),
            () -> client.batch().v1().jobs().inNamespace(namespace).withName(name).get());
    return Optional.ofNullable(job).map(Observation::job);
  }

  @Override
  public JobCreation createJob(Run run, Attempt attempt, RunObject owner) {
    String what = "creating Job %s/%s".formatted(run.key().namespace(), attempt.jobName());
    try {
      Job job = blueprint.job(run, RequestJson.read(run.origin().request()), attempt, owner);
      Job made = client.resource(job).create();
      view.saw(made);
      return new JobCreation.Created(Observation.job(made));
    } catch (PodTemplateInvalid e) {
      return new JobCreation.Refused(e.getMessage());
    } catch (KubernetesClientException e) {
      if (ApiErrors.isAlreadyExists(e)) {
        return job(run.key().namespace(), attempt.jobName())
            .map(JobCreation.Exists::new)
            .orElseThrow(() -> ApiErrors.failure(what, e));
      }
      if (ApiErrors.isRefusal(e)) {
        return new JobCreation.Refused(ApiErrors.words(e));
      }
      throw ApiErrors.failure(what, e);
    }
  }

  @Override
  public DryRunResult dryRun(RunKey run, String request) {
    try {
      Pod pod = blueprint.dryRunPod(run, RequestJson.read(request));
      client.resource(pod).dryRun().fieldValidation(Validation.STRICT).create();
      return new DryRunResult.Allowed();
    } catch (PodTemplateInvalid e) {
      return new DryRunResult.Refused(e.getMessage(), true);
    } catch (KubernetesClientException e) {
      if (ApiErrors.isRefusal(e)) {
        return DryRunRefusal.of(e);
      }
      throw ApiErrors.failure("asking about the pod of run " + run, e);
    }
  }

  @Override
  public boolean openGate(ObservedPod pod) {
    return gate.open(pod);
  }

  @Override
  public void deletePod(String namespace, String name, String uid) {
    delete(
        "deleting pod %s/%s".formatted(namespace, name),
        "/api/v1/namespaces/%s/pods/%s".formatted(namespace, name),
        uid);
  }

  @Override
  public void deleteJob(ObservedJob job) {
    delete(
        "deleting Job %s/%s".formatted(job.namespace(), job.name()),
        "/apis/batch/v1/namespaces/%s/jobs/%s".formatted(job.namespace(), job.name()),
        job.uid());
  }

  /** The client library knows no precondition on a UID, so the request is made by hand. */
  private void delete(String what, String path, String uid) {
    String options =
        """
        {"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background",
         "preconditions":{"uid":"%s"}}
        """
            .formatted(uid);
    try {
      client.raw(path, "DELETE", options);
    } catch (KubernetesClientException e) {
      if (!ApiErrors.isNotFound(e) && !ApiErrors.isOtherUid(e)) {
        throw ApiErrors.failure(what, e);
      }
    }
  }

  @Override
  public List<ObservedJob> cachedJobs() {
    return view.jobs();
  }

  @Override
  public List<ObservedPod> activePods() {
    return watchedNamespaces.all(
        namespace ->
            PagedList.all(
                "listing pods",
                // the server leaves ended pods out: they stay as long as their Jobs, in any number
                PagedList.of(client.pods(), namespace)
                    .withoutField("status.phase", "Succeeded")
                    .withoutField("status.phase", "Failed"),
                Observation::pod));
  }
}
