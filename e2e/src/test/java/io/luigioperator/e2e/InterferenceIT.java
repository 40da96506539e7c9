/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Pod;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What else acts on the Jobs and pods of runs: webhooks that add containers, suspend Jobs, change
 * labels or fail; code that sends signals; references to objects that do not exist. Each run says
 * what it waits for, ends or goes on by itself, and disturbs no other client. Most runs wait, so
 * all are applied at the beginning.
 */
@Timeout(600)
class InterferenceIT {

  private static final Map<String, Object> NO_RETRY =
      Map.of("maxAttempts", 1, "backoffSeconds", 1, "maxInfrastructureRetries", 0);

  private static Installation installation;
  private static Webhook webhook;

  @BeforeAll
  static void applyRuns() throws IOException {
    installation = new Installation("interference");
    webhook = new Webhook(installation);
    webhook.changes("proxied", "pods", "/sidecar");
    webhook.changes("crowded", "pods", "/many");
    webhook.changes("suspended", "jobs", "/suspend");
    webhook.changes("relabelled", "pods", "/relabel");
    webhook.changes("restarted", "pods", "/restart");
    webhook.refusesChangesOfPods("refused");
    webhook.start();
    run("suspended").pipeline("retry", NO_RETRY).apply();
    run("restarted").task("FailUntil").pipeline("retry", NO_RETRY).apply();
    run("relabelled").apply();
    run("claimless").volume("no-such-claim").pipeline("timeouts", startSeconds(120)).apply();
    run("proxied").apply();
    run("crowded").task("FailsAtLength").pipeline("retry", NO_RETRY).apply();
    run("refused").apply();
    run("terminated").task("TerminatesItself").spec("maxAttempts", 1).apply();
    run("configless")
        .configMap("no-such-map")
        .pipeline("timeouts", startSeconds(20))
        .pipeline("retry", NO_RETRY)
        .apply();
  }

  private static RunBuilder run(String name) {
    return installation.run(name).client(name);
  }

  private static Map<String, Integer> startSeconds(int seconds) {
    return Map.of("graceSeconds", 20, "startSeconds", seconds);
  }

  @AfterAll
  static void remove() {
    webhook.close();
    installation.close();
  }

  private static void awaitMessage(String run, String text) {
    installation.awaitStatus(run, Installation.TIMEOUT, m -> m.contains(text), "message");
  }

  @Test
  void anInjectedContainerDoesNotKeepTheRunAlive() {
    installation.awaitPhase("proxied", "Succeeded");

    assertThat(installation.status("proxied", "attemptSummary")).isEqualTo("1/3");
    assertThat(Duration.between(time("startTime"), time("finishTime")))
        .as("the operator stopped the other container after 15 s")
        .isBetween(Duration.ofSeconds(14), Duration.ofSeconds(60));
  }

  private static Instant time(String field) {
    return Instant.parse(installation.status("proxied", "attempts", 0, field));
  }

  @Test
  void aPodWithManyContainersKeepsItsVerdict() {
    installation.awaitPhase("crowded", "Failed");

    Pod pod = installation.pods("crowded").getFirst();
    assertThat(pod.getSpec().getInitContainers()).hasSize(10);
    assertThat(installation.status("crowded", "reason")).isEqualTo("TaskFailed");
    assertThat(installation.status("crowded", "attemptSummary")).isEqualTo("1/1");
  }

  @Test
  void aSuspendedJobIsNamedAndGivenUp() {
    awaitMessage("suspended", "Job suspended-a1 is suspended");
    installation.awaitPhase("suspended", "Failed");

    assertThat(installation.status("suspended", "reason")).isEqualTo("NoPod");
  }

  /** With the restartPolicy OnFailure the kubelet would repeat the pipeline within the attempt. */
  @Test
  void aPodThatTheKubeletWouldRestartDoesNotStart() {
    awaitMessage("restarted", "has the restartPolicy OnFailure instead of Never");
    assertThat(installation.pods("restarted"))
        .allMatch(p -> p.getStatus().getContainerStatuses().isEmpty());
    installation.awaitPhase("restarted", "Failed");

    assertThat(installation.status("restarted", "reason")).isEqualTo("NoPod");
  }

  @Test
  void aPodWithoutTheLabelsOfTheOperatorRuns() {
    installation.awaitPhase("relabelled", "Succeeded");

    assertThat(installation.pods("relabelled").getFirst().getMetadata().getLabels())
        .containsEntry("app.kubernetes.io/managed-by", "platform");
    assertThat(installation.status("relabelled", "attemptSummary")).isEqualTo("1/3");
  }

  @Test
  void aMissingClaimDoesNotFillTheCluster() {
    awaitMessage("claimless", "no-such-claim");
    Pod pod = installation.pods("claimless").getFirst();
    Instant opened =
        Instant.parse(pod.getMetadata().getAnnotations().get("luigi-operator.io/gate-opened"));
    await("the pod has been unschedulable for more than 30 s")
        .atMost(Installation.TIMEOUT)
        .until(() -> Instant.now().isAfter(opened.plus(Duration.ofSeconds(31))));

    run("unaffected").apply();
    installation.awaitPhase("unaffected", "Succeeded");

    assertThat(installation.status("claimless", "reason")).isEqualTo("Unschedulable");
    installation.runs().inNamespace(installation.namespace).withName("claimless").delete();
  }

  @Test
  void aMissingConfigMapIsNamed() {
    awaitMessage("configless", "\"no-such-map\" not found");
    assertThat(installation.status("configless", "reason"))
        .isIn("Starting", "Stopping", "StartTimeout");
    installation.awaitPhase("configless", "Failed");

    assertThat(installation.status("configless", "reason")).isEqualTo("StartTimeout");
    assertThat(installation.status("configless", "message")).contains("\"no-such-map\" not found");
  }

  @Test
  void aSignalOfTheOwnCodeCounts() {
    installation.awaitPhase("terminated", "Failed");

    assertThat(installation.status("terminated", "reason")).isEqualTo("Terminated");
    assertThat(installation.pods("terminated")).hasSize(1);
  }

  @Test
  void aWebhookThatFailsAtTheGateIsShownUntilItWorks() {
    awaitMessage("refused", "failed calling webhook \"refused.e2e.luigi-operator.io\"");
    assertThat(installation.status("refused", "reason")).isEqualTo("Starting");

    webhook.remove("refused");

    installation.awaitPhase("refused", "Succeeded");
    assertThat(installation.status("refused", "attemptSummary"))
        .describedAs("an attempt that gave up waiting for the webhook does not count")
        .isEqualTo("1/3");
  }
}
