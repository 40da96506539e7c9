/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.manifest;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Parameter;
import io.luigioperator.api.Priority;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.run.ClientEntry;
import io.luigioperator.run.ClientList;
import io.luigioperator.run.ClientSource;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the text of a ConfigMap lists, whatever it is. */
class ClientListReaderTest {

  private static final ClientSource EU = ClientSource.unknown("eu");

  private static ClientSource read(String text) {
    return ClientListReader.read(EU, Optional.of(text));
  }

  private static ClientList list(String text) {
    ClientSource source = read(text);
    assertThat(source.problem()).isEmpty();
    return source.list().orElseThrow();
  }

  private static String problem(String text) {
    return read(text).problem().orElseThrow();
  }

  private static String invalid(String text, String client) {
    return ((ClientEntry.Invalid) list(text).entries().get(client)).why();
  }

  @Test
  void anEntryMayHaveEachFieldOfAClient() {
    ClientList list =
        list(
            """
            # clients of the European market
            - id: acme
            - id: "007"
              parameters: [{name: region, value: us}, {name: "note", value: ""}]
              timeZone: America/New_York
              crons: ["30 1 * * 1-5", "@daily"]
              priority: High
              suspend: no
              startTime: "2026-01-01T00:00:00+02:00"
              endTime: 2026-12-31T00:00:00Z
            """);
    assertThat(list.entries())
        .containsExactly(
            entry("acme", new ClientEntry.Valid(client("acme"))),
            entry(
                "007",
                new ClientEntry.Valid(
                    new ScheduleClient(
                        "007",
                        List.of(new Parameter("region", "us"), new Parameter("note", "")),
                        "America/New_York",
                        List.of("30 1 * * 1-5", "@daily"),
                        Priority.High,
                        false,
                        Instant.parse("2025-12-31T22:00:00Z"),
                        Instant.parse("2026-12-31T00:00:00Z")))));
    assertThat(list.unnamed()).isEmpty();
    assertThat(list.repeated()).isEmpty();
  }

  private static ScheduleClient client(String id) {
    return new ScheduleClient(id, List.of(), null, List.of(), null, null, null, null);
  }

  /** JSON is YAML. */
  @ParameterizedTest
  @ValueSource(strings = {"[]", "---\n[]\n", "[{\"id\": \"acme\"}]", "--- \n- {id: acme}\n..."})
  void otherFormsOfAList(String text) {
    assertThat(list(text).entries().keySet()).isSubsetOf("acme");
  }

