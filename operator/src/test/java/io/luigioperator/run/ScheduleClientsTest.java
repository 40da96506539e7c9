/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.ScheduleClient;
import io.luigioperator.manifest.ClientListReader;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Which entry counts for a client, and what is not known. */
class ScheduleClientsTest {

  private static ClientSource listing(String configMap, String text) {
    return ClientListReader.read(ClientSource.unknown(configMap), Optional.of(text));
  }

  private static ScheduleClients of(String inline, ClientSource... sources) {
    List<ScheduleClient> clients =
        Arrays.stream(inline.split(" "))
            .filter(id -> !id.isEmpty())
            .map(ScheduleFixture::client)
            .toList();
    return ScheduleClients.of(clients, List.of(sources));
  }

  private static String zone(ScheduleClients clients, String id) {
    return clients
        .find(id)
        .map(
            e ->
                switch (e) {
                  case ClientEntry.Valid(ScheduleClient c) -> String.valueOf(c.timeZone());
                  case ClientEntry.Invalid(String _) -> "invalid";
                })
        .orElse("none");
  }

  @Test
  void theSpecCountsThenTheFirstConfigMapThatListsTheClient() {
    ScheduleClients clients =
        of(
            "acme",
            listing("a", "[{id: acme, timeZone: Asia/Tokyo}, {id: b, timeZone: Asia/Dubai}]"),
            listing("b", "[{id: b, timeZone: Asia/Tokyo}, {id: c, timeZone: Asia/Seoul}]"));
    assertThat(zone(clients, "acme")).isEqualTo("null");
    assertThat(zone(clients, "b")).isEqualTo("Asia/Dubai");
    assertThat(zone(clients, "c")).isEqualTo("Asia/Seoul");
    assertThat(zone(clients, "d")).isEqualTo("none");
    assertThat(clients.all().keySet()).containsExactly("acme", "b", "c");
    clients.all().forEach((id, e) -> assertThat(clients.find(id)).contains(e));
    assertThat(clients.unknown()).isEmpty();
    assertThat(clients.missingSource()).isEmpty();
    assertThat(clients.invalidEntry()).isEmpty();
  }

  /** The one behind it has parameters that are not meant for this schedule. */
  @Test
  void anInvalidEntryIsNotReplacedByALaterOne() {
    ScheduleClients clients =
        of("", listing("a", "[{id: acme, crons: [x]}]"), listing("b", "[{id: acme}]"));
    assertThat(zone(clients, "acme")).isEqualTo("invalid");
    assertThat(clients.invalidEntries()).isEqualTo(1);
    assertThat(clients.invalidEntry().orElseThrow().reason()).isEqualTo("ClientInvalid");
    assertThat(clients.invalidEntry().orElseThrow().message())
        .contains("client acme", "entry 1 (line 1) of ConfigMap a", "crons[0]", "correct it");
    assertThat(clients.unknown()).isEmpty();
  }

  @Test
  void anInvalidEntryOfAClientThatIsListedBeforeDoesNotCount() {
    ScheduleClients clients = of("acme", listing("a", "[{id: acme, crons: [x]}]"));
    assertThat(zone(clients, "acme")).isEqualTo("null");
    assertThat(clients.invalidEntries()).isZero();
  }

  @Test
  void aRepeatedEntryIsReportedAndDoesNotCount() {
    ScheduleClients clients = of("", listing("a", "[{id: acme}, {id: acme, crons: [x]}]"));
    assertThat(zone(clients, "acme")).isEqualTo("null");
    assertThat(clients.invalidEntries()).isZero();
    assertThat(clients.unknown()).isEmpty();
    assertThat(clients.invalidEntry().orElseThrow().message()).contains("repeats client acme");
  }

  @Test
  void anEntryWithoutAnIdMayBeAnyClient() {
    ScheduleClients clients = of("", listing("a", "[{id: acme}, {id: 007}]"));
    assertThat(clients.invalidEntries()).isEqualTo(1);
    assertThat(clients.unknown().orElseThrow().reason()).isEqualTo("ClientInvalid");
    assertThat(clients.unknown().orElseThrow().message()).contains("\"007\"");
  }

  @Test
  void aMissingConfigMapKeepsItsLastList() {
    ScheduleClients clients =
        of("", listing("a", "[{id: acme, timeZone: Asia/Tokyo}]").missing(), listing("b", "[]"));
    assertThat(zone(clients, "acme")).isEqualTo("Asia/Tokyo");
    assertThat(clients.unknown()).as("all clients are known").isEmpty();
    TickSummary.Problem problem = clients.missingSource().orElseThrow();
    assertThat(problem.reason()).isEqualTo("ClientSourceMissing");
    assertThat(problem.message())
        .isEqualTo(
            "ConfigMap a does not exist in this namespace, or lacks the label"
                + " luigi-operator.io/clients: \"true\"; create it, or add the label; until then its"
                + " last list applies");
  }

  @Test
  void aConfigMapThatWasNeverReadMayListAnyClient() {
    ScheduleClients clients = of("acme", ClientSource.unknown("a"));
    assertThat(clients.all().keySet()).containsExactly("acme");
    assertThat(clients.unknown()).isEqualTo(clients.missingSource());
    assertThat(clients.unknown().orElseThrow().message())
        .endsWith(
            "until then no client is removed, and the cron times of those that only it lists wait");
  }

  private static String many(String prefix, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> "- id: %s%d\n".formatted(prefix, i))
        .collect(Collectors.joining());
  }

  @Test
  void aListThatExceedsTheTotalDoesNotCount() {
    ClientSource big = listing("a", many("a", 9_998));
    assertThat(of("x", big, listing("b", "[{id: b}]")).all()).hasSize(10_000);
    ScheduleClients clients = of("x y", big, listing("b", "[{id: b}]"), listing("c", "[]"));
    assertThat(clients.all()).hasSize(10_000);
    assertThat(zone(clients, "b")).isEqualTo("none");
    assertThat(clients.unknown().orElseThrow().reason()).isEqualTo("ClientSourceMissing");
    assertThat(clients.unknown().orElseThrow().message())
        .contains("ConfigMap b has 1 entries", "only 10000 in total", "divide the schedule");
  }

  @Test
  void theVersionOfAScheduleChangesWithItsLists() {
    ClientSource one = listing("a", "[{id: acme}]");
    List<ClientSource> different =
        List.of(
            one,
            listing("b", "[{id: acme}]"),
            listing("a", "[{id: globex}]"),
            one.missing(),
            one.unusable("cannot be read"),
            ClientSource.unknown("a"));
    assertThat(different.stream().map(ClientSource::version)).doesNotHaveDuplicates();
    assertThat(one.version()).isEqualTo(listing("a", "[{id: acme}]").version());
  }
}
