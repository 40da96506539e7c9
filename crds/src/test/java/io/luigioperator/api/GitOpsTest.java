/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What Argo CD, Flux and kstatus make of each status that the operator writes, with the health
 * checks in docs/gitops.
 */
class GitOpsTest {
  private static final Path STATUSES = Path.of("src/test/resources/statuses");

  private static final ArgoHealth ARGO = ArgoHealth.read();
  private static final FluxHealth FLUX = FluxHealth.read();

  /** File, Argo CD, Flux with the expressions, kstatus: Flux and others without them. */
  private static final String TABLE =
      """
      run-pending-schedule-not-found   Progressing  InProgress  InProgress
      run-pending-pod-not-checked      Progressing  InProgress  InProgress
      run-pending-store-unavailable    Progressing  InProgress  InProgress
      run-pending-spec-unreadable      Degraded     Failed      Failed
      run-rejected                     Degraded     Failed      Failed
      run-queued-for-capacity          Progressing  InProgress  Current
      run-queued-for-client            Progressing  InProgress  Current
      run-queued-for-time              Progressing  InProgress  Current
      run-held                         Suspended    InProgress  Current
      run-held-internal-error          Suspended    InProgress  Current
      run-held-namespace-missing       Progressing  InProgress  Current
      run-held-mass-deletion           Suspended    InProgress  Current
      run-retrying                     Progressing  InProgress  Current
      run-running                      Progressing  InProgress  Current
      run-stopping                     Progressing  InProgress  Current
      run-succeeded                    Healthy      Current     Current
      run-succeeded-before             Healthy      Current     Current
      run-failed                       Healthy      Current     Current
      run-canceled                     Healthy      Current     Current
      schedule-not-applied             Progressing  InProgress  InProgress
      schedule-without-runs            Healthy      Current     Current
      schedule-healthy                 Healthy      Current     Current
      schedule-clients-failing         Healthy      Current     Current
      schedule-clients-lagging         Healthy      Current     Current
      schedule-suspended               Suspended    Current     Current
      schedule-cron-invalid            Degraded     Failed      Failed
      schedule-time-zone-unknown       Degraded     Failed      Failed
      schedule-client-invalid          Degraded     Failed      Failed
      schedule-no-clients              Degraded     Failed      Failed
      schedule-spec-unreadable         Degraded     Failed      Failed
      schedule-other-cluster           Healthy      Current     Current
      """;

  private static Map<String, JsonNode> statuses() throws IOException {
    var statuses = new TreeMap<String, JsonNode>();
    try (Stream<Path> files = Files.list(STATUSES)) {
      for (Path file : files.toList()) {
        statuses.put(
            file.getFileName().toString().replace(".yaml", ""),
            new YAMLMapper().readTree(file.toFile()));
      }
    }
    return statuses;
  }

  @Test
  void everyStatusHasTheHealthOfTheTable() throws IOException {
    var found = new TreeSet<String>();
    statuses()
        .forEach(
            (name, object) ->
                found.add(
                    "%-32s %-12s %-11s %s"
                        .formatted(
                            name, ARGO.of(object).status(), FLUX.of(object), Kstatus.of(object))));
    assertThat(String.join("\n", found) + "\n")
        .isEqualTo(String.join("\n", new TreeSet<>(TABLE.lines().toList())) + "\n");
  }

  /** Until the operator has processed a generation, nothing may be concluded. */
  @Test
  void aGenerationThatIsNotObservedIsInProgress() throws IOException {
    for (var status : statuses().entrySet()) {
      var changed = (ObjectNode) status.getValue().deepCopy();
      changed.withObject("/metadata").put("generation", 2);
      var created = (ObjectNode) status.getValue().deepCopy();
      created.withObject("/status").removeAll().put("observedGeneration", -1);
      for (JsonNode object : List.of(changed, created)) {
        assertThat(ARGO.of(object).status()).as(status.getKey()).isEqualTo("Progressing");
        assertThat(FLUX.of(object)).as(status.getKey()).isEqualTo("InProgress");
        assertThat(Kstatus.of(object)).as(status.getKey()).isEqualTo("InProgress");
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "run-failed,               Failed (TaskFailedPermanent)",
    "run-canceled,             Canceled (Canceled)",
    "run-running,              Running (Started)",
    "run-held,                 Queued (Held)",
    "run-rejected,             Rejected (NameAlreadyUsed)",
    "schedule-clients-failing, has failed for client acme",
    "schedule-clients-lagging, not succeeded yet for client globex",
    "schedule-suspended,       spec.suspend is true",
    "schedule-cron-invalid,    client acme: correct it",
    "schedule-not-applied,     is not applied yet",
    "schedule-healthy,         runs can refer to this schedule"
  })
  void argoShowsWhy(String name, String message) throws IOException {
    assertThat(ARGO.of(statuses().get(name)).message()).contains(message);
  }

  /** An object that another program has created without a status. */
  @Test
  void anObjectWithoutStatusIsProgressingInArgo() throws IOException {
    for (String name : List.of("run-running", "schedule-healthy")) {
      var object = (ObjectNode) statuses().get(name).deepCopy();
      object.remove("status");
      assertThat(ARGO.of(object).status()).isEqualTo("Progressing");
    }
  }
}
