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

/** Runs from kubectl apply to their end, with real pods and real Luigi. */
@Timeout(900)
class LifecycleIT {

  private static Installation installation;

  @BeforeAll
  static void connect() {
    installation = new Installation("lifecycle");
  }

  @AfterAll
  static void remove() {
    installation.close();
  }

  @Test
  void aRunSucceedsAndReportsItsTasks() {
    Instant applied = Instant.now();
    installation.run("plain").apply();
    installation.awaitPhase("plain", "Succeeded");

    assertThat(installation.status("plain", "attemptSummary")).isEqualTo("1/3");
    assertThat(installation.status("plain", "luigi", "progress")).isEqualTo("1/1");
    assertThat(installation.status("plain", "resolved", "image"))
        .isEqualTo("luigi-operator/luigi:0.1.0");
    Pod pod = installation.pods("plain").getFirst();
    Instant started =
        Instant.parse(
            pod.getStatus()
                .getContainerStatuses()
                .getFirst()
                .getState()
                .getTerminated()
                .getStartedAt());
    System.out.printf(
        "apply to container start: at most %d s (the API reports whole seconds)%n",
        Duration.between(applied, started).toSeconds() + 1);
  }

  @Test
  void thePodIsRestrictedAndHasNoToken() {
    installation.run("restricted").apply();
    installation.awaitPhase("restricted", "Succeeded");

    var spec = installation.pods("restricted").getFirst().getSpec();
    assertThat(spec.getAutomountServiceAccountToken()).isFalse();
    assertThat(spec.getVolumes()).noneMatch(v -> v.getProjected() != null);
    var security = spec.getContainers().getFirst().getSecurityContext();
    assertThat(security.getReadOnlyRootFilesystem()).isTrue();
    assertThat(security.getAllowPrivilegeEscalation()).isFalse();
  }

  @Test
  void twoRunsOfOneClientDoNotOverlapAndTheSecondNamesTheFirst() {
    installation.run("first").client("globex").seconds(6).apply();
    installation.runningPod("first");
    installation.run("second").client("globex").apply();
    installation.run("other").client("initech").apply();

    installation.awaitStatus("second", Installation.TIMEOUT, "WaitingForClient"::equals, "reason");
    assertThat(installation.status("second", "message")).contains("globex", "first");
    installation.awaitPhase("other", "Succeeded");
    installation.awaitPhase("second", "Succeeded");
    assertThat(span(installation, "second").start())
        .isAfterOrEqualTo(span(installation, "first").end());
  }

  @Test
  void aFailingRunIsRetriedWithBackoffAndReportsTheError() {
    installation.run("flaky").client("flaky").task("FailUntil").parameter("attempt", "3").apply();
    installation.awaitPhase("flaky", "Succeeded");

    assertThat(installation.status("flaky", "attemptSummary")).isEqualTo("3/3");
    assertThat(installation.status("flaky", "attempts", 1, "reason")).isEqualTo("TaskFailed");
    assertThat(installation.status("flaky", "attempts", 1, "message"))
        .contains("FailUntil", "this attempt must fail");
    awaitEvents("flaky", "AttemptFailed", "RetryScheduled");
  }

  @Test
  void valuesOfWholeSecretsReachTheTaskAndAreMaskedElsewhere() {
    String token = "Tr0ub4dor+token/&3";
    String password = "correct horse \"battery\"";
    String both = token + " and " + password;
    installation.addSecret("token", "TOKEN", token);
    installation.addSecret("database", "PASSWORD", password);
    installation
        .run("secrets")
        .client("secrets")
        .task("PrintsSecrets")
        .parameter(
            "in_base64", Base64.getEncoder().encodeToString(both.getBytes(StandardCharsets.UTF_8)))
        .pipeline(
            "envFrom",
            List.of(
                Map.of("secretRef", Map.of("name", "token")),
                Map.of("secretRef", Map.of("name", "database"), "prefix", "DB_")))
        .apply();
    installation.awaitPhase("secrets", "Succeeded");

    // so the task had the real values and no copies; in its output they are masked
    assertThat(installation.status("secrets", "attempts", 1, "message"))
        .contains("raised: *** and ***");
    List<Pod> pods = installation.pods("secrets");
    assertThat(pods).hasSize(2);
    for (Pod pod : pods) {
      String log = installation.log(pod);
      assertThat(log).contains("logged: *** and ***, copies: []");
      // the pod contains the termination message
      assertThat(log + Serialization.asYaml(pod)).doesNotContain(token, password, "horse");
    }
    assertThat(Serialization.asYaml(installation.get("secrets")))
        .doesNotContain(token, password, "horse");
  }

  /** The task_limit is one day per attempt, and two days are required. */
  @Test
  void aRangeLongerThanItsLimitContinuesInAnAttemptThatIsNotCounted() {
    installation.addClaim("days");
    installation.run("range").client("range").task("NeedsTwoDays").volume("days").apply();
    installation.awaitPhase("range", "Succeeded");

    assertThat(installation.status("range", "attempts", 0, "number")).isEqualTo("2");
    assertThat(installation.status("range", "attempts", 1, "reason")).isEqualTo("Unverified");
    assertThat(installation.status("range", "attempts", 1, "message")).contains("task_limit of 1");
    assertThat(installation.status("range", "attemptSummary")).isEqualTo("1/3");
  }

