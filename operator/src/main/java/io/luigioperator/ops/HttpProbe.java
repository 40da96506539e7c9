/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/** Sends one GET request, for {@code helm test} and for people in an image without curl. */
public final class HttpProbe {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);

  /**
   * @param ok whether the status was 200
   * @param message status and body of the response, or the error
   */
  public record Result(boolean ok, String message) {}

  private HttpProbe() {}

  /** Never throws: an error is part of the result. */
  public static Result get(String url) {
    try (HttpClient client = HttpClient.newBuilder().connectTimeout(TIMEOUT).build()) {
      HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(TIMEOUT).build();
      var response = client.send(request, BodyHandlers.ofString());
      String message = "HTTP " + response.statusCode() + ": " + response.body().strip();
      return new Result(response.statusCode() == 200, message);
    } catch (IOException | IllegalArgumentException e) {
      return new Result(false, url + ": " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Result(false, url + ": interrupted");
    }
  }
}