  /** The bounds are those of the schema, because no API server has checked them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "crons: ['0 2 * *']                   | crons[0]: Cron expression \"0 2 * *\" has 4 fields",
        "crons: ['0 2 30 2 *']                | crons[0]: Cron expression \"0 2 30 2 *\" never matches",
        "crons: ['* * * * *', '* * * * *']    | crons[1]: occurs twice",
        "crons: ['@daily', '@hourly', '@weekly', '@monthly', '1 1 * * *'] | crons: has 5 items; at most 4 are allowed",
        "crons: 0 2 * * *                     | crons: must be a list, not the string",
        "crons: [null]                        | crons[0]: must not be null",
        "timeZone: Europe/Berln               | timeZone: Time zone \"Europe/Berln\" is unknown",
        "timeZone: Local                      | timeZone: Time zone \"Local\" depends on the machine",
        "priority: Urgent                     | priority: \"Urgent\" is none of",
        "suspend: 'yes'                       | suspend: must be a boolean",
        "startTime: yesterday                 | startTime: \"yesterday\" is no RFC 3339 time",
        "parameters: [{name: a-b, value: x}]  | parameters[0].name: A parameter name must be a Python name",
        "parameters: [{name: a}]              | parameters[0].value: is required",
        "parameters: [{name: a, value: 1}]    | parameters[0].value: must be a string, but YAML reads 1 as a number; put it in quotes",
        "parameters: [{name: a, value: x}, {name: a, value: z}] | parameters[1]: occurs twice: a",
        "parametres: []                       | parametres: unknown field",
        "cron: []                             | cron: unknown field; did you mean crons?",
        "crons: [], crons: []                 | crons: is set twice; the first time in line 2",
        "timeZone: *zone                      | the alias *zone is not allowed; write the value itself",
        "<<: *base                            | the alias *base is not allowed",
        "startTime: \"+999999999-12-31T23:59:59+18:00\" | startTime: \"+999999999-12-31T23:59:59+18:00\" is no RFC 3339 time",
      })
  void aBadEntryIsNamedAndTheOthersCount(String field, String problem) {
    String text = "- id: acme\n- {id: globex, %s}\n- id: initech\n".formatted(field);
    assertThat(invalid(text, "globex"))
        .startsWith(
            "no run is created for client globex: entry 2 (line 2) of ConfigMap eu is invalid: "
                + problem)
        .endsWith("; correct it in the key clients.yaml");
    assertThat(list(text).entries())
        .containsEntry("acme", new ClientEntry.Valid(client("acme")))
        .containsEntry("initech", new ClientEntry.Valid(client("initech")));
    assertThat(list(text).unnamed()).isEmpty();
  }

  /** Which client it is for is not known. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{}                    | id: is required",
        "{id: }                | id: is required",
        "{id: 007}             | id: must be a string, but YAML reads 007 as a number; put it in quotes: \"007\"",
        "{id: no}              | id: must be a string, but YAML reads no as a boolean",
        "{id: a/b}             | id: The id of a client must consist of",
        "{id: ''}              | id: has 0 characters; at least 1 are required",
        "{id: a, id: b}        | id: is set twice",
        "{id: *a}              | the alias *a is not allowed",
        "acme                  | must be an object, not the string \"acme\"",
        "[acme]                | must be an object, not a list",
        "null                  | it is empty",
      })
  void anEntryWithoutAnIdIsNamedByItsPlace(String entry, String problem) {
    ClientList list = list("- id: acme\n# comment\n- %s\n- id: initech\n".formatted(entry));
    assertThat(list.unnamed())
        .singleElement()
        .asString()
        .startsWith("entry 2 (line 3) of ConfigMap eu is invalid: ")
        .contains(problem);
    assertThat(list.entries().keySet()).containsExactly("acme", "initech");
  }

  @Test
  void theFirstOfTwoEntriesOfAClientApplies() {
    ClientList list =
        list("- {id: acme, priority: High}\n- {id: globex}\n- {id: acme, crons: [x]}\n");
    assertThat(list.entries().get("acme")).isInstanceOf(ClientEntry.Valid.class);
    assertThat(list.entries()).hasSize(2);
    assertThat(list.unnamed()).isEmpty();
    assertThat(list.repeated())
        .containsExactly(
            "entry 3 (line 3) of ConfigMap eu repeats client acme of entry 1, which applies; remove"
                + " one of them");
    // also if it is the bad one, because nobody knows which one is meant
    assertThat(invalid("- {id: acme, crons: [x]}\n- {id: acme}\n", "acme")).contains("crons[0]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "                         | it is empty; write [] if there is no client",
        "# nothing                | it is empty; write [] if there is no client",
        "null                     | it must be a list of clients",
        "id: acme                 | it must be a list of clients",
        "acme                     | it must be a list of clients",
        "- id: acme\\n- [          | line 2 is not valid YAML",
        "- id: acme\\n  - x        | line 2 is not valid YAML",
        "- id: acme\\n---\\n- id: b | it has more than one document",
        "- \"\\1\"                 | it is not valid YAML",
        "- [[[[[[[[[[[1]]]]]]]]]]] | line 1 is nested deeper than 10 levels",
        "%YAML 99999999999.1\\n---\\n[] | is not valid YAML",
        "- \"\\\\UFFFFFFFF\"        | is not valid YAML",
      })
  void aTextThatCannotBeReadAsAWholeKeepsTheLastList(String text, String problem) {
    ClientSource before = read("- id: acme");
    String written = Optional.ofNullable(text).orElse("").translateEscapes();
    ClientSource after = ClientListReader.read(before, Optional.of(written));
    assertThat(after.list()).isEqualTo(before.list());
    assertThat(after.problem().orElseThrow())
        .startsWith("cannot be read: ")
        .contains(problem)
        .endsWith("; correct its key clients.yaml");
    assertThat(ClientListReader.read(after, Optional.of("- id: acme"))).isEqualTo(before);
  }

  @Test
  void aMissingKeyKeepsTheLastList() {
    ClientSource after = ClientListReader.read(read("- id: acme"), Optional.empty());
    assertThat(after.list()).isPresent();
    assertThat(after.problem()).contains("has no key clients.yaml; add it, with a list of clients");
  }

  @Test
  void tenThousandClientsAreRead() {
    String text =
        IntStream.range(0, 10_000)
            .mapToObj(
                i ->
                    """
                    - id: c%05d
                      parameters: [{name: region, value: "r%d"}]
                      timeZone: Europe/Berlin
                    """
                        .formatted(i, i % 7))
            .collect(Collectors.joining());
    assertThat(text.length()).isLessThan(1024 * 1024);
    long start = System.nanoTime();
    ClientList list = list(text);
    System.out.printf("10,000 clients read in %d ms%n", (System.nanoTime() - start) / 1_000_000);
    assertThat(list.entries()).hasSize(10_000);
    assertThat(list.entries().values()).allMatch(e -> e instanceof ClientEntry.Valid);
    assertThat(problem(text + "- id: more")).contains("it has more than 10000 entries");
  }

  static List<String> hugeTexts() {
    int most = 1024 * 1024;
    return List.of(
        "[".repeat(most),
        "{a: ".repeat(most / 4),
        "- ".repeat(most / 2),
        "- ? ".repeat(most / 4),
        "- [" + "a,".repeat(most / 2 - 10) + "a]",
        "- {id: " + "x".repeat(most - 20) + "}",
        "- id: " + "9".repeat(most - 20),
        "- {" + "a: b, ".repeat(most / 6 - 10) + "id: a}",
        "- id: a\n".repeat(most / 8),
        "- {id: a, crons: [" + "0".repeat(9_000) + "]}",
        "- a\n".repeat(9_999),
        "- &a [x]\n" + "- [*a, *a, *a, *a, *a, *a]\n".repeat(9_000),
        "#".repeat(most),
        " ".repeat(most),
        "'".repeat(most),
        "- \"" + "\\u0041".repeat(most / 6 - 10) + "\"",
        "- |\n" + "  x\n".repeat(most / 4 - 10));
  }

  /** Whatever fits into a ConfigMap is read within the memory for one entry, and soon. */
  @ParameterizedTest
  @MethodSource("hugeTexts")
  void aHugeTextGivesAListOrAProblem(String text) {
    ClientSource source = read(text);
    assertThat(source.problem().or(() -> source.list().map(l -> "a list"))).isPresent();
    source.list().ifPresent(list -> assertThat(list.weight()).isLessThan(10_000_000));
    source.problem().ifPresent(problem -> assertThat(problem).hasSizeLessThan(1_000));
  }

