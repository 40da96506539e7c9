/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FieldValidateable.Validation;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.okhttp.OkHttpClientFactory;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.job.EventWriter.Subject;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Instants;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import okhttp3.OkHttpClient;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@link Kube} with the fabric8 client. Live reads ask the API server for the newest state, not for
 * its watch cache. Cached answers come from {@link Informers} for Jobs and pods, and from the
 * watches of the controllers for PipelineRuns and PipelineSchedules.
 */
public final class Fabric8Kube implements Kube, AutoCloseable {

  /**
   * Longer than the default timeout of an admission webhook, 10 s: the API server then still
   * responds, and names the webhook that does not.
   */
  private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(15);

  private static final Duration CONNECTION_TIMEOUT = Duration.ofSeconds(5);
  private static final String PIPELINE_RUNS = "pipelineruns.luigi-operator.io";
  private static final String PIPELINE_SCHEDULES = "pipelineschedules.luigi-operator.io";

  private static final Logger LOG = LoggerFactory.getLogger(Fabric8Kube.class);

  private final KubernetesClient client;
  private final JobBlueprint blueprint;
  private final WatchedNamespaces watchedNamespaces;
  private final ClusterView view;
  private final Informers informers;
  private final EventWriter events;
  private final SchedulingGate gate;
  private final LargeSchedules largeSchedules;

  /**
   * @param client with {@link #bounded bounded} requests
   * @param namespaces the namespaces with runs; empty: all
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
    gate = new SchedulingGate(client, view, clock);
    largeSchedules = new LargeSchedules(client);
  }

  /**
   * @param config with {@link #bounded bounded} requests
   * @return a client for all requests and watches of the operator; the caller closes it
   */
  public static KubernetesClient client(Config config) {
    return new KubernetesClientBuilder()
        .withConfig(config)
        .withHttpClientFactory(new WithoutRetries())
        .withKubernetesSerialization(new ApiSerialization())
        .build();
  }

  /** The HTTP client would repeat a request, also one that changes something. */
  private static final class WithoutRetries extends OkHttpClientFactory {
    @Override
    protected void additionalConfig(OkHttpClient.Builder builder) {
      builder.retryOnConnectionFailure(false);
    }
  }

  /**
   * Adds timeouts to every request of a client. The client retries none: the caller reads the state
   * again and decides again.
   */
  public static Config bounded(Config config) {
    return new ConfigBuilder(config)
        .withRequestTimeout((int) REQUEST_TIMEOUT.toMillis())
        .withConnectionTimeout((int) CONNECTION_TIMEOUT.toMillis())
        .withRequestRetryBackoffLimit(0)
        .build();
  }

  /**
   * Sets a listener for changes of the Jobs and pods of a run, called after the cache was updated.
   * It is called on the thread of a watch and must not block. To be set before {@link #start}.
   */
  public void onChange(Consumer<RunKey> listener) {
    informers.onChange(listener);
  }

  /**
   * Starts to watch; returns when all informers have synced.
   *
   * @throws KubeUnavailable if that takes longer than the timeout
   */
  public void start(Duration timeout) {
    informers.start(timeout);
  }

