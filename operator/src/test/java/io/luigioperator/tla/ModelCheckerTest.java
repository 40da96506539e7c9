/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.tla;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tlc2.TLC;

/**
 * Checks the TLA+ model of the launch protocol: TLC explores every state of each configuration in
 * {@code src/test/tla}. Each configuration names in a comment what must come out. TLC keeps its
 * state in static fields, so every configuration has a JVM of its own; one runs on each core.
 */
class ModelCheckerTest {
  private static final Path MODEL = Path.of("src/test/tla");

  /** With {@code -Dtla.large=true} the configurations with millions of states are checked too. */
  private static final boolean LARGE = Boolean.getBoolean("tla.large");

  private static final String NO_ERROR = "no error";
  private static final String NO_FAULT = "none";

  // exit codes of TLC
  private static final int SUCCESS = 0;
  private static final int SAFETY_VIOLATED = 12;
  private static final int LIVENESS_VIOLATED = 13;

  private static final Pattern INVARIANT_VIOLATED =
      Pattern.compile("(?m)^Error: Invariant (\\w+) is violated\\.");
  private static final Pattern STATES =
      Pattern.compile("(?m)^\\d+ states generated, (\\d+) distinct states found, 0 states");
  private static final Pattern ACTION = Pattern.compile("(?m)^<(\\w+) line [^>]*>: \\d+:(\\d+)$");
  private static final Pattern FAULT = Pattern.compile("Fault\\s*(?:=|#)\\s*\"(\\w+)\"");

  private static final Map<Configuration, Future<Result>> results = new HashMap<>();

  @TempDir static Path scratch;

  private static ExecutorService checkers;

  /**
   * One configuration of TLC.
   *
   * @param expected {@value #NO_ERROR}, or the property that must be violated
   */
  record Configuration(Path file, String module, String expected) {

    static Configuration read(Path file) {
      String text = text(file);
      return new Configuration(file, comment(text, "Module"), comment(text, "Expected"));
    }

    private static String comment(String text, String name) {
      return only(Pattern.compile("(?m)^\\\\\\* " + name + ": (.+)$"), text);
    }

    /** The temporal property; a configuration whose violation TLC does not name has only one. */
    String property() {
      return only(Pattern.compile("(?m)^PROPERTY (\\w+)$"), text(file));
    }

    boolean mustPass() {
      return expected.equals(NO_ERROR);
    }

    boolean isLarge() {
      return file.getParent().endsWith("large");
    }

    @Override
    public String toString() {
      return MODEL.relativize(file).toString();
    }
  }

  /** How TLC ended, and what it printed. */
  record Result(int exitCode, String output) {

    String violated(Configuration c) {
      return switch (exitCode) {
        case SUCCESS -> NO_ERROR;
        case SAFETY_VIOLATED -> only(INVARIANT_VIOLATED, output);
        case LIVENESS_VIOLATED -> c.property();
        default -> "nothing: TLC failed";
      };
    }

    /** How many states each action of the module has generated. */
    Map<String, Long> actions() {
      return ACTION
          .matcher(output)
          .results()
          .collect(Collectors.toMap(m -> m.group(1), m -> Long.parseLong(m.group(2)), Long::sum));
    }
  }

  @BeforeAll
  static void startAll() throws IOException {
    checkers = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    for (Configuration c : configurations()) {
      results.put(c, checkers.submit(() -> run(c)));
    }
  }

  @AfterAll
  static void stop() {
    checkers.shutdownNow(); // interrupts the wait for a JVM, which is then killed
    checkers.close();
  }

  static List<Configuration> configurations() throws IOException {
    List<Configuration> all = new ArrayList<>(in(MODEL));
    if (LARGE) {
      all.addAll(in(MODEL.resolve("large")));
    }
    return all;
  }

  private static List<Configuration> in(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(f -> f.toString().endsWith(".cfg"))
          .sorted()
          .map(Configuration::read)
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void endsAsExpected(Configuration c) throws Exception {
    Result result = results.get(c).get();

    assertThat(result.violated(c)).describedAs(result.output()).isEqualTo(c.expected());
    if (c.mustPass()) {
      System.out.printf("%s: %s distinct states%n", c, only(STATES, result.output()));
    }
  }

  /** A step that never happens proves nothing about itself. */
  @Test
  void everyActionOccurs() throws Exception {
    Map<String, Long> occurred = new TreeMap<>();
    for (Configuration c : configurations()) {
      if (c.mustPass()) {
        results
            .get(c)
            .get()
            .actions()
            .forEach((a, n) -> occurred.merge(c.module() + "." + a, n, Long::sum));
      }
    }

    assertThat(occurred)
        .containsKeys("GateMutex.Claim", "RowLocks.Commit", "Clusters.Retire", "Restored.Accept");
    assertThat(occurred).allSatisfy((action, count) -> assertThat(count).isPositive());
  }

  /**
   * An invariant is worth what it has caught. A configuration without such an error may also fail:
   * it shows what the protocol does not promise.
   */
  @Test
  void everyFaultIsCaught() throws IOException {
    Set<String> faults = new TreeSet<>();
    Set<String> caught = new TreeSet<>();
    for (Configuration c : in(MODEL)) {
      String module = text(MODEL.resolve(c.module() + ".tla"));
      FAULT.matcher(module).results().map(m -> c.module() + " " + m.group(1)).forEach(faults::add);
      String fault = only(FAULT, text(c.file()));
      if (!c.mustPass() && !fault.equals(NO_FAULT)) {
        caught.add(c.module() + " " + fault);
      }
    }

    assertThat(faults).isNotEmpty();
    assertThat(caught).isEqualTo(faults);
  }

  private static Result run(Configuration c) throws Exception {
    Path folder = Files.createTempDirectory(scratch, "tlc");
    Path output = folder.resolve("output");
    Process tlc =
        new ProcessBuilder(command(c, folder))
            .directory(MODEL.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    Duration limit = c.isLarge() ? Duration.ofHours(12) : Duration.ofMinutes(30);
    try {
      assertThat(tlc.waitFor(limit.toSeconds(), TimeUnit.SECONDS))
          .describedAs("%s ends within %s", c, limit)
          .isTrue();
    } finally {
      tlc.destroyForcibly();
    }
    return new Result(tlc.exitValue(), Files.readString(output));
  }

  private static List<String> command(Configuration c, Path folder) throws URISyntaxException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:+UseSerialGC");
    if (!c.isLarge()) {
      command.add("-XX:TieredStopAtLevel=1"); // most of a short run would be compilation
    }
    command.addAll(
        List.of(
            "-Xmx2g",
            "-Djava.io.tmpdir=" + folder,
            "-cp",
            Path.of(TLC.class.getProtectionDomain().getCodeSource().getLocation().toURI())
                .toString(),
            TLC.class.getName(),
            "-workers",
            "1",
            "-coverage", // per action, printed once an hour and at the end
            "60",
            "-metadir",
            folder.resolve("states").toString(),
            "-config",
            MODEL.relativize(c.file()).toString(),
            c.module() + ".tla"));
    return command;
  }

  private static String only(Pattern pattern, String text) {
    List<String> found = pattern.matcher(text).results().map(m -> m.group(1)).distinct().toList();
    assertThat(found).describedAs("%s in %s", pattern, text).hasSize(1);
    return found.getFirst();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
