/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Phase;
import io.luigioperator.run.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collector;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The pages for users name everything that the operator shows: metrics, conditions, reasons,
 * events, health checks, verdicts. What is shown is read from the sources, where each of these is a
 * literal; what is documented and not shown fails as well, so a pattern that misses literals is
 * noticed.
 */
class DocumentationTest {
  private static final Path SOURCES = Path.of("src/main/java/io/luigioperator");
  private static final String OPERATIONS = page("operations.md");
  private static final String PIPELINES = page("pipelines.md");

  private static final Pattern METER =
      Pattern.compile(
          "([\\w.]*(?i:counter|timer|gauge)[\\w.]*)\\(\\s*(?:PREFIX \\+ )?\"([a-z][a-z.]+)\"");
  private static final Pattern DOCUMENTED_METER = Pattern.compile("luigi_operator(?:_[a-z]+)+");
  private static final Pattern PART_OF_METER = Pattern.compile("_(?:count|sum|max|bucket)$");
  private static final Pattern NAME = Pattern.compile("\"([A-Z][A-Za-z]+)\"");
  private static final Pattern CHECK = Pattern.compile("\\bcheck\\(\\s*\"([a-z]+)\"");
  private static final Pattern FIRST_CELL = Pattern.compile("^\\| (`[^|]*) \\|", Pattern.MULTILINE);
  private static final Pattern QUOTED = Pattern.compile("`([A-Z][A-Za-z]+)`");

  @Test
  void everyMetricIsDocumentedAndNoOther() {
    Set<String> shown = literals("", METER).map(DocumentationTest::prometheusName).collect(names());
    Set<String> documented =
        DOCUMENTED_METER
            .matcher(OPERATIONS)
            .results()
            .map(m -> PART_OF_METER.matcher(m.group()).replaceFirst(""))
            .collect(names());
    assertThat(documented).containsExactlyInAnyOrderElementsOf(shown);
  }

  /** Reasons, conditions and events are the CamelCase words of package run. */
  @Test
  void everyReasonConditionAndEventIsDocumentedAndNoOther() {
    Set<String> shown = literals("run", NAME).map(m -> m.group(1)).collect(names());
    shown.removeAll(Set.of("True", "False", "Unknown"));
    assertThat(shown).contains("WaitingForClient", "OOMKilled", "Finished", "AttemptFailed");
    assertThat(QUOTED.matcher(OPERATIONS).results().map(m -> m.group(1))).containsAll(shown);

    shown.addAll(Arrays.stream(Phase.values()).map(Phase::name).toList());
    String tables = section("## Conditions and reasons") + section("## Events");
    assertThat(
            FIRST_CELL
                .matcher(tables)
                .results()
                .flatMap(cell -> QUOTED.matcher(cell.group(1)).results())
                .map(m -> m.group(1)))
        .isNotEmpty()
        .isSubsetOf(shown);
  }

  @Test
  void everyPhaseIsDocumented() {
    assertThat(section("## Conditions and reasons"))
        .contains(Arrays.stream(Phase.values()).map(phase -> "`" + phase + "`").toList());
  }

  @Test
  void everyHealthCheckIsDocumentedAndNoOther() {
    Pattern row = Pattern.compile("^\\| `/(?:readyz|livez)` \\| `([a-z]+)` \\|", Pattern.MULTILINE);
    assertThat(row.matcher(OPERATIONS).results().map(m -> m.group(1)))
        .containsExactlyInAnyOrderElementsOf(literals("", CHECK).map(m -> m.group(1)).toList());
  }

  @Test
  void everyVerdictIsDocumentedWithItsExitCode() {
    Pattern row = Pattern.compile("^\\| (\\d+) \\| `(\\w+)` \\|", Pattern.MULTILINE);
    assertThat(row.matcher(PIPELINES).results().map(m -> m.group(1) + " " + m.group(2)))
        .containsExactlyElementsOf(
            Arrays.stream(Verdict.values()).map(v -> v.exitCode() + " " + v.reason()).toList());
  }

  private static String prometheusName(MatchResult meter) {
    String kind = meter.group(1).toLowerCase(Locale.ROOT);
    String name = meter.group(2).replace('.', '_');
    String suffix = kind.contains("counter") ? "_total" : kind.contains("timer") ? "_seconds" : "";
    return (name.startsWith("luigi_operator_") ? "" : "luigi_operator_") + name + suffix;
  }

  private static Stream<MatchResult> literals(String folder, Pattern pattern) {
    var found = new ArrayList<MatchResult>();
    try (Stream<Path> files = Files.walk(SOURCES.resolve(folder))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
        pattern.matcher(Files.readString(file)).results().forEach(found::add);
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return found.stream();
  }

  /** From a heading to the next one of its level. */
  private static String section(String heading) {
    List<String> parts = List.of(OPERATIONS.split("(?m)^(?=## )"));
    return parts.stream().filter(p -> p.startsWith(heading + "\n")).findFirst().orElseThrow();
  }

  private static Collector<String, ?, Set<String>> names() {
    return Collectors.toCollection(TreeSet::new);
  }

  private static String page(String name) {
    try {
      return Files.readString(Path.of("../docs").resolve(name));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
