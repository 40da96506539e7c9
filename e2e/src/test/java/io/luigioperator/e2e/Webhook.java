/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhook;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhookBuilder;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.MutatingWebhookConfigurationBuilder;
import io.luigioperator.testing.Certificate;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * Mutating admission webhooks for the Jobs and pods of single clients of an {@link Installation}.
 * They are served by a pod in the network of the node, where the API server also runs.
 */
final class Webhook implements AutoCloseable {

  private static final String URL = "https://127.0.0.1:9443";

  /** Nothing listens on this port. */
  private static final String BROKEN_URL = "https://127.0.0.1:1";

  private final Installation installation;
  private final String name;
  private final String certificate;
  private final String key;
  private final List<MutatingWebhook> webhooks = new ArrayList<>();

  Webhook(Installation installation) throws IOException {
    this.installation = installation;
    this.name = installation.namespace + "-webhook";
    Certificate served = Certificate.make();
    this.certificate = Files.readString(served.cert());
    this.key = Files.readString(served.key());
  }

  /**
   * Starts the pod that serves the webhooks and waits for it. By then the API server knows the
   * webhooks that were registered before.
   */
  void start() {
    installation
        .client
        .resource(new NamespaceBuilder().withNewMetadata().withName(name).endMetadata().build())
        .create();
    installation
        .client
        .resource(
            new ConfigMapBuilder()
                .withNewMetadata()
                .withName("webhook")
                .withNamespace(name)
                .endMetadata()
                .addToData("e2e_webhook.py", Installation.resource("/e2e_webhook.py"))
                .addToData("cert.pem", certificate)
                .addToData("key.pem", key)
                .build())
        .create();
    installation.client.resource(pod().build()).create();
    await("the webhook is ready")
        .atMost(Installation.TIMEOUT)
        .until(() -> installation.client.pods().inNamespace(name).withName("webhook").isReady());
  }

  private PodBuilder pod() {
    return new PodBuilder()
        .withNewMetadata()
        .withName("webhook")
        .withNamespace(name)
        .endMetadata()
        .withNewSpec()
        .withHostNetwork(true)
        .withAutomountServiceAccountToken(false)
        .addNewVolume()
        .withName("webhook")
        .withNewConfigMap()
        .withName("webhook")
        .endConfigMap()
        .endVolume()
        .addNewContainer()
        .withName("webhook")
        .withImage(RunBuilder.IMAGE)
        .withImagePullPolicy("IfNotPresent")
        .withCommand("python3", "/webhook/e2e_webhook.py")
        .addNewVolumeMount()
        .withName("webhook")
        .withMountPath("/webhook")
        .endVolumeMount()
        .withNewReadinessProbe()
        .withNewTcpSocket()
        .withHost("127.0.0.1")
        .withNewPort(9443)
        .endTcpSocket()
        .withPeriodSeconds(1)
        .endReadinessProbe()
        .endContainer()
        .endSpec();
  }

  /**
   * Registers a webhook.
   *
   * @param client whose objects it changes
   * @param kind {@code jobs} or {@code pods}
   * @param path in {@code e2e_webhook.py}
   */
  void changes(String client, String kind, String path) {
    webhooks.add(webhook(client, kind, "CREATE", URL + path, certificate));
    register();
  }

  /** Registers a webhook for changes of the pods of a client that does not answer. */
  void refusesChangesOfPods(String client) {
    webhooks.add(webhook(client, "pods", "UPDATE", BROKEN_URL, certificate));
    register();
  }

  void remove(String client) {
    webhooks.removeIf(w -> w.getName().startsWith(client + "."));
    register();
  }

  private MutatingWebhook webhook(
      String client, String kind, String operation, String url, String ca) {
    return new MutatingWebhookBuilder()
        .withName(client + ".e2e.luigi-operator.io")
        .withAdmissionReviewVersions("v1")
        .withSideEffects("None")
        .withFailurePolicy("Fail")
        .withTimeoutSeconds(5)
        .withNewClientConfig()
        .withUrl(url)
        .withCaBundle(Base64.getEncoder().encodeToString(ca.getBytes(UTF_8)))
        .endClientConfig()
        .withNewNamespaceSelector()
        .addToMatchLabels("kubernetes.io/metadata.name", installation.namespace)
        .endNamespaceSelector()
        .withNewObjectSelector()
        .addToMatchLabels("luigi-operator.io/client", client)
        .endObjectSelector()
        .addNewRule()
        .withApiGroups(kind.equals("jobs") ? "batch" : "")
        .withApiVersions("v1")
        .withResources(kind)
        .withOperations(operation)
        .endRule()
        .build();
  }

  private void register() {
    installation
        .client
        .resource(
            new MutatingWebhookConfigurationBuilder()
                .withNewMetadata()
                .withName(name)
                .endMetadata()
                .withWebhooks(webhooks)
                .build())
        .createOr(r -> r.update());
  }

  @Override
  public void close() {
    installation
        .client
        .admissionRegistration()
        .v1()
        .mutatingWebhookConfigurations()
        .withName(name)
        .delete();
    installation.client.namespaces().withName(name).delete();
  }
}
