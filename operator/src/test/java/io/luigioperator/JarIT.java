/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.schedule.TimeZones;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands of the jar that is built, which need neither a cluster nor a database. */
class JarIT {

  private static final String EXAMPLE = "../examples/flights/schedule.yaml";

  @TempDir private Path dir;

  private record Outcome(int code, String out, String err) {}

  private Outcome java(List<String> options, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-jar", "target/luigi-operator.jar"));
    command.addAll(List.of(arguments));
    Path out = dir.resolve("out");
    Path err = dir.resolve("err");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      assertThat(process.waitFor(90, TimeUnit.SECONDS)).isTrue();
      return new Outcome(process.exitValue(), Files.readString(out), Files.readString(err));
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void previewLoadsNoOtherPartOfTheOperator() throws IOException, InterruptedException {
    Path loaded = dir.resolve("loaded");
    Outcome outcome = java(List.of("-Xlog:class+load:file=" + loaded), "preview", EXAMPLE);
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).contains("PipelineSchedule flights/nightly", "client UA");
    assertThat(Files.readString(loaded))
        .contains("io.luigioperator.preview.PreviewCommand ")
        .doesNotContain(
            "io.luigioperator.LuigiOperator ",
            "io.luigioperator.ledger.",
            "io.luigioperator.job.",
            "io.luigioperator.reconcile.",
            "io.fabric8.kubernetes.client.",
            "okhttp3.",
            "org.jdbi.",
            "com.mysql.");
  }

  @Test
  void previewOfAnInvalidScheduleFails() throws IOException, InterruptedException {
    String yaml = Files.readString(Path.of(EXAMPLE));
    Path file =
        Files.writeString(
            dir.resolve("bad.yaml"), yaml.replaceFirst("(?m)^spec:", "spec:\n  cron: x"));
    Outcome outcome = java(List.of(), "preview", file.toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err()).startsWith(file + ":").contains("spec.cron: unknown field");
  }

  @Test
  void versionNamesTheReleaseOfTheTimeZoneDatabase() throws IOException, InterruptedException {
    Outcome outcome = java(List.of(), "--version");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .startsWith("luigi-operator ")
        .endsWith(", tz database " + TimeZones.version() + System.lineSeparator());
  }
}
