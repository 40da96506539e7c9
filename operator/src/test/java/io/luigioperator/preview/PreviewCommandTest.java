/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.luigioperator.schedule.TimeZones;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collector;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PreviewCommandTest {

  private static final Instant NOW = Instant.parse("2026-03-27T12:00:00Z");

  private static final String SCHEDULE =
      """
      apiVersion: luigi-operator.io/v1beta1
      kind: PipelineSchedule
      metadata: {name: nightly, namespace: flights}
      spec:
        pipeline:
          image: registry.example/flights:1
          task: {module: flights, family: Report}
        crons: ["30 2 * * *"]
        timeZone: Europe/Berlin
        clients:
        - id: acme
        - id: globex
          timeZone: America/New_York
      """;

  private record Outcome(int code, String out, String err) {}

  private static Outcome preview(String yaml, String... options) {
    List<String> args = Stream.concat(Stream.of("-"), Stream.of(options)).toList();
    return command(yaml, args);
  }

  private static Outcome command(String in, List<String> args) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    int code =
        PreviewCommand.run(
            args,
            new ByteArrayInputStream(in.getBytes(UTF_8)),
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8),
            NOW);
    return new Outcome(code, out.toString(UTF_8), err.toString(UTF_8));
  }

  @Test
  void showsTheNextCronTimesOfEachClient() {
    Outcome outcome = preview(SCHEDULE, "-n", "3");
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .isEqualTo(
            """
            PipelineSchedule flights/nightly, tz database %s

              client acme: Europe/Berlin
                CRON TIME (UTC)       LOCAL TIME                   BUSINESS DATE    START (UTC)           NOTE
                2026-03-28T01:30:00Z  Sat 2026-03-28 02:30 +01:00  2026-03-27       2026-03-28T01:30:00Z
                2026-03-29T01:00:00Z  Sun 2026-03-29 03:00 +02:00  2026-03-28       2026-03-29T01:00:00Z  moved from 02:30, which does not exist on 2026-03-29
                2026-03-30T00:30:00Z  Mon 2026-03-30 02:30 +02:00  2026-03-29       2026-03-30T00:30:00Z

              client globex: America/New_York
                CRON TIME (UTC)       LOCAL TIME                   BUSINESS DATE    START (UTC)           NOTE
                2026-03-28T06:30:00Z  Sat 2026-03-28 02:30 -04:00  2026-03-27       2026-03-28T06:30:00Z
                2026-03-29T06:30:00Z  Sun 2026-03-29 02:30 -04:00  2026-03-28       2026-03-29T06:30:00Z
                2026-03-30T06:30:00Z  Mon 2026-03-30 02:30 -04:00  2026-03-29       2026-03-30T06:30:00Z

            """
                .formatted(TimeZones.version()));
  }

  @Test
  void showsTheSameAsJson() throws IOException {
    String yaml = SCHEDULE.replace("timeZone: Europe", "jitterSeconds: 900\n  timeZone: Europe");
    Outcome outcome = preview(yaml, "-n=2", "-o", "json", "--client=acme");
    assertThat(outcome.err()).contains("unknown option -n=2");
    outcome = preview(yaml, "-n", "2", "-o", "json", "--client=acme");
    assertThat(outcome.code()).isZero();
    JsonNode report = new ObjectMapper().readTree(outcome.out());
    assertThat(report.path("tzdb").asText()).isEqualTo(TimeZones.version());
    assertThat(report.path("from").asText()).isEqualTo(NOW.toString());
    assertThat(report.path("schedules")).hasSize(1);
    JsonNode schedule = report.path("schedules").get(0);
    assertThat(schedule.path("namespace").asText()).isEqualTo("flights");
    assertThat(schedule.path("clients")).hasSize(1);
    JsonNode client = schedule.path("clients").get(0);
    int jitter = client.path("jitterSeconds").asInt();
    assertThat(jitter).isBetween(1, 899);
    JsonNode tick = client.path("ticks").get(1);
    assertThat(tick.path("utc").asText()).isEqualTo("2026-03-29T01:00:00Z");
    assertThat(tick.path("local").asText()).isEqualTo("2026-03-29T03:00:00+02:00");
    assertThat(tick.path("businessDate").asText()).isEqualTo("2026-03-28");
    assertThat(tick.path("start").asText())
        .isEqualTo(Instant.parse("2026-03-29T01:00:00Z").plusSeconds(jitter).toString());
    assertThat(tick.path("runs").asBoolean()).isTrue();
    assertThat(tick.path("run").asText()).isEqualTo("nightly-acme-2026-03-28");
    assertThat(tick.path("daylightSaving").asText()).isEqualTo("MovedOutOfGap");
    assertThat(report.path("errors")).isEmpty();
    assertThat(preview(yaml).out()).contains("client acme: Europe/Berlin, starts " + jitter + " s");
  }

  @Test
  void theDelayDependsOnTheNamespace() {
    String yaml =
        SCHEDULE
            .replace(", namespace: flights", "")
            .replace("timeZone: Europe", "jitterSeconds: 86400\n  timeZone: Europe");
    String flights = preview(yaml, "--namespace", "flights").out();
    assertThat(flights).contains("flights/nightly");
    assertThat(preview(yaml).out()).contains("default/nightly");
    assertThat(flights.lines().filter(l -> l.contains("starts")))
        .doesNotContainAnyElementsOf(
            preview(yaml).out().lines().filter(l -> l.contains("starts")).toList());
  }

  @Test
  void saysWhichCronTimesCreateNoRun() {
    String strict = SCHEDULE.replace("timeZone: Europe", "dstPolicy: Strict\n  timeZone: Europe");
    assertThat(preview(strict, "--client", "acme").out())
        .contains("-                     no run: 02:30 does not exist on 2026-03-29");
    String suspended = SCHEDULE.replace("- id: acme", "- {id: acme, suspend: true}");
    assertThat(preview(suspended, "--client", "acme").out())
        .contains("suspended: these cron times create no runs");
    String often = SCHEDULE.replace("30 2 * * *", "*/5 * * * *");
    assertThat(preview(often, "--client", "globex").out())
        .contains(
            "2026-03-28T04:00:00Z  Sat 2026-03-28 00:00 -04:00  2026-03-27       2026-03-28T04:00:00Z"
                + "  287 more cron times of this business date start no run");
    String ended = SCHEDULE.replace("- id: acme", "- {id: acme, endTime: 2026-03-01T00:00:00Z}");
    assertThat(preview(ended).out())
        .contains("acme: Europe/Berlin, no cron time before its endTime");
    String onDemand = SCHEDULE.replace("crons: [\"30 2 * * *\"]", "crons: []");
    assertThat(preview(onDemand).out()).contains("no crons: the schedule creates no runs");
  }

  @Test
  void startsAtTheGivenTime() {
    assertThat(preview(SCHEDULE, "--client", "acme", "--from", "2026-10-24T12:00:00+02:00").out())
        .contains("2026-10-25T00:30:00Z  Sun 2026-10-25 02:30 +02:00  2026-10-24")
        .contains("02:30 occurs twice on 2026-10-25; this is the first time");
  }

  @Test
  void readsSeveralDocumentsAndNamesOtherKinds(@TempDir Path dir) throws IOException {
    Path file =
        Files.writeString(
            dir.resolve("a file.yaml"),
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: other}
            ---
            # nothing here
            ---
            """
                + SCHEDULE
                + "---\n"
                + SCHEDULE.replace("nightly", "second").replace("- id: acme", "- id: acme2")
                + "---\napiVersion: v1\nkind: List\nitems:\n- "
                + SCHEDULE.replace("nightly", "third").strip().replace("\n", "\n  ")
                + "\n");
    Outcome outcome = command("", List.of(file.toString()));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("flights/nightly", "flights/second", "client acme2", "flights/third")
        .endsWith("Skipped: ConfigMap other in line 1\n");
  }

  /** Each line changes a text of the schedule; the error is expected in this line of the file. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          crons: ["30 2 * * *"] | crons: ["30 25 * * *"] | 8 | spec.crons[0]: Cron expression "30 25 * * *": in the hour field "25", 25 is not between 0 and 23.
          crons: ["30 2 * * *"] | crons: ["a 2 * * *", "@yearly"] | 8 | spec.crons[1]: Cron expression "@yearly" is not supported; write 0 0 1 1 *.
          crons: ["30 2 * * *"] | crons: 30 2 * * * | 8 | spec.crons: must be a list, not the string "30 2 * * *"
          crons: ["30 2 * * *"] | crons: ["0 1 * * *", "0 1 * * *"] | 8 | spec.crons[1]: occurs twice: 0 1 * * *
          timeZone: Europe/Berlin | timeZone: Europe/Berln | 9 | spec.timeZone: Time zone "Europe/Berln" is unknown
          timeZone: America/New_York | timeZone: Local | 13 | spec.clients[1].timeZone: Time zone "Local" depends on the machine
          timeZone: Europe/Berlin | timezone: Europe/Berlin | 9 | spec.timezone: unknown field; did you mean timeZone?
          timeZone: Europe/Berlin | jitterSeconds: "10" | 9 | spec.jitterSeconds: must be an integer, not the string "10"
          timeZone: Europe/Berlin | jitterSeconds: 86401 | 9 | spec.jitterSeconds: 86401 is more than 86400
          timeZone: Europe/Berlin | dstPolicy: strict | 9 | spec.dstPolicy: "strict" is none of
          timeZone: Europe/Berlin | timeZone: {} | 9 | spec.timeZone: must be a string, not an object
          timeZone: Europe/Berlin | timeZone: [ | 11 | not valid YAML
          timeZone: Europe/Berlin | crons: [] | 9 | spec.crons is set twice; the first time in line 8
          timeZone: Europe/Berlin | businessDate: {unit: Day, offset: 1001} | 9 | spec.businessDate.offset: 1001 is more than 1000
          - id: globex | - id: acme | 12 | spec.clients[1]: occurs twice: acme
          - id: globex | - id: no | 12 | spec.clients[1].id: must be a string, but YAML reads no as a boolean; put it in quotes: "no"
          - id: globex | - id: 007 | 12 | spec.clients[1].id: must be a string, but YAML reads 007 as a number; put it in quotes: "007"
          - id: globex | - id: a/b | 12 | spec.clients[1].id: The id of a client must consist of letters
          - id: globex | - null | 12 | spec.clients[1]: must not be null
          - id: globex | - acme | 12 | spec.clients[1]: must be an object, not the string "acme"
          crons: ["30 2 * * *"] | crons: [null] | 8 | spec.crons[0]: must not be null
          crons: ["30 2 * * *"] | crons: {a: b} | 8 | spec.crons: must be a list, not an object
          - id: globex | - suspend: true | 12 | spec.clients[1].id: is required
          - id: globex | - {id: x, startTime: tomorrow} | 12 | spec.clients[1].startTime: "tomorrow" is no RFC 3339 time
          - id: globex | - {id: x, parameters: [{name: a, value: b}]} | 12 | spec.clients[1]: PipelineSchedule nightly sets parameter a of client x
          image: registry.example/flights:1 | image: a b | 6 | spec.pipeline.image:
          image: registry.example/flights:1 | foo: bar | 6 | spec.pipeline.foo: unknown field
          name: nightly | name: Nightly_1 | 3 | metadata.name: metadata.name must have at most 40 characters
          luigi-operator.io/v1beta1 | luigi-operator.io/v2 | 1 | apiVersion: luigi-operator.io/v2 is not known
          kind: PipelineSchedule | kind: PipelineRun | 1 | no PipelineSchedule in this file
          kind: PipelineSchedule | metadata2: {} | 1 | kind: is required
          """)
  void namesTheLineOfAnError(String text, String instead, int line, String message) {
    Outcome outcome =
        preview(
            SCHEDULE
                .replace(text, instead)
                // a client in one line, which needs no further field
                .replaceFirst("(?m)^(  - (?:\\{.*}|null|acme))\n    timeZone: .*$", "$1"));
    assertThat(outcome.err()).contains("stdin:" + line + ": " + message);
    assertThat(outcome.code()).isEqualTo(1);
  }

  /** As many items, entries or characters as allowed, and one more or less. */
  @Test
  void namesWhatIsTooLongOrTooShort() {
    String crons = IntStream.range(0, 8).mapToObj("%d 2 * * *"::formatted).collect(quoted());
    assertThat(spec("crons: [\"30 2 * * *\"]", "crons: [" + crons + "]").err()).isEmpty();
    assertThat(spec("crons: [\"30 2 * * *\"]", "crons: [" + crons + ", 9 2 * * *]").err())
        .isEqualTo("stdin:8: spec.crons: has 9 items; at most 8 are allowed\n");
    assertThat(spec("- id: acme", "- id: " + "a".repeat(63)).err()).isEmpty();
    assertThat(spec("- id: acme", "- id: " + "a".repeat(64)).err())
        .isEqualTo("stdin:11: spec.clients[0].id: has 64 characters; at most 63 are allowed\n");
    assertThat(spec("family: Report", "family: \"\"").err())
        .startsWith(
            "stdin:7: spec.pipeline.task.family: has 0 characters; at least 1 are required\n");
    String limits = IntStream.range(0, 17).mapToObj("a%d: 1"::formatted).collect(joining(", "));
    assertThat(spec("image:", "resources: {limits: {" + limits + "}}\n    image:").err())
        .isEqualTo(
            "stdin:6: spec.pipeline.resources.limits: has 17 entries; at most 16 are allowed\n");
  }

  private static Outcome spec(String text, String instead) {
    return preview(SCHEDULE.replace(text, instead));
  }

  private static Collector<CharSequence, ?, String> quoted() {
    return joining("\", \"", "\"", "\"");
  }

  @Test
  void showsValidSchedulesAndAllErrors() throws IOException {
    String bad =
        SCHEDULE
            .replace("30 2 * * *", "30 25 * * *")
            .replace("Europe/Berlin", "Europe/Nowhere")
            .replace("nightly", "bad");
    Outcome outcome = preview(bad + "---\n" + SCHEDULE, "-o", "json");
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err().lines())
        .hasSize(2)
        .satisfiesExactly(
            first -> assertThat(first).startsWith("stdin:8: spec.crons[0]: "),
            second -> assertThat(second).startsWith("stdin:9: spec.timeZone: "));
    JsonNode report = new ObjectMapper().readTree(outcome.out());
    assertThat(report.path("schedules")).hasSize(1);
    assertThat(report.path("errors")).hasSize(2);
    assertThat(report.path("errors").get(0).path("line").asInt()).isEqualTo(8);
  }

  @Test
  void refusesScheduleWithoutTheClientThatIsAskedFor() {
    Outcome outcome = preview(SCHEDULE, "--client", "initech");
    assertThat(outcome.err())
        .isEqualTo("stdin:10: spec.clients: the schedule does not list client initech\n");
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void refusesClientsThatAreNoList() {
    String yaml = SCHEDULE.substring(0, SCHEDULE.indexOf("  clients:")) + "  clients: {id: acme}\n";
    assertThat(preview(yaml).err())
        .isEqualTo("stdin:10: spec.clients: must be a list, not an object\n");
  }

  @Test
  void refusesAScheduleThatIsInTheFileTwice() {
    Outcome outcome = preview(SCHEDULE + "---\n" + SCHEDULE);
    assertThat(outcome.err())
        .isEqualTo("stdin:17: metadata.name: PipelineSchedule flights/nightly is also in line 1\n");
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void namesTheLineOfACharacterThatYamlForbids() {
    assertThat(preview(SCHEDULE.replace("acme", "ac\u0001me")).err())
        .isEqualTo("stdin:11: not valid YAML: the character U+0001\n");
  }

  @Test
  void refusesScheduleWithoutClients() {
    Outcome outcome = preview(SCHEDULE.substring(0, SCHEDULE.indexOf("  clients:")));
    assertThat(outcome.err()).startsWith("stdin:4: spec.clients: the schedule lists no clients");
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void readsAliasesAndMergeKeys() {
    String yaml =
        SCHEDULE
            .replace("- id: acme", "- &base {id: acme, timeZone: Asia/Tokyo}")
            .replace("- id: globex", "- <<: *base\n    id: globex")
            .replace("timeZone: America/New_York", "priority: High");
    assertThat(preview(yaml).out()).contains("client globex: Asia/Tokyo");
  }

  @Test
  void refusesAFileThatExpandsWithoutBound() {
    StringBuilder bomb = new StringBuilder("a0: &a0 [x]\n");
    for (int i = 1; i < 12; i++) {
      bomb.append("a%d: &a%d [%s]\n".formatted(i, i, ("*a" + (i - 1) + ",").repeat(9)));
    }
    assertThat(preview(bomb.toString()).err()).contains("more than 1000000 values");
    assertThat(preview("a: &a [*a]\n").err()).contains("nested deeper than");
  }

  @Test
  void refusesWrongArguments() {
    assertThat(wrong("-n", "0", "f")).contains("-n must be an integer from 1 to 1000, not 0");
    assertThat(wrong("f", "-n")).contains("option -n needs a value");
    assertThat(wrong("f", "g")).contains("one file is expected, not f and g");
    assertThat(wrong()).contains("the name of a file is missing");
    assertThat(wrong("--from", "noon", "f")).contains("--from must be a time such as");
    assertThat(wrong("--from", "9999-01-01T00:00:00Z", "f")).contains("years 1970 to 9000");
    assertThat(wrong("-o", "xml", "f")).contains("-o must be text or json, not xml");
    assertThat(wrong("--clients", "f")).contains("unknown option --clients");
  }

  private static String wrong(String... args) {
    Outcome outcome = command("", List.of(args));
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
    return outcome.err();
  }

  @Test
  void namesAFileThatCannotBeRead(@TempDir Path dir) {
    Outcome missing = command("", List.of(dir.resolve("no.yaml").toString()));
    assertThat(missing.err()).contains("no.yaml does not exist");
    assertThat(missing.code()).isEqualTo(1);
    Outcome folder = command("", List.of(dir.toString()));
    assertThat(folder.err()).contains("cannot read " + dir);
    assertThat(folder.code()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"../docs/schedules.md", "../README.md"})
  void documentedSchedulesAreValid(Path page) throws IOException {
    List<String> schedules =
        Pattern.compile("^```yaml\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL)
            .matcher(Files.readString(page))
            .results()
            .map(block -> block.group(1))
            .filter(yaml -> yaml.contains("kind: PipelineSchedule"))
            .toList();
    assertThat(schedules).isNotEmpty();
    for (String yaml : schedules) {
      assertThat(preview(yaml).err()).isEmpty();
    }
  }

  @Test
  void theExampleIsValid() {
    Outcome outcome = command("", List.of("../examples/flights/schedule.yaml"));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
  }

  @Test
  void explainsItself() {
    Outcome outcome = command("", List.of("--help"));
    assertThat(outcome.out()).startsWith("usage: luigi-operator preview FILE");
    assertThat(outcome.code()).isZero();
  }
}
