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

/** Asks a URL once, for {@code helm test} and for people in an image without curl. */
public final class HttpProbe {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /**
   * @param ok the answer was 200
   * @param words the answer, or why there was none
   */
  public record Result(boolean ok, String words) {}

  private HttpProbe() {}

  /** Never throws: whatever goes wrong is the result. */
  public static Result get(String url) {
    try (HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build()) {
      HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(PATIENCE).build();
      var response = client.send(request, BodyHandlers.ofString());
      String words = "HTTP " + response.statusCode() + ": " + response.body().strip();
      return new Result(response.statusCode() == 200, words);
    } catch (IOException | IllegalArgumentException e) {
      return new Result(false, url + ": " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Result(false, url + ": interrupted");
    }
  }
}
