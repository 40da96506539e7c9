/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a user asks of a run from apply to its end, with real pods and real Luigi. */
@Timeout(900)
class LifecycleIT {

  private static Installation it;

  @BeforeAll
  static void connect() {
    it = new Installation("lifecycle");
  }

  @AfterAll
  static void leave() {
    it.close();
  }

  @Test
  void aRunSucceedsAndSaysWhatItDid() {
    Instant applied = Instant.now();
    it.run("plain").apply();
    it.awaitPhase("plain", "Succeeded");

    assertThat(it.status("plain", "attemptSummary")).isEqualTo("1/3");
    assertThat(it.status("plain", "luigi", "progress")).isEqualTo("1/1");
    assertThat(it.status("plain", "resolved", "image")).isEqualTo("luigi-operator/luigi:0.1.0");
    Pod pod = it.pods("plain").getFirst();
    Instant started =
        Instant.parse(
            pod.getStatus()
                .getContainerStatuses()
                .getFirst()
                .getState()
                .getTerminated()
                .getStartedAt());
    System.out.printf(
        "apply to container start: at most %d s (the API tells whole seconds)%n",
        Duration.between(applied, started).toSeconds() + 1);
  }

  @Test
  void thePodIsRestrictedAndHasNoToken() {
    it.run("restricted").apply();
    it.awaitPhase("restricted", "Succeeded");

    var spec = it.pods("restricted").getFirst().getSpec();
    assertThat(spec.getAutomountServiceAccountToken()).isFalse();
    assertThat(spec.getVolumes()).noneMatch(v -> v.getProjected() != null);
    var security = spec.getContainers().getFirst().getSecurityContext();
    assertThat(security.getReadOnlyRootFilesystem()).isTrue();
    assertThat(security.getAllowPrivilegeEscalation()).isFalse();
  }

  @Test
  void twoRunsOfOneClientNeverOverlapAndTheSecondSaysWhy() {
    it.run("first").client("globex").seconds(6).apply();
    it.runningPod("first");
    it.run("second").client("globex").apply();
    it.run("other").client("initech").apply();

    it.awaitStatus("second", Installation.PATIENCE, "WaitingForClient"::equals, "reason");
    assertThat(it.status("second", "message")).contains("globex", "first");
    it.awaitPhase("other", "Succeeded");
    it.awaitPhase("second", "Succeeded");
    assertThat(span(it, "second").start()).isAfterOrEqualTo(span(it, "first").end());
  }

  @Test
  void aFailingRunIsRetriedWithBackoffAndTellsWhy() {
    it.run("flaky").client("flaky").task("FailUntil").parameter("attempt", "3").apply();
    it.awaitPhase("flaky", "Succeeded");

    assertThat(it.status("flaky", "attemptSummary")).isEqualTo("3/3");
    assertThat(it.status("flaky", "attempts", 1, "reason")).isEqualTo("TaskFailed");
    assertThat(it.status("flaky", "attempts", 1, "message"))
        .contains("FailUntil", "this attempt was told to fail");
    awaitEvents("flaky", "AttemptFailed", "RetryScheduled");
  }

  @Test
  void whatWholeSecretsHoldIsForTheTasksAlone() {
    String token = "Tr0ub4dor+token/&3";
    String password = "correct horse \"battery\"";
    String both = token + " and " + password;
    it.addSecret("token", "TOKEN", token);
    it.addSecret("database", "PASSWORD", password);
    it.run("secrets")
        .client("secrets")
        .task("TellsSecrets")
        .parameter(
            "in_base64", Base64.getEncoder().encodeToString(both.getBytes(StandardCharsets.UTF_8)))
        .pipeline(
            "envFrom",
            List.of(
                Map.of("secretRef", Map.of("name", "token")),
                Map.of("secretRef", Map.of("name", "database"), "prefix", "DB_")))
        .apply();
    it.awaitPhase("secrets", "Succeeded");

    // so the task had the true values and saw no copies; what it told is masked
    assertThat(it.status("secrets", "attempts", 1, "message")).contains("raised: *** and ***");
    List<Pod> pods = it.pods("secrets");
    assertThat(pods).hasSize(2);
    for (Pod pod : pods) {
      String log = it.log(pod);
      assertThat(log).contains("logged: *** and ***, copies: []");
      // all that Kubernetes knows of the pod, and so its termination message
      assertThat(log + Serialization.asYaml(pod)).doesNotContain(token, password, "horse");
    }
    assertThat(Serialization.asYaml(it.get("secrets"))).doesNotContain(token, password, "horse");
  }

  /** The task may do one day in an attempt, and there are two. */
  @Test
  void aRangeLongerThanItsLimitIsContinuedAndThatIsNotCounted() {
    it.addClaim("days");
    it.run("range").client("range").task("NeedsTwoDays").keeping("days").apply();
    it.awaitPhase("range", "Succeeded");

    assertThat(it.status("range", "attempts", 0, "number")).isEqualTo("2");
    assertThat(it.status("range", "attempts", 1, "reason")).isEqualTo("Unverified");
    assertThat(it.status("range", "attempts", 1, "message")).contains("task_limit of 1");
    assertThat(it.status("range", "attemptSummary")).isEqualTo("1/3");
  }

