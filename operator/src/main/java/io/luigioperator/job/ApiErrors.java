/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * What an error of the API server means. A server that does not respond, is overloaded or fails
 * says nothing about the object of the request; one that responds with a refusal does.
 */
final class ApiErrors {

  static final int UNPROCESSABLE = 422;

  private static final int MAX_DEPTH = 10;

  /**
   * In a message of the API server: a webhook, policy or quota, or an object by kind and name. An
   * HTTP method before a quoted URL is no kind. A patch of a webhook that does not fit the object,
   * or leaves no valid object, is reported without the name of the webhook.
   */
  private static final Pattern NAMED =
      Pattern.compile(
          "webhook|admission plugin|AdmissionPolicy|quota"
              + "|operation does not apply|jsonpatch|\\bjson: |unmarshal|invalid character"
              + "|\\b(?!(get|post|put|patch|delete|head) )[a-z][a-z.]* \"[^\"]+\"",
          Pattern.CASE_INSENSITIVE);

  private ApiErrors() {}

  /**
   * Sends a request for which every error is a {@link KubeRefused} or {@link KubeUnavailable}.
   *
   * @param action what the request does, for the message of an error
   */
  static <T> T send(String action, Supplier<T> request) {
    try {
      return request.get();
    } catch (KubernetesClientException e) {
      throw failure(action, e);
    }
  }

  /**
   * The server has understood the request and refuses it. That includes a 5xx that names an
   * admission webhook, a policy, a quota or an object: the server works, and only requests for
   * which these matter fail.
   */
  static boolean isRefusal(KubernetesClientException e) {
    return isRefusalCode(e.getCode()) || isNamingFailure(e);
  }

  /** A failure of the server that names what has failed. */
  static boolean isNamingFailure(KubernetesClientException e) {
    return e.getCode() >= HttpURLConnection.HTTP_INTERNAL_ERROR
        && e.getStatus() != null
        && e.getStatus().getReason() != null
        && NAMED.matcher(message(e)).find();
  }

  private static boolean isRefusalCode(int code) {
    return switch (code) {
      case HttpURLConnection.HTTP_BAD_REQUEST,
          HttpURLConnection.HTTP_FORBIDDEN,
          HttpURLConnection.HTTP_NOT_FOUND,
          UNPROCESSABLE ->
          true;
      default -> false;
    };
  }

  static boolean isNotFound(KubernetesClientException e) {
    return e.getCode() == HttpURLConnection.HTTP_NOT_FOUND;
  }

  static boolean isConflict(KubernetesClientException e) {
    return e.getCode() == HttpURLConnection.HTTP_CONFLICT;
  }

  /** An object of that name exists. An exceeded quota is a 409 too, but may be retried. */
  static boolean isAlreadyExists(KubernetesClientException e) {
    return isConflict(e)
        && Optional.ofNullable(e.getStatus())
            .map(s -> s.getReason())
            .orElse("")
            .equals("AlreadyExists");
  }

  /** A delete found an object of that name with another UID: the one to delete is gone. */
  static boolean isOtherUid(KubernetesClientException e) {
    return isConflict(e) && message(e).contains("the UID in the precondition");
  }

  /** The continue token of a list is too old: the list must start again. */
  static boolean isExpired(KubernetesClientException e) {
    return e.getCode() == HttpURLConnection.HTTP_GONE;
  }

  /** The message of the server, without the text that the client library adds. */
  static String message(KubernetesClientException e) {
    return Optional.ofNullable(e.getStatus())
        .map(s -> s.getMessage())
        .filter(m -> !m.isBlank())
        .or(() -> Optional.ofNullable(e.getMessage()))
        .orElse("no reason given");
  }

  /**
   * Whether the error concerns this object or what applies to it, and so not requests for others.
   */
  private static boolean isAttributed(KubernetesClientException e) {
    return isRefusal(e) || isConflict(e) || e.getCode() == HttpURLConnection.HTTP_ENTITY_TOO_LARGE;
  }

  /**
   * {@link KubeForbidden} for a 403, {@link KubeRefused} for another error that the server
   * attributes to the request, otherwise {@link KubeUnavailable}.
   */
  static RuntimeException failure(String action, KubernetesClientException e) {
    String message =
        e.getCode() > 0
            ? "%s: %d: %s".formatted(action, e.getCode(), message(e))
            : "%s: no response: %s".formatted(action, root(e));
    if (e.getCode() == HttpURLConnection.HTTP_FORBIDDEN) {
      return new KubeForbidden(message, e);
    }
    return isAttributed(e) ? new KubeRefused(message, e) : new KubeUnavailable(message, e);
  }

  /** The client library wraps the original exception several times. */
  private static Throwable root(Throwable e) {
    Throwable root = e;
    for (int depth = 0; root.getCause() != null && depth < MAX_DEPTH; depth++) {
      root = root.getCause();
    }
    return root;
  }
}