  @Test
  void aTextOfMoreThanAMebibyteIsRefused() {
    assertThat(problem("- id: a\n" + "#".repeat(1024 * 1024))).contains("larger than 1 MiB");
    assertThat(problem("- id: a\n#" + "\u00e4".repeat(600_000))).contains("larger than 1 MiB");
  }

  @Test
  void anyTextGivesAListOrAProblem() {
    List<String> parts =
        List.of(
            "- ",
            "id",
            ": ",
            "acme",
            "\n",
            "  ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "'",
            "\"",
            "&a ",
            "*a",
            "!!int ",
            "!!binary ",
            "!x ",
            "<<",
            "? ",
            "|",
            ">-",
            "%YAML 1.1",
            "---",
            "...",
            "#",
            "\t",
            "0x",
            "1e400",
            "-.inf",
            "2026-01-01",
            "\\u",
            "\ud83d\ude00",
            "\ud800",
            "\u0000",
            "\u2028",
            "crons",
            "parameters",
            "name",
            "value",
            "startTime",
            "@daily",
            "~");
    for (long seed = 1; seed <= 5_000; seed++) {
      Random random = new Random(seed);
      String text =
          IntStream.range(0, random.nextInt(30))
              .mapToObj(i -> parts.get(random.nextInt(parts.size())))
              .collect(Collectors.joining());
      ClientSource source = read((seed % 2 == 0 ? "- {id: acme, " : "- id: acme\n") + text);
      assertThat(source.problem().isPresent())
          .as("%d", seed)
          .isNotEqualTo(source.list().isPresent());
    }
  }
}
