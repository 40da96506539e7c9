/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.luigioperator.testing.ApiServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Schedules with as many clients and backfills as the definition allows. The limits are those of
 * Kubernetes: 256 KiB for all annotations of an object, of which a client-side apply uses one, 3
 * MiB for a request, 1.5 MiB for an object in etcd, and a budget for the CEL rules of an object.
 */
class SizeIT {

  private static final String NAMESPACE = "sizes";
  private static final int CLIENTS = 500;
  private static final int BACKFILLS = 20;

  @TempDir private static Path directory;

  @BeforeAll
  static void createNamespace() {
    ApiServer.shared().kubectl("create", "namespace", NAMESPACE);
  }

  @AfterAll
  static void deleteNamespace() {
    ApiServer.shared().kubectl("delete", "namespace", NAMESPACE, "--wait=false");
  }

  /** Each client with the longest id, all other fields, and some parameters. */
  private static ObjectNode schedule(
      String name, int parameters, int characters, int clientsOfBackfill) throws IOException {
    ObjectNode document = Documents.valid("schedule.yaml").without("status");
    document.withObject("/metadata").put("name", name).put("namespace", NAMESPACE);
    ArrayNode clients = document.withObject("/spec").putArray("clients");
    for (int i = 0; i < CLIENTS; i++) {
      ObjectNode client = clients.addObject();
      client.put("id", "c" + "0".repeat(59) + "%03d".formatted(i));
      client.put("timeZone", "America/Argentina/ComodRivadavia");
      client.put("priority", "High").put("suspend", false);
      client.put("startTime", "2026-01-01T00:00:00Z").put("endTime", "2036-01-01T00:00:00Z");
      client.putArray("crons").add("0 2 * * *").add("30 4-10/2 1,15 JAN-MAR,OCT MON-FRI");
      ArrayNode list = client.putArray("parameters");
      for (int p = 0; p < parameters; p++) {
        list.addObject().put("name", "p%02d".formatted(p)).put("value", "v".repeat(characters));
      }
    }
    ArrayNode backfills = document.withObject("/spec").putArray("backfills");
    LocalDate start = LocalDate.of(2013, 1, 1);
    for (int i = 0; i < BACKFILLS; i++) {
      ObjectNode backfill = backfills.addObject();
      backfill.put("name", "b%02d".formatted(i));
      backfill.put("start", start.plusYears(i / 4).toString());
      backfill.put("end", start.plusYears(i / 4).plusDays(364).toString());
      ArrayNode some = backfill.withArray("clients");
      IntStream.range(0, clientsOfBackfill)
          .forEach(c -> some.add(clients.get(c).get("id").asText()));
    }
    return document;
  }

  private static String apply(ObjectNode document, String way) throws IOException {
    Path file = Files.writeString(directory.resolve("schedule.yaml"), document.toString());
    return ApiServer.shared().kubectl("apply", way, "-f", file.toString());
  }

  private static double celSeconds() {
    return ApiServer.shared()
        .kubectl("get", "--raw", "/metrics")
        .lines()
        .filter(l -> l.startsWith("apiserver_cel_evaluation_duration_seconds_sum"))
        .mapToDouble(l -> Double.parseDouble(l.substring(l.lastIndexOf(' ') + 1)))
        .sum();
  }

  /** What {@code kubectl apply} stores as an annotation must fit, too. */
  @Test
  void aScheduleOfMaximumCountsCanBeAppliedFromTheClient() throws IOException {
    ObjectNode document = schedule("client-side", 1, 10, 0);
    assertThat(document.toString().length()).isBetween(150_000, 262_144);
    assertAppliedOnce("client-side", document, "--server-side=false");
    assertThatThrownBy(() -> apply(schedule("client-side", 3, 100, 0), "--server-side=false"))
        .hasMessageContaining("metadata.annotations: Too long");
  }

  /** Here only the object with its managed fields must fit. */
  @Test
  void aLargerOneCanBeAppliedByTheServer() throws IOException {
    ObjectNode document = schedule("server-side", 16, 20, 100);
    double before = celSeconds();
    String stored = assertAppliedOnce("server-side", document, "--server-side");
    assertThat(celSeconds() - before).as("seconds of CEL rules, three times").isLessThan(60);
    assertThat(stored.length()).isBetween(1_000_000, 1_572_864);
    assertThatThrownBy(() -> apply(schedule("server-side", 16, 200, 100), "--server-side"))
        .hasMessageFindingMatch("larger than max|too large");
  }

  /** The second time, the server may store the same object once more. */
  private static String assertAppliedOnce(String name, ObjectNode document, String way)
      throws IOException {
    apply(document, way);
    apply(document, way);
    String stored = stored(name);
    apply(document, way);
    assertThat(stored(name)).isEqualTo(stored).contains("\"generation\":1,");
    return stored;
  }

  /** As JSON without the spaces that kubectl adds, which is about what etcd stores. */
  private static String stored(String name) throws IOException {
    String object =
        ApiServer.shared()
            .kubectl(
                "get", "lps", name, "-n", NAMESPACE, "-o", "json", "--show-managed-fields=true");
    return new ObjectMapper().readTree(object).toString();
  }
}
