/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What an error of the API server means. One that did not answer, is overloaded or broken says
 * nothing about our objects; one that answers and refuses does.
 */
final class ApiErrors {

  static final int UNPROCESSABLE = 422;

  private static final int MAX_DEPTH = 10;

  private ApiErrors() {}

  /** Asks something that has no other answer: any error means later, or not to us. */
  static <T> T ask(String what, Supplier<T> call) {
    try {
      return call.get();
    } catch (KubernetesClientException e) {
      throw failure(what, e);
    }
  }

  /** The server looked at what we sent and will not have it. */
  static boolean isRefusal(KubernetesClientException e) {
    return switch (e.getCode()) {
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

  /** An object of that name is there. Quotas answer 409 too, and mean: try again. */
  static boolean isAlreadyExists(KubernetesClientException e) {
    return isConflict(e)
        && Optional.ofNullable(e.getStatus())
            .map(s -> s.getReason())
            .orElse("")
            .equals("AlreadyExists");
  }

  /** A delete met an object of that name, but not the one meant: that one is gone. */
  static boolean isOtherUid(KubernetesClientException e) {
    return isConflict(e) && words(e).contains("the UID in the precondition");
  }

  /** The page asked for is too old: the list must begin again. */
  static boolean isExpired(KubernetesClientException e) {
    return e.getCode() == HttpURLConnection.HTTP_GONE;
  }

  /** The server's own words, without those of the client library. */
  static String words(KubernetesClientException e) {
    return Optional.ofNullable(e.getStatus())
        .map(s -> s.getMessage())
        .filter(m -> !m.isBlank())
        .or(() -> Optional.ofNullable(e.getMessage()))
        .orElse("no reason given");
  }

  /** For whoever asked: {@link KubeForbidden} when it is not for us to ask, else: later. */
  static RuntimeException failure(String what, KubernetesClientException e) {
    String words =
        e.getCode() > 0
            ? "%s: %d: %s".formatted(what, e.getCode(), words(e))
            : "%s: no answer: %s".formatted(what, root(e));
    return e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
        ? new KubeForbidden(words, e)
        : new KubeUnavailable(words, e);
  }

  /** The client library wraps what really happened several times. */
  private static Throwable root(Throwable e) {
    Throwable root = e;
    for (int depth = 0; root.getCause() != null && depth < MAX_DEPTH; depth++) {
      root = root.getCause();
    }
    return root;
  }
}
