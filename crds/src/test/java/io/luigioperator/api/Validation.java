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

/** Asks the API server what it thinks of a document; what is only tried leaves nothing behind. */
final class Validation {
  private static final String TRY = "?fieldValidation=Strict&dryRun=All";
  private static final String KEEP = "?fieldValidation=Strict";
  private static final int UNPROCESSABLE = 422;
  private static final Set<Integer> JUDGEMENTS =
      Set.of(HttpURLConnection.HTTP_BAD_REQUEST, UNPROCESSABLE);

  private final KubernetesClient client;
  private int kept;

  /** One complaint; {@code where} is empty for the whole object. */
  record Complaint(String where, String message) {
    /** The place as {@link SchemaTree} writes it. */
    String path() {
      return where.replaceAll("\\[[^\\]]*\\]", "[]");
    }
  }

  Validation(KubernetesClient client) {
    this.client = client;
  }

  /** Complaints about creating it, empty if there are none. */
  List<Complaint> tryToCreate(JsonNode document) {
    return complaints(collection(document) + TRY, "POST", document);
  }

  /** Complaints about a new version of an object that is kept. */
  List<Complaint> tryToChange(JsonNode document) {
    return complaints(object(document) + TRY, "PUT", document);
  }

  /** Complaints about a new status of an object that is kept. */
  List<Complaint> tryToReport(JsonNode document) {
    return complaints(object(document) + "/status" + TRY, "PUT", document);
  }

  /** Creates it for good, under a name of its own, and returns it as the server has it. */
  ObjectNode keep(ObjectNode original) throws IOException {
    var document = original.deepCopy();
    kept++;
    ((ObjectNode) document.get("metadata")).put("name", "kept-" + kept);
    return (ObjectNode)
        new ObjectMapper().readTree(client.raw(collection(document) + KEEP, "POST", document));
  }

  /** Writes the status of a kept object and returns it as the server has it. */
  ObjectNode report(JsonNode document) throws IOException {
    return (ObjectNode)
        new ObjectMapper()
            .readTree(client.raw(object(document) + "/status" + KEEP, "PUT", document));
  }

  private List<Complaint> complaints(String uri, String method, JsonNode document) {
    try {
      client.raw(uri, method, document);
      return List.of();
    } catch (KubernetesClientException e) {
      if (!JUDGEMENTS.contains(e.getCode())) {
        throw e;
      }
      var details = e.getStatus().getDetails();
      if (details == null || details.getCauses() == null || details.getCauses().isEmpty()) {
        return List.of(new Complaint("", e.getStatus().getMessage()));
      }
      return details.getCauses().stream()
          .map(cause -> new Complaint(place(cause.getField()), cause.getMessage()))
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