  @Test
  void anErrorThatNoRetryCanHelpEndsTheRun() {
    it.run("permanent")
        .client("permanent")
        .task("FailUntil")
        .pipeline("retry", Map.of("backoffSeconds", 1, "nonRetryableErrors", List.of("ValueError")))
        .apply();
    it.awaitPhase("permanent", "Failed");

    assertThat(it.status("permanent", "reason")).isEqualTo("TaskFailedPermanent");
    assertThat(it.status("permanent", "attemptSummary")).isEqualTo("1/3");
    awaitEvents("permanent", "RunFailed");
  }

  @Test
  void aTaskThatMakesNothingIsNoSuccess() {
    it.run("nothing").client("nothing").task("WritesNothing").apply();
    it.awaitPhase("nothing", "Failed");

    assertThat(it.status("nothing", "reason")).isEqualTo("Unverified");
  }

  @Test
  void anUnknownTaskIsAMatterForTheUser() {
    it.run("unknown").client("unknown").task("Slep").apply();
    it.awaitPhase("unknown", "Failed");

    assertThat(it.status("unknown", "reason")).isEqualTo("InvalidSpec");
    assertThat(it.status("unknown", "message")).contains("Sleep");
  }

  /**
   * On control groups v2 the whole container dies, and Kubernetes says OOMKilled; on v1 the kernel
   * kills the one task, and the runner says so.
   */
  @Test
  void aMemoryKillIsToldAsOne() {
    it.run("hog")
        .client("hog")
        .task("Hog")
        .memoryLimit("96Mi")
        .pipeline(
            "retry", Map.of("maxAttempts", 1, "backoffSeconds", 1, "maxInfrastructureRetries", 0))
        .apply();
    it.awaitPhase("hog", "Failed");

    boolean v2 = Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers"));
    assertThat(it.status("hog", "reason")).isEqualTo(v2 ? "OOMKilled" : "TaskFailed");
    assertThat(it.status("hog", "message")).containsIgnoringCase("memory");
  }

  @Test
  void aPodKilledWithoutAWordIsTriedAgain() {
    it.run("killed").client("killed").seconds(8).apply();
    Pod pod = it.runningPod("killed");
    it.killPod(it.namespace, pod.getMetadata().getName());

    it.awaitPhase("killed", "Succeeded");
    assertThat(it.status("killed", "attempts", 1, "reason")).isEqualTo("Killed");
    assertThat(it.status("killed", "attemptSummary")).isEqualTo("1/3");
  }

  /** The task would take longer than the grace period, so the attempt cannot end well before it. */
  @Test
  void aDeletedPodIsTriedAgain() {
    it.run("podless").client("podless").seconds(25).apply();
    Pod pod = it.runningPod("podless");
    it.client.resource(pod).delete();

    it.awaitPhase("podless", "Succeeded");
    assertThat(it.status("podless", "attempts", 0, "number")).isEqualTo("2");
    assertThat(it.status("podless", "attempts", 1, "reason")).isEqualTo("Drained");
    assertThat(it.status("podless", "attemptSummary")).isEqualTo("1/3");
  }

  @Test
  void cancelStopsAndDeleteCancels() {
    it.run("canceled").client("canceled").seconds(120).apply();
    it.runningPod("canceled");
    patch("canceled", "desiredState", "Canceled");
    it.awaitPhase("canceled", "Canceled");
    assertThatThrownBy(() -> patch("canceled", "desiredState", "Running"))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("A canceled run stays canceled");

    it.run("deleted").client("deleted").seconds(120).apply();
    Pod pod = it.runningPod("deleted");
    it.runs().inNamespace(it.namespace).withName("deleted").delete();
    await("the pod of the deleted run is gone")
        .atMost(Installation.PATIENCE)
        .until(
            () ->
                it.client.resource(pod).get() == null
                    || List.of("Succeeded", "Failed")
                        .contains(it.client.resource(pod).get().getStatus().getPhase()));
    it.run("after-deleted").client("deleted").apply();
    it.awaitPhase("after-deleted", "Succeeded");
  }

  @Test
  void aHeldRunWaitsUntilItIsLetGo() {
    it.run("held").client("held").spec("desiredState", "Held").apply();
    it.awaitStatus("held", Installation.PATIENCE, "Held"::equals, "reason");
    assertThat(it.pods("held")).isEmpty();

    patch("held", "desiredState", "Running");
    it.awaitPhase("held", "Succeeded");
  }

  @Test
  void aRunThatMayNotStartInTimeFails() {
    it.run("blocker").client("late").seconds(15).apply();
    it.runningPod("blocker");
    it.run("late").client("late").spec("startDeadlineSeconds", 3).apply();

    it.awaitPhase("late", "Failed");
    assertThat(it.status("late", "reason")).isEqualTo("StartDeadlineExceeded");
    awaitEvents("late", "RunDeadlineExceeded");
  }

