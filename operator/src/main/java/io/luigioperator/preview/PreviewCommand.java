/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.luigioperator.preview.Report.Client;
import io.luigioperator.preview.Report.Schedule;
import io.luigioperator.preview.Report.Skipped;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code luigi-operator preview FILE}. Errors of the file are written to the error output as {@code
 * FILE:LINE: field: message}; schedules without an error are shown in any case.
 */
public final class PreviewCommand {

  private static final int OK = 0;
  private static final int FAILED = 1;
  private static final int USAGE_ERROR = 2;

  private final PreviewOptions options;
  private final Problems problems = new Problems();
  private final List<Schedule> schedules = new ArrayList<>();
  private final List<Skipped> skipped = new ArrayList<>();
  private final Map<ScheduleKey, Integer> lines = new HashMap<>();

  private PreviewCommand(PreviewOptions options) {
    this.options = options;
  }

  /**
   * @param args without the name of the command
   * @param in is read if the file is -
   * @param now the time to start from, unless an option sets another
   * @return the exit code: 0 if the file has no error, 1 if it has, 2 if the arguments are wrong
   */
  public static int run(
      List<String> args, InputStream in, PrintStream out, PrintStream err, Instant now) {
    if (args.contains("--help") || args.contains("-h")) {
      out.print(PreviewOptions.HELP);
      return OK;
    }
    PreviewOptions options;
    try {
      options = PreviewOptions.parse(args, now);
    } catch (PreviewOptions.Invalid e) {
      err.println("preview: " + e.getMessage());
      err.println("The option --help shows the usage.");
      return USAGE_ERROR;
    }
    try {
      return new PreviewCommand(options).run(read(options.file(), in), out, err);
    } catch (NoSuchFileException e) {
      err.println("preview: %s does not exist".formatted(options.file()));
    } catch (InvalidPathException | IOException e) {
      err.println("preview: cannot read %s: %s".formatted(options.file(), e.getMessage()));
    }
    return FAILED;
  }

  private static String read(String file, InputStream in) throws IOException {
    byte[] bytes = file.equals("-") ? in.readAllBytes() : Files.readAllBytes(Path.of(file));
    return new String(bytes, UTF_8);
  }

  private int run(String text, PrintStream out, PrintStream err) {
    ScheduleReader reader = new ScheduleReader(options.namespace(), problems);
    boolean found = false;
    for (YamlDocument document : YamlReader.read(text, problems)) {
      if (isSchedule(document)) {
        found = true;
        reader.read(document).ifPresent(schedule -> add(document, schedule));
      }
    }
    if (!found && problems.size() == 0) {
      problems.add(1, "no PipelineSchedule in this file");
    }
    Report report = Report.of(options.from(), schedules, skipped, problems.all());
    if (options.json()) {
      PreviewJson.write(report, out);
    } else {
      PreviewText.write(report, out);
    }
    String file = options.file().equals("-") ? "stdin" : options.file();
    report.errors().forEach(e -> err.println(file + ":" + e.text()));
    return report.errors().isEmpty() ? OK : FAILED;
  }

  /** Objects of other kinds are skipped; an object of our kind in another version is an error. */
  private boolean isSchedule(YamlDocument document) {
    String version = document.content().path("apiVersion").asText();
    String kind = document.kind();
    if (kind.isEmpty() || version.isEmpty()) {
      problems.add(
          document, kind.isEmpty() ? "kind" : "apiVersion", "is required of a Kubernetes object");
      return false;
    }
    String group = ScheduleReader.API_VERSION.substring(0, ScheduleReader.API_VERSION.indexOf('/'));
    if (!kind.equals(ScheduleReader.KIND) || !version.startsWith(group + "/")) {
      skipped.add(new Skipped(document.line(), kind, document.name()));
      return false;
    }
    if (!version.equals(ScheduleReader.API_VERSION)) {
      problems.add(
          document,
          "apiVersion",
          "%s is not known to this version of the operator; use %s"
              .formatted(version, ScheduleReader.API_VERSION));
      return false;
    }
    return true;
  }

  private void add(YamlDocument document, ScheduleObject schedule) {
    Integer first = lines.putIfAbsent(schedule.key(), document.line());
    if (first != null) {
      problems.add(
          document,
          "metadata.name",
          "PipelineSchedule %s is also in line %d".formatted(schedule.key(), first));
    }
    List<Client> clients =
        schedule.spec().clients().stream()
            .filter(c -> options.client().isEmpty() || c.id().equals(options.client().get()))
            .map(c -> Client.of(schedule, c, options.from(), options.count()))
            .toList();
    Optional<String> wanted = options.client().filter(c -> clients.isEmpty());
    if (wanted.isPresent()) {
      problems.add(document, "spec.clients", "the schedule does not list client " + wanted.get());
    } else {
      schedules.add(new Schedule(document.line(), schedule.namespace(), schedule.name(), clients));
    }
  }
}