  @Test
  void aNonRetryableErrorEndsTheRun() {
    installation
        .run("permanent")
        .client("permanent")
        .task("FailUntil")
        .pipeline("retry", Map.of("backoffSeconds", 1, "nonRetryableErrors", List.of("ValueError")))
        .apply();
    installation.awaitPhase("permanent", "Failed");

    assertThat(installation.status("permanent", "reason")).isEqualTo("TaskFailedPermanent");
    assertThat(installation.status("permanent", "attemptSummary")).isEqualTo("1/3");
    awaitEvents("permanent", "RunFailed");
  }

  @Test
  void aTaskWithoutOutputIsNotSuccessful() {
    installation.run("nothing").client("nothing").task("WritesNothing").apply();
    installation.awaitPhase("nothing", "Failed");

    assertThat(installation.status("nothing", "reason")).isEqualTo("Unverified");
  }

  @Test
  void anUnknownTaskIsAnInvalidSpecWithASuggestion() {
    installation.run("unknown").client("unknown").task("Slep").apply();
    installation.awaitPhase("unknown", "Failed");

    assertThat(installation.status("unknown", "reason")).isEqualTo("InvalidSpec");
    assertThat(installation.status("unknown", "message")).contains("Sleep");
  }

  /**
   * With cgroup v2 the kernel kills the container, and Kubernetes reports OOMKilled; with v1 it
   * kills only the task, and the runner reports it.
   */
  @Test
  void aKillBecauseOfMemoryIsReported() {
    installation
        .run("hog")
        .client("hog")
        .task("Hog")
        .memoryLimit("96Mi")
        .pipeline(
            "retry", Map.of("maxAttempts", 1, "backoffSeconds", 1, "maxInfrastructureRetries", 0))
        .apply();
    installation.awaitPhase("hog", "Failed");

    boolean v2 = Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers"));
    assertThat(installation.status("hog", "reason")).isEqualTo(v2 ? "OOMKilled" : "TaskFailed");
    assertThat(installation.status("hog", "message")).containsIgnoringCase("memory");
  }

  @Test
  void aPodKilledWithoutVerdictIsRetried() {
    installation.run("killed").client("killed").seconds(8).apply();
    Pod pod = installation.runningPod("killed");
    installation.killPod(installation.namespace, pod.getMetadata().getName());

    installation.awaitPhase("killed", "Succeeded");
    assertThat(installation.status("killed", "attempts", 1, "reason")).isEqualTo("Killed");
    assertThat(installation.status("killed", "attemptSummary")).isEqualTo("1/3");
  }

  /** The task takes longer than the grace period, so it cannot end successfully. */
  @Test
  void aDeletedPodIsRetried() {
    installation.run("podless").client("podless").seconds(25).apply();
    Pod pod = installation.runningPod("podless");
    installation.client.resource(pod).delete();

    installation.awaitPhase("podless", "Succeeded");
    assertThat(installation.status("podless", "attempts", 0, "number")).isEqualTo("2");
    assertThat(installation.status("podless", "attempts", 1, "reason")).isEqualTo("Drained");
    assertThat(installation.status("podless", "attemptSummary")).isEqualTo("1/3");
  }

  @Test
  void cancelStopsThePodAndDeletionCancelsTheRun() {
    installation.run("canceled").client("canceled").seconds(120).apply();
    installation.runningPod("canceled");
    patch("canceled", "desiredState", "Canceled");
    installation.awaitPhase("canceled", "Canceled");
    assertThatThrownBy(() -> patch("canceled", "desiredState", "Running"))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("A canceled run stays canceled");

    installation.run("deleted").client("deleted").seconds(120).apply();
    Pod pod = installation.runningPod("deleted");
    installation.runs().inNamespace(installation.namespace).withName("deleted").delete();
    await("the pod of the deleted run has ended")
        .atMost(Installation.TIMEOUT)
        .until(
            () ->
                installation.client.resource(pod).get() == null
                    || List.of("Succeeded", "Failed")
                        .contains(installation.client.resource(pod).get().getStatus().getPhase()));
    installation.run("after-deleted").client("deleted").apply();
    installation.awaitPhase("after-deleted", "Succeeded");
  }

  @Test
  void aHeldRunWaitsUntilItIsReleased() {
    installation.run("held").client("held").spec("desiredState", "Held").apply();
    installation.awaitStatus("held", Installation.TIMEOUT, "Held"::equals, "reason");
    assertThat(installation.pods("held")).isEmpty();

    patch("held", "desiredState", "Running");
    installation.awaitPhase("held", "Succeeded");
  }

  @Test
  void aRunThatDoesNotStartInTimeFails() {
    installation.run("blocker").client("late").seconds(15).apply();
    installation.runningPod("blocker");
    installation.run("late").client("late").spec("startDeadlineSeconds", 3).apply();

    installation.awaitPhase("late", "Failed");
    assertThat(installation.status("late", "reason")).isEqualTo("StartDeadlineExceeded");
    awaitEvents("late", "RunDeadlineExceeded");
  }