  @Test
  void notBeforeItsTime() {
    Instant then = Instant.now().plusSeconds(15);
    it.run("timed").client("timed").spec("notBeforeTime", then.toString()).apply();
    it.awaitStatus("timed", Duration.ofSeconds(13), "WaitingForTime"::equals, "reason");

    it.awaitPhase("timed", "Succeeded");
    assertThat(Instant.parse(it.status("timed", "startTime")))
        .isAfterOrEqualTo(then.minusSeconds(1));
  }

  @Test
  void anAttemptHasADeadline() {
    it.run("slow")
        .client("slow")
        .seconds(120)
        .spec("activeDeadlineSeconds", 5)
        .spec("maxAttempts", 1)
        .apply();

    it.awaitPhase("slow", "Failed");
    assertThat(it.status("slow", "reason")).isEqualTo("Deadline");
  }

  @Test
  void aNameIsUsedOnceForEver() {
    it.run("once").client("once").apply();
    it.awaitPhase("once", "Succeeded");
    String uid = it.get("once").getMetadata().getUid();
    it.runs().inNamespace(it.namespace).withName("once").delete();

    it.run("once").client("once").apply();
    it.awaitPhase("once", "Succeeded");
    assertThat(it.get("once").getMetadata().getUid()).isNotEqualTo(uid);
    assertThat(it.status("once", "reason")).isEqualTo("AlreadyComplete");
    assertThat(it.status("once", "attempts", 0, "number")).isEqualTo("1");

    it.runs().inNamespace(it.namespace).withName("once").delete();
    it.run("once").client("once").seconds(1).apply();
    it.awaitPhase("once", "Rejected");
    assertThat(it.status("once", "reason")).isEqualTo("NameAlreadyUsed");
    assertThat(it.status("once", "message")).contains("another metadata.name");
  }

  @Test
  void aTimeToLiveRemovesTheObjectOfItsUser() {
    it.run("brief").client("brief").spec("ttlSecondsAfterFinished", 1).apply();

    await("the object is gone").atMost(Installation.PATIENCE).until(() -> it.get("brief") == null);
  }

  @Test
  void aPodThatTheNamespaceForbidsIsRefusedInTheServersWords() {
    it.run("privileged")
        .client("privileged")
        .pipeline("podTemplate", Map.of("spec", Map.of("hostNetwork", true)))
        .apply();

    it.awaitPhase("privileged", "Rejected");
    assertThat(it.status("privileged", "reason")).isEqualTo("PodTemplateInvalid");
    assertThat(it.status("privileged", "message")).contains("violates PodSecurity");
  }

  @Test
  void anImageThatIsNotThereFreesSlotAndClientInTime() {
    it.run("imageless")
        .client("imageless")
        .pipeline("image", "luigi-operator/none:0")
        .pipeline("timeouts", Map.of("graceSeconds", 20, "startSeconds", 10))
        .pipeline(
            "retry", Map.of("maxAttempts", 1, "backoffSeconds", 1, "maxInfrastructureRetries", 0))
        .apply();

    it.awaitPhase("imageless", "Failed");
    assertThat(it.status("imageless", "reason")).isEqualTo("ImagePull");
  }

  // ---- helpers of this class

  record Span(Instant start, Instant end) {}

  /** From the first start of a container of the run to the end of the last one. */
  static Span span(Installation it, String run) {
    List<Span> all = spans(it, run).toList();
    return new Span(
        all.stream().map(Span::start).min(Instant::compareTo).orElseThrow(),
        all.stream().map(Span::end).max(Instant::compareTo).orElseThrow());
  }

  /** One for each container of the run that was started: one that never was, has the year 1970. */
  static Stream<Span> spans(Installation it, String run) {
    return it.pods(run).stream()
        .flatMap(p -> p.getStatus().getContainerStatuses().stream())
        .map(c -> c.getState().getTerminated())
        .filter(t -> t != null && t.getStartedAt() != null)
        .map(t -> new Span(Instant.parse(t.getStartedAt()), Instant.parse(t.getFinishedAt())))
        .filter(span -> span.start().isAfter(Instant.EPOCH));
  }

  private void patch(String name, String field, String value) {
    it.runs()
        .inNamespace(it.namespace)
        .withName(name)
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"spec\":{\"%s\":\"%s\"}}".formatted(field, value));
  }

  /** An event follows the status it is about. */
  private void awaitEvents(String run, String... reasons) {
    await("events of " + run)
        .atMost(Installation.PATIENCE)
        .until(() -> events(run).containsAll(List.of(reasons)));
  }

  private List<String> events(String run) {
    return it.client.v1().events().inNamespace(it.namespace).list().getItems().stream()
        .filter(e -> run.equals(e.getInvolvedObject().getName()))
        .map(e -> e.getReason())
        .toList();
  }
}