  /** The cache that the watches of PipelineRuns and PipelineSchedules must keep up to date. */
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
    String action = "reading namespace kube-system";
    return Optional.ofNullable(
            ApiErrors.send(action, () -> client.namespaces().withName("kube-system").get()))
        .map(n -> n.getMetadata().getUid())
        .orElseThrow(() -> new KubeUnavailable(action + ": not found"));
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
        .flatMap(time -> parsed(namespace, Annotations.DELETIONS_CONFIRMED, time));
  }

  @Override
  public Set<String> retiredClusters(String namespace) {
    return read(namespace)
        .flatMap(n -> Optional.ofNullable(n.getMetadata().getAnnotations()))
        .flatMap(a -> Optional.ofNullable(a.get(Annotations.RETIRED_CLUSTERS)))
        .map(uids -> Arrays.stream(uids.split(",")).map(String::strip).filter(u -> !u.isEmpty()))
        .orElse(Stream.empty())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Override
  public Map<String, Instant> retiredNamespaces(String namespace) {
    Map<String, Instant> retired = new TreeMap<>();
    read(namespace)
        .flatMap(n -> Optional.ofNullable(n.getMetadata().getAnnotations()))
        .flatMap(a -> Optional.ofNullable(a.get(Annotations.RETIRED_NAMESPACES)))
        .map(value -> Arrays.stream(value.split(",")))
        .orElse(Stream.empty())
        .map(String::strip)
        .filter(entry -> !entry.isEmpty())
        .forEach(
            entry -> {
              int at = entry.indexOf('@');
              String time = at <= 0 ? "" : entry.substring(at + 1);
              parsed(namespace, Annotations.RETIRED_NAMESPACES, time)
                  .ifPresent(t -> retired.put(entry.substring(0, at), t));
            });
    return retired;
  }

  private static Optional<Instant> parsed(String namespace, String annotation, String time) {
    Optional<Instant> parsed = Instants.parsed(time);
    if (parsed.isEmpty()) {
      LOG.atWarn()
          .addKeyValue("namespace", namespace)
          .addKeyValue("annotation", annotation)
          .addKeyValue("value", time)
          .log("annotation ignored: not a time such as 2026-01-31T12:00:00Z");
    }
    return parsed;
  }

  private Optional<Namespace> read(String namespace) {
    return Optional.ofNullable(
        ApiErrors.send(
            "reading namespace " + namespace, () -> client.namespaces().withName(namespace).get()));
  }

  private @Nullable CustomResourceDefinition definition(String name) {
    return ApiErrors.send(
        "reading definition " + name,
        () -> client.apiextensions().v1().customResourceDefinitions().withName(name).get());
  }

  @Override
  public Instant servedSince(String namespace) {
    return later(read(namespace), Optional.ofNullable(definition(PIPELINE_RUNS)))
        .orElse(Instant.EPOCH);
  }

  @Override
  public Optional<Instant> schedulesServedSince(String namespace) {
    return later(
        read(namespace).filter(n -> n.getMetadata().getDeletionTimestamp() == null),
        Optional.ofNullable(definition(PIPELINE_SCHEDULES)).filter(Fabric8Kube::isEstablished));
  }

  /** When the later one was created; empty if one of them does not exist. */
  private static Optional<Instant> later(
      Optional<? extends HasMetadata> a, Optional<? extends HasMetadata> b) {
    Optional<Instant> first = a.flatMap(Fabric8Kube::createdAt);
    return b.flatMap(Fabric8Kube::createdAt).flatMap(t -> first.map(f -> f.isAfter(t) ? f : t));
  }

  private static Optional<Instant> createdAt(HasMetadata object) {
    return Observation.instant(object.getMetadata().getCreationTimestamp());
  }

  @Override
  public boolean crdEstablished() {
    CustomResourceDefinition crd = definition(PIPELINE_RUNS);
    return crd != null && isEstablished(crd);
  }

  private static boolean isEstablished(CustomResourceDefinition crd) {
    return crd.getMetadata().getDeletionTimestamp() == null
        && crd.getStatus() != null
        && crd.getStatus().getConditions() != null // a new definition has null there
        && crd.getStatus().getConditions().stream()
            .anyMatch(c -> "Established".equals(c.getType()) && "True".equals(c.getStatus()));
  }

  @Override
  public ObservedNode node(String name) {
    Node node = ApiErrors.send("reading node " + name, () -> client.nodes().withName(name).get());
    return node == null ? ObservedNode.gone() : Observation.node(node);
  }

  @Override
  public Map<String, ObservedPod> podsWithoutNode(Instant now) {
    return view.podsWithoutNode(now);
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
                    return CustomResources.run(run);
                  });
    };
  }

  private @Nullable PipelineRun live(RunKey key) {
    return ApiErrors.send(
        "reading PipelineRun " + key,
        () ->
            client
                .resources(PipelineRun.class)
                .inNamespace(key.namespace())
                .withName(key.name())
                .get());
  }

  /**
   * Reads in a namespace. The role bindings of a deleted namespace are gone with it, so that the
   * server answers "forbidden" and not "not found".
   *
   * @param absent the result if the namespace does not exist
   */
  private <T> T in(String namespace, Supplier<T> read, T absent) {
    try {
      return read.get();
    } catch (KubeForbidden e) {
      if (namespace(namespace) == NamespaceState.ABSENT) {
        return absent;
      }
      throw e;
    }
  }

  @Override
  public Optional<ScheduleObject> schedule(String namespace, String name) {
    return view.schedule(namespace, name)
        .flatMap(s -> s.parsedSpec().isOmitted() ? largeSchedules.read(s) : Optional.of(s));
  }

  @Override
  public boolean scheduleExists(ScheduleKey schedule) {
    return ApiErrors.send(
            "reading PipelineSchedule " + schedule,
            () ->
                client
                    .resources(PipelineSchedule.class)
                    .inNamespace(schedule.namespace())
                    .withName(schedule.name())
                    .get())
        != null;
  }

  @Override
  public List<RunObject> createdRuns(ScheduleKey schedule, String client) {
    return view.createdRuns(schedule, client);
  }

  @Override
  public RunCreation createRun(RunKey key, PipelineRunSpec spec) {
    String action = "creating PipelineRun " + key;
    try {
      PipelineRun created = client.resource(CustomResources.manifest(key, spec)).create();
      return new RunCreation.Present(CustomResources.run(created));
    } catch (KubernetesClientException e) {
      if (ApiErrors.isAlreadyExists(e)) {
        return run(key, Freshness.LIVE)
            .map(RunCreation.Present::new)
            .orElseThrow(() -> ApiErrors.failure(action, e));
      }
      if (ApiErrors.isRefusal(e)) {
        return DryRunRefusal.isTemporary(e)
            ? new RunCreation.NotNow(ApiErrors.message(e))
            : new RunCreation.Refused(ApiErrors.message(e));
      }
      throw ApiErrors.failure(action, e);
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
    if (view.hasOtherVersion(object)) {
      return false;
    }
    RunKey key = object.key();
    String action = "writing the status of PipelineRun " + key;
    OptionalLong version = view.version(object);
    String patch =
        CustomResources.statusPatch(
            object.uid(), version, status, client.getKubernetesSerialization());
    try {
      // with an object, because by name alone the client would read it first
      PipelineRun written =
          client
              .resource(CustomResources.named(key))
              .subresource("status")
              .patch(PatchContext.of(PatchType.JSON), patch);
      view.update(written);
      return true;
    } catch (KubernetesClientException e) {
      if (ApiErrors.isNotFound(e)) {
        return true;
      }
      if (e.getCode() != ApiErrors.UNPROCESSABLE) {
        throw ApiErrors.failure(action, e);
      }
      Optional<RunObject> now = run(key, Freshness.LIVE); // also updates the cache
      if (now.filter(o -> o.uid().equals(object.uid())).isEmpty()) {
        return true;
      }
      if (version.isPresent() && !version.equals(view.version(now.get()))) {
        return false;
      }
      throw new IllegalStateException(action + ": refused: " + ApiErrors.message(e), e);
    }
  }

  @Override
  public void warn(RunObject object, String reason, String message) {
    events.warn(Subject.of(object), reason, message);
  }

  @Override
  public void warn(ScheduleObject schedule, String reason, String message) {
    events.warn(Subject.of(schedule), reason, message);
  }

  // ---- Jobs and pods

  @Override
  public ObservedAttempt attempt(Attempt attempt, Freshness freshness) {
    return switch (freshness) {
      case CACHED -> view.attempt(attempt);
      case LIVE ->
          view.withObservedEnds(
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
    List<ObservedPod> matching = new ArrayList<>();
    pods.stream()
        .filter(p -> p.token().equals(attempt.token()) || attempt.isBoundTo(p.uid()))
        .forEach(matching::add);
    if (attempt.binding().isPresent()) {
      if (matching.stream().noneMatch(p -> attempt.isBoundTo(p.uid()))) {
        matching.addAll(boundWithoutLabels(attempt));
      }
    } else if (matching.isEmpty()) {
      job.ifPresent(j -> matching.addAll(ownedBy(j)));
    }
    return new ObservedAttempt(job, matching, true);
  }

  /**
   * A running pod whose labels were removed must not count as absent, so all pods of the namespace
   * are searched before the bound pod does. This is rare.
   */
  private List<ObservedPod> boundWithoutLabels(Attempt attempt) {
    return allPods(attempt.run().namespace(), p -> attempt.isBoundTo(p.uid()));
  }

  @Override
  public List<ObservedPod> podsWithToken(String namespace, String token) {
    return allPods(namespace, p -> p.token().equals(token));
  }

  /** Of all pods of the namespace only the matching ones are kept in memory. */
  private List<ObservedPod> allPods(String namespace, Predicate<ObservedPod> matching) {
    return PagedList.all(
            "searching a pod in namespace " + namespace,
            client.pods().inNamespace(namespace),
            pod -> Optional.of(Observation.pod(pod)).filter(matching))
        .stream()
        .flatMap(Optional::stream)
        .toList();
  }

  /** The pods of a Job that lack labels of the operator, by the label of the Job controller. */
  private List<ObservedPod> ownedBy(ObservedJob job) {
    return PagedList.all(
            "searching the pods of Job %s/%s".formatted(job.namespace(), job.name()),
            client.pods().inNamespace(job.namespace()).withLabel(Labels.JOB_UID, job.uid()),
            Observation::pod)
        .stream()
        .filter(p -> p.jobUid().equals(job.uid()))
        .toList();
  }

  private Optional<ObservedJob> job(String namespace, String name) {
    Optional<Job> job =
        Optional.ofNullable(
            ApiErrors.send(
                "reading Job %s/%s".formatted(namespace, name),
                () -> client.batch().v1().jobs().inNamespace(namespace).withName(name).get()));
    // no watch shows a Job whose labels something has changed
    job.filter(j -> !Labels.areOn(j)).ifPresent(view::update);
    return job.map(Observation::job);
  }

  @Override
  public Optional<String> lastWarning(ObservedPod pod) {
    return PodWarnings.newest(client, pod);
  }

  @Override
  public JobCreation createJob(Run run, Attempt attempt, RunObject owner) {
    String action = "creating Job %s/%s".formatted(run.key().namespace(), attempt.jobName());
    try {
      Job job = blueprint.job(run, RequestJson.read(run.definition().request()), attempt, owner);
      Job created = client.resource(job).create();
      view.update(created);
      return new JobCreation.Created(Observation.job(created));
    } catch (PodTemplateInvalid e) {
      return new JobCreation.Refused(e.getMessage());
    } catch (KubernetesClientException e) {
      if (ApiErrors.isAlreadyExists(e)) {
        return job(run.key().namespace(), attempt.jobName())
            .map(JobCreation.Exists::new)
            .orElseThrow(() -> ApiErrors.failure(action, e));
      }
      if (ApiErrors.isRefusal(e)) {
        return new JobCreation.Refused(ApiErrors.message(e));
      }
      throw ApiErrors.failure(action, e);
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
      throw ApiErrors.failure("dry run of the pod of run " + run, e);
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
    view.remove(job);
  }

  /** A raw request, because the client library cannot send a precondition on the UID. */
  private void delete(String action, String path, String uid) {
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
        throw ApiErrors.failure(action, e);
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
                // ended pods exist as long as their Jobs, in any number
                PagedList.of(client.pods(), namespace)
                    .withoutField("status.phase", "Succeeded")
                    .withoutField("status.phase", "Failed"),
                Observation::pod));
  }
}
