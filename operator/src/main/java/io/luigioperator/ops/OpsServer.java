/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Health and metrics over plain HTTP: {@code /readyz}, {@code /livez}, {@code /metrics}. The
 * responses contain nothing about clients or runs. Four threads, a short queue, and a limit on the
 * duration of a request.
 */
public final class OpsServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OpsServer.class);
  private static final int THREADS = 4;
  private static final int WAITING_REQUESTS = 32;
  private static final String REQUEST_SECONDS = "10";

  /**
   * @param error why the check fails; empty if it passes
   */
  public record Check(String name, Supplier<Optional<String>> error) {}

  private final HttpServer server;
  private final ThreadPoolExecutor threads;

  /**
   * Starts to listen.
   *
   * @param port 0 for any free port
   * @throws IOException if the port cannot be opened
   */
  public OpsServer(int port, List<Check> ready, List<Check> live, Supplier<String> metrics)
      throws IOException {
    // the only way to limit a slow client in the server of the JDK
    System.setProperty("sun.net.httpserver.maxReqTime", REQUEST_SECONDS);
    System.setProperty("sun.net.httpserver.maxRspTime", REQUEST_SECONDS);
    threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            30,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(WAITING_REQUESTS),
            Thread.ofPlatform().name("ops-", 0).daemon().factory());
    threads.allowCoreThreadTimeOut(true);
    server = HttpServer.create(new InetSocketAddress(port), WAITING_REQUESTS);
    server.setExecutor(threads);
    server.createContext(
        "/", exchange -> respond(exchange, 404, "try /readyz, /livez, /metrics\n"));
    server.createContext("/readyz", checks("/readyz", ready));
    server.createContext("/livez", checks("/livez", live));
    server.createContext("/metrics", exact("/metrics", () -> new Response(200, metrics.get())));
    server.start();
    log.atInfo().addKeyValue("port", port()).log("serving health and metrics");
  }

  public int port() {
    return server.getAddress().getPort();
  }

  /** Waits up to one second for requests in progress. */
  @Override
  public void close() {
    server.stop(1);
    threads.shutdown();
  }

  private record Response(int status, String body) {}

  private static HttpHandler checks(String path, List<Check> checks) {
    return exact(
        path,
        () -> {
          StringBuilder body = new StringBuilder();
          for (Check check : checks) {
            check
                .error()
                .get()
                .ifPresent(p -> body.append(check.name()).append(": ").append(p).append('\n'));
          }
          return body.isEmpty() ? new Response(200, "ok\n") : new Response(503, body.toString());
        });
  }

  private static HttpHandler exact(String path, Supplier<Response> response) {
    return exchange -> {
      if (!exchange.getRequestURI().getPath().equals(path)) {
        respond(exchange, 404, "not found\n");
      } else if (!exchange.getRequestMethod().equals("GET")) {
        exchange.getResponseHeaders().set("Allow", "GET");
        respond(exchange, 405, "GET only\n");
      } else {
        Response r = evaluated(response);
        respond(exchange, r.status(), r.body());
      }
    };
  }

  private static Response evaluated(Supplier<Response> response) {
    try {
      return response.get();
    } catch (RuntimeException e) {
      log.atWarn().setCause(e).log("health check or metrics failed with an exception");
      return new Response(500, "internal error, see the log\n");
    }
  }

  private static void respond(HttpExchange exchange, int status, String body) throws IOException {
    try (exchange) {
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }
}
