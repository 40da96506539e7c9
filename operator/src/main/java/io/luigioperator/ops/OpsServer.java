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
 * Health and metrics over plain HTTP: {@code /readyz}, {@code /livez}, {@code /metrics}. ApiErrors
 * nothing about clients or runs. Four threads, a short queue, and a limit on how long a caller may
 * take.
 */
public final class OpsServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OpsServer.class);
  private static final int THREADS = 4;
  private static final int WAITING_CALLERS = 32;
  private static final String CALLER_SECONDS = "10";

  /** One thing that must be in order; {@code problem} is empty when it is. */
  public record Check(String name, Supplier<Optional<String>> problem) {}

  private final HttpServer server;
  private final ThreadPoolExecutor threads;

  /**
   * Listens from now on.
   *
   * @param port 0 for any free one
   * @throws IOException when the port cannot be had
   */
  public OpsServer(int port, List<Check> ready, List<Check> live, Supplier<String> metrics)
      throws IOException {
    // the JDK's server has no other way to bound a caller that sends or reads slowly
    System.setProperty("sun.net.httpserver.maxReqTime", CALLER_SECONDS);
    System.setProperty("sun.net.httpserver.maxRspTime", CALLER_SECONDS);
    threads =
        new ThreadPoolExecutor(
            THREADS,
            THREADS,
            30,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(WAITING_CALLERS),
            Thread.ofPlatform().name("ops-", 0).daemon().factory());
    threads.allowCoreThreadTimeOut(true);
    server = HttpServer.create(new InetSocketAddress(port), WAITING_CALLERS);
    server.setExecutor(threads);
    server.createContext("/", exchange -> answer(exchange, 404, "try /readyz, /livez, /metrics\n"));
    server.createContext("/readyz", checks("/readyz", ready));
    server.createContext("/livez", checks("/livez", live));
    server.createContext("/metrics", exact("/metrics", () -> new Answer(200, metrics.get())));
    server.start();
    log.atInfo().addKeyValue("port", port()).log("health and metrics are served");
  }

  public int port() {
    return server.getAddress().getPort();
  }

  /** Finishes the answers under way, for a second at most. */
  @Override
  public void close() {
    server.stop(1);
    threads.shutdown();
  }

  private record Answer(int status, String body) {}

  private static HttpHandler checks(String path, List<Check> checks) {
    return exact(
        path,
        () -> {
          StringBuilder body = new StringBuilder();
          for (Check check : checks) {
            check
                .problem()
                .get()
                .ifPresent(p -> body.append(check.name()).append(": ").append(p).append('\n'));
          }
          return body.isEmpty() ? new Answer(200, "ok\n") : new Answer(503, body.toString());
        });
  }

  private static HttpHandler exact(String path, Supplier<Answer> answers) {
    return exchange -> {
      if (!exchange.getRequestURI().getPath().equals(path)) {
        answer(exchange, 404, "not here\n");
      } else if (!exchange.getRequestMethod().equals("GET")) {
        exchange.getResponseHeaders().set("Allow", "GET");
        answer(exchange, 405, "GET only\n");
      } else {
        Answer a = evaluated(answers);
        answer(exchange, a.status(), a.body());
      }
    };
  }

  private static Answer evaluated(Supplier<Answer> answers) {
    try {
      return answers.get();
    } catch (RuntimeException e) {
      log.atWarn().setCause(e).log("a check failed in itself");
      return new Answer(500, "internal error, see the log\n");
    }
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    try (exchange) {
      byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
      exchange.sendResponseHeaders(status, bytes.length);
      exchange.getResponseBody().write(bytes);
    }
  }
}
