/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Lets the API server validate documents, by default as a dry run. */
final class ServerValidation {
  private static final String DRY_RUN = "?fieldValidation=Strict&dryRun=All";
  private static final String STORE = "?fieldValidation=Strict";
  private static final int UNPROCESSABLE = 422;
  private static final Set<Integer> REFUSALS =
      Set.of(HttpURLConnection.HTTP_BAD_REQUEST, UNPROCESSABLE);

  private final KubernetesClient client;
  private int stored;

  /** A validation error; {@code where} is empty for the whole object. */
  record Violation(String where, String message) {
    /** The path as in {@link SchemaTree}. */
    String path() {
      return where.replaceAll("\\[[^\\]]*\\]", "[]");
    }
  }

  ServerValidation(KubernetesClient client) {
    this.client = client;
  }

  /** The violations when it is created; empty if it is valid. */
  List<Violation> tryToCreate(JsonNode document) {
    return violations(collection(document) + DRY_RUN, "POST", document);
  }

  /** The violations when a stored object is updated. */
  List<Violation> tryToUpdate(JsonNode document) {
    return violations(object(document) + DRY_RUN, "PUT", document);
  }

  /** The violations when the status of a stored object is updated. */
  List<Violation> tryToUpdateStatus(JsonNode document) {
    return violations(object(document) + "/status" + DRY_RUN, "PUT", document);
  }

  /** Creates it with a new name and returns the stored object. */
  ObjectNode store(ObjectNode original) throws IOException {
    var document = original.deepCopy();
    stored++;
    ((ObjectNode) document.get("metadata")).put("name", "stored-" + stored);
    return (ObjectNode)
        new ObjectMapper().readTree(client.raw(collection(document) + STORE, "POST", document));
  }

  /** Updates the status of a stored object and returns the object. */
  ObjectNode updateStatus(JsonNode document) throws IOException {
    return (ObjectNode)
        new ObjectMapper()
            .readTree(client.raw(object(document) + "/status" + STORE, "PUT", document));
  }

  private List<Violation> violations(String uri, String method, JsonNode document) {
    try {
      client.raw(uri, method, document);
      return List.of();
    } catch (KubernetesClientException e) {
      if (!REFUSALS.contains(e.getCode())) {
        throw e;
      }
      var details = e.getStatus().getDetails();
      if (details == null || details.getCauses() == null || details.getCauses().isEmpty()) {
        return List.of(new Violation("", e.getStatus().getMessage()));
      }
      return details.getCauses().stream()
          .map(cause -> new Violation(place(cause.getField()), cause.getMessage()))
          .toList();
    }
  }

  private static String place(String field) {
    return field == null || field.equals("<nil>") ? "" : field;
  }

  private static String collection(JsonNode document) {
    return "/apis/luigi-operator.io/v1beta1/namespaces/default/"
        + document.get("kind").asText().toLowerCase(Locale.ROOT)
        + "s";
  }

  private static String object(JsonNode document) {
    return collection(document) + "/" + document.at("/metadata/name").asText();
  }
}
