/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ops.OpsServer.Check;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class OpsServerTest {
  private final AtomicReference<Optional<String>> ledger = new AtomicReference<>(Optional.empty());
  private final AtomicReference<Optional<String>> sweep = new AtomicReference<>(Optional.empty());

  private OpsServer server() throws IOException {
    return new OpsServer(
        0,
        List.of(new Check("ledger", ledger::get), new Check("cache", Optional::empty)),
        List.of(new Check("sweep", sweep::get)),
        () -> "luigi_operator_leader 1\n");
  }

  private static HttpProbe.Result get(OpsServer server, String path) {
    return HttpProbe.get("http://127.0.0.1:" + server.port() + path);
  }

  @Test
  void readinessAndLivenessNameTheFailedChecks() throws IOException {
    try (OpsServer server = server()) {
      assertThat(get(server, "/readyz")).isEqualTo(new HttpProbe.Result(true, "HTTP 200: ok"));
      assertThat(get(server, "/livez").ok()).isTrue();

      ledger.set(Optional.of("MySQL does not answer"));
      assertThat(get(server, "/readyz"))
          .isEqualTo(new HttpProbe.Result(false, "HTTP 503: ledger: MySQL does not answer"));
      assertThat(get(server, "/livez").ok()).isTrue();

      sweep.set(Optional.of("last finished 200 s ago"));
      assertThat(get(server, "/livez").message()).contains("sweep: last finished 200 s ago");

      ledger.set(Optional.empty());
      assertThat(get(server, "/readyz").ok()).isTrue();
    }
  }

  @Test
  void servesMetrics() throws IOException {
    try (OpsServer server = server()) {
      assertThat(get(server, "/metrics").message()).isEqualTo("HTTP 200: luigi_operator_leader 1");
      assertThat(get(server, "/metrics/x").message()).startsWith("HTTP 404");
      assertThat(get(server, "/").message()).contains("/readyz");
    }
  }

  @Test
  void anExceptionInACheckIsAnInternalError() throws IOException {
    Check broken =
        new Check(
            "broken",
            () -> {
              throw new IllegalStateException("thrown by the test");
            });
    try (OpsServer server = new OpsServer(0, List.of(broken), List.of(), () -> "")) {
      assertThat(get(server, "/readyz").message()).startsWith("HTTP 500");
    }
  }

  @Test
  void idleConnectionsDoNotBlockOthers() throws IOException {
    try (OpsServer server = server()) {
      Socket[] idle = new Socket[10];
      try {
        for (int i = 0; i < idle.length; i++) {
          idle[i] = new Socket("127.0.0.1", server.port());
        }
        assertThat(get(server, "/livez").ok()).isTrue();
      } finally {
        for (Socket socket : idle) {
          if (socket != null) {
            socket.close();
          }
        }
      }
    }
  }

  @Test
  void aClosedServerReleasesItsPort() throws IOException {
    OpsServer server = server();
    int port = server.port();
    server.close();
    assertThat(HttpProbe.get("http://127.0.0.1:" + port + "/livez").ok()).isFalse();
    assertThat(HttpProbe.get("not a url").ok()).isFalse();
    try (ServerSocket again = new ServerSocket(port)) {
      assertThat(again.isBound()).isTrue();
    }
  }
}
