/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * The arguments of the command.
 *
 * @param file its path, or - for the standard input
 * @param count ticks for each client, from 1 to {@link #MAX_COUNT}
 * @param client if only one is shown
 * @param namespace of schedules that name none
 */
record PreviewOptions(
    String file, int count, Optional<String> client, Instant from, String namespace, boolean json) {

  static final int MAX_COUNT = 1000;
  private static final int FIRST_YEAR = 1970;
  private static final int LAST_YEAR = 9000;

  static final String HELP =
      """
      usage: luigi-operator preview FILE [options]

      Checks the PipelineSchedules in FILE, and prints the next cron times of each client. Needs no cluster
      and no database. FILE may contain several YAML documents; - means the standard input.

        -n COUNT             cron times for each client, from 1 to 1000; default: 5
        --client ID          only this client
        --from TIME          start after this time, such as 2026-10-24T00:00:00Z; default: now
        --namespace NAME     namespace of schedules that name none; default: default. Together with the names
                             of schedule and client it decides the delay within jitterSeconds.
        -o text|json         format; default: text

      exit code: 0 if all schedules are valid, 1 if not or if FILE contains none, 2 if the arguments are wrong
      """;

  /** The message is for the user. */
  static final class Invalid extends Exception {
    private static final long serialVersionUID = 1L;

    Invalid(String message) {
      super(message);
    }
  }

  static PreviewOptions parse(List<String> args, Instant now) throws Invalid {
    Deque<String> rest = new ArrayDeque<>(args);
    Optional<String> file = Optional.empty();
    Optional<String> client = Optional.empty();
    int count = 5;
    Instant from = now;
    String namespace = "default";
    boolean json = false;
    while (!rest.isEmpty()) {
      String arg = rest.remove();
      int equals = arg.indexOf('=');
      if (arg.startsWith("--") && equals > 0) {
        rest.push(arg.substring(equals + 1));
        arg = arg.substring(0, equals);
      }
      switch (arg) {
        case "-n" -> count = count(value(arg, rest));
        case "--client" -> client = Optional.of(value(arg, rest));
        case "--from" -> from = time(value(arg, rest));
        case "--namespace" -> namespace = value(arg, rest);
        case "-o" -> json = isJson(value(arg, rest));
        default -> {
          if (arg.startsWith("-") && !arg.equals("-")) {
            throw new Invalid("unknown option " + arg);
          }
          if (file.isPresent()) {
            throw new Invalid("one file is expected, not %s and %s".formatted(file.get(), arg));
          }
          file = Optional.of(arg);
        }
      }
    }
    return new PreviewOptions(
        file.orElseThrow(() -> new Invalid("the name of a file is missing")),
        count,
        client,
        from,
        namespace,
        json);
  }

  private static String value(String option, Deque<String> rest) throws Invalid {
    if (rest.isEmpty() || rest.peek().isEmpty()) {
      throw new Invalid("option %s needs a value".formatted(option));
    }
    return rest.remove();
  }

  private static int count(String text) throws Invalid {
    try {
      int count = Integer.parseInt(text);
      if (count >= 1 && count <= MAX_COUNT) {
        return count;
      }
    } catch (NumberFormatException e) {
      // the message below covers it
    }
    throw new Invalid("-n must be an integer from 1 to %d, not %s".formatted(MAX_COUNT, text));
  }

  private static Instant time(String text) throws Invalid {
    OffsetDateTime time;
    try {
      time = OffsetDateTime.parse(text);
    } catch (DateTimeException e) {
      throw new Invalid(
          "--from must be a time such as 2026-10-24T00:00:00Z, not %s".formatted(text));
    }
    if (time.getYear() < FIRST_YEAR || time.getYear() > LAST_YEAR) {
      throw new Invalid(
          "--from must be of the years %d to %d, not %s".formatted(FIRST_YEAR, LAST_YEAR, text));
    }
    return time.toInstant();
  }

  private static boolean isJson(String format) throws Invalid {
    return switch (format) {
      case "json" -> true;
      case "text" -> false;
      default -> throw new Invalid("-o must be text or json, not %s".formatted(format));
    };
  }
}