  @Test
  void aRunDoesNotStartBeforeItsTime() {
    Instant notBefore = Instant.now().plusSeconds(15);
    installation.run("timed").client("timed").spec("notBeforeTime", notBefore.toString()).apply();
    installation.awaitStatus("timed", Duration.ofSeconds(13), "WaitingForTime"::equals, "reason");

    installation.awaitPhase("timed", "Succeeded");
    assertThat(Instant.parse(installation.status("timed", "startTime")))
        .isAfterOrEqualTo(notBefore.minusSeconds(1));
  }

  @Test
  void anAttemptHasADeadline() {
    installation
        .run("slow")
        .client("slow")
        .seconds(120)
        .spec("activeDeadlineSeconds", 5)
        .spec("maxAttempts", 1)
        .apply();

    installation.awaitPhase("slow", "Failed");
    assertThat(installation.status("slow", "reason")).isEqualTo("Deadline");
  }

  @Test
  void aNameIsUsedOnlyOnce() {
    installation.run("once").client("once").apply();
    installation.awaitPhase("once", "Succeeded");
    String uid = installation.get("once").getMetadata().getUid();
    installation.runs().inNamespace(installation.namespace).withName("once").delete();

    installation.run("once").client("once").apply();
    installation.awaitPhase("once", "Succeeded");
    assertThat(installation.get("once").getMetadata().getUid()).isNotEqualTo(uid);
    assertThat(installation.status("once", "reason")).isEqualTo("AlreadyComplete");
    assertThat(installation.status("once", "attempts", 0, "number")).isEqualTo("1");

    installation.runs().inNamespace(installation.namespace).withName("once").delete();
    installation.run("once").client("once").seconds(1).apply();
    installation.awaitPhase("once", "Rejected");
    assertThat(installation.status("once", "reason")).isEqualTo("NameAlreadyUsed");
    assertThat(installation.status("once", "message")).contains("another metadata.name");
  }

  @Test
  void theObjectIsDeletedAfterItsTtl() {
    installation.run("brief").client("brief").spec("ttlSecondsAfterFinished", 1).apply();

    await("the object is deleted")
        .atMost(Installation.TIMEOUT)
        .until(() -> installation.get("brief") == null);
  }

  @Test
  void aPodThatPodSecurityForbidsIsRejectedWithTheMessageOfTheServer() {
    installation
        .run("privileged")
        .client("privileged")
        .pipeline("podTemplate", Map.of("spec", Map.of("hostNetwork", true)))
        .apply();

    installation.awaitPhase("privileged", "Rejected");
    assertThat(installation.status("privileged", "reason")).isEqualTo("PodTemplateInvalid");
    assertThat(installation.status("privileged", "message")).contains("violates PodSecurity");
  }

  @Test
  void aMissingImageEndsTheAttemptAfterStartSeconds() {
    installation
        .run("imageless")
        .client("imageless")
        .pipeline("image", "luigi-operator/none:0")
        .pipeline("timeouts", Map.of("graceSeconds", 20, "startSeconds", 10))
        .pipeline(
            "retry", Map.of("maxAttempts", 1, "backoffSeconds", 1, "maxInfrastructureRetries", 0))
        .apply();

    installation.awaitPhase("imageless", "Failed");
    assertThat(installation.status("imageless", "reason")).isEqualTo("ImagePull");
  }

  // ---- helpers

  record Span(Instant start, Instant end) {}

  /** From the first start of a container of the run to the end of the last one. */
  static Span span(Installation installation, String run) {
    List<Span> all = spans(installation, run).toList();
    return new Span(
        all.stream().map(Span::start).min(Instant::compareTo).orElseThrow(),
        all.stream().map(Span::end).max(Instant::compareTo).orElseThrow());
  }

  /** One for each started container of the run; those that never started have the year 1970. */
  static Stream<Span> spans(Installation installation, String run) {
    return installation.pods(run).stream()
        .flatMap(p -> p.getStatus().getContainerStatuses().stream())
        .map(c -> c.getState().getTerminated())
        .filter(t -> t != null && t.getStartedAt() != null)
        .map(t -> new Span(Instant.parse(t.getStartedAt()), Instant.parse(t.getFinishedAt())))
        .filter(span -> span.start().isAfter(Instant.EPOCH));
  }

  private void patch(String name, String field, String value) {
    installation
        .runs()
        .inNamespace(installation.namespace)
        .withName(name)
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"spec\":{\"%s\":\"%s\"}}".formatted(field, value));
  }

  /** Waits for the events, which are written after the status. */
  private void awaitEvents(String run, String... reasons) {
    await("events of " + run)
        .atMost(Installation.TIMEOUT)
        .until(() -> events(run).containsAll(List.of(reasons)));
  }

  private List<String> events(String run) {
    return installation
        .client
        .v1()
        .events()
        .inNamespace(installation.namespace)
        .list()
        .getItems()
        .stream()
        .filter(e -> run.equals(e.getInvolvedObject().getName()))
        .map(e -> e.getReason())
        .toList();
  }
}
