/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.testing.Command;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The pages name what exists: relative links in every page of the repository, and in the README and
 * the pages of docs/ also the names of classes, fields, reasons, columns and files. A page may name
 * the files of its own examples.
 */
class DocumentationTest {
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.+)$");
  private static final Pattern FENCED = Pattern.compile("(?ms)^```.*?^```");
  private static final Pattern INLINE_CODE = Pattern.compile("`([^`\\n]+)`");
  private static final Pattern PATH = Pattern.compile("\\.?[\\w-]+(/[\\w.-]+)+|[\\w-]+\\.[a-z]+");
  private static final Pattern WORD = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  /** A name that only a comment remembers is out of date. */
  private static final Pattern COMMENT =
      Pattern.compile("(?s)/\\*.*?\\*/|(?-s)(?m)//.*$|^\\s*(#|--).*$");

  /** Capitals or an underscore after the first letter; other words may be plain English. */
  private static final Pattern NAME = Pattern.compile("[A-Z]\\w+|\\w+[A-Z_]\\w*");

  /** The form in which Prometheus shows the dotted names of the source. */
  private static final String METRIC = "luigi_operator_";

  /**
   * Settings of MySQL, fields of the log lines that logback writes, and what CronJob, Airflow and
   * Jenkins call it.
   */
  private static final Set<String> OF_OTHERS =
      Set.of(
          "innodb_flush_log_at_trx_commit",
          "max_connections",
          "caching_sha2_password",
          "mysql_native_password",
          "kvpList",
          "loggerName",
          "threadName",
          "startingDeadlineSeconds",
          "concurrencyPolicy",
          "Forbid",
          "successfulJobsHistoryLimit",
          "failedJobsHistoryLimit",
          "jobTemplate",
          "start_date",
          "end_date",
          "max_active_runs",
          "disableConcurrentBuilds");

  private static Set<String> tracked;
  private static Set<String> wordsOfSources;

  @BeforeAll
  static void read() throws IOException {
    var command =
        List.of("git", "-C", Repository.path("").toString(), "-c", "safe.directory=*", "ls-files");
    tracked =
        Command.run(command)
            .orFail()
            .lines()
            .filter(name -> Files.exists(Repository.path(name)))
            .collect(Collectors.toCollection(TreeSet::new));
    wordsOfSources = new HashSet<>();
    for (String name : tracked) {
      if (!name.endsWith(".md")) {
        String code = COMMENT.matcher(text(name)).replaceAll("");
        matches(WORD, code).forEach(word -> wordsOfSources.add(word.group()));
      }
    }
  }

  @Test
  void everyRelativeLinkLeadsSomewhere() throws IOException {
    var broken = new TreeSet<String>();
    int links = 0;
    for (String page : pages("")) {
      for (MatchResult link : matches(LINK, text(page)).toList()) {
        if (!link.group(1).contains("://")) {
          links++;
          if (!leadsSomewhere(page, link.group(1))) {
            broken.add(page + ": " + link.group(1));
          }
        }
      }
    }
    assertThat(links).isGreaterThan(20);
    assertThat(broken).isEmpty();
  }

  @Test
  void everyNameExists() throws IOException {
    var unknown = new TreeSet<String>();
    var ofOthers = new TreeSet<String>();
    int names = 0;
    for (String page : Stream.concat(Stream.of("README.md"), pages("docs/").stream()).toList()) {
      String prose = FENCED.matcher(text(page)).replaceAll("");
      String examples =
          matches(FENCED, text(page)).map(MatchResult::group).collect(Collectors.joining());
      for (MatchResult code : matches(INLINE_CODE, prose).toList()) {
        for (MatchResult path : matches(PATH, code.group(1)).toList()) {
          boolean known = exists(path.group()) || examples.contains(path.group());
          if (isPathOfRepository(path.group()) && !known) {
            unknown.add(page + ": " + path.group());
          }
        }
        for (MatchResult word : matches(WORD, code.group(1)).toList()) {
          if (NAME.matcher(word.group()).matches() && !word.group().startsWith(METRIC)) {
            names++;
            if (OF_OTHERS.contains(word.group())) {
              ofOthers.add(word.group());
            } else if (!isKnown(word.group())) {
              unknown.add(page + ": " + word.group());
            }
          }
        }
      }
    }
    assertThat(names).isGreaterThan(200);
    assertThat(unknown).isEmpty();
    assertThat(ofOthers).containsExactlyInAnyOrderElementsOf(OF_OTHERS);
  }

  /** Labels of metrics are constants of the source in lower case. */
  private static boolean isKnown(String name) {
    return wordsOfSources.contains(name) || wordsOfSources.contains(name.toUpperCase(Locale.ROOT));
  }

  private static boolean leadsSomewhere(String page, String link) throws IOException {
    String[] parts = link.split("#", 2);
    String target =
        parts[0].isEmpty()
            ? page
            : Path.of("/")
                .resolve(page)
                .resolveSibling(parts[0])
                .normalize()
                .toString()
                .substring(1);
    return exists(target)
        && (parts.length == 1
            || matches(HEADING, text(target)).anyMatch(h -> anchor(h.group(1)).equals(parts[1])));
  }

  /** As GitHub makes it. */
  private static String anchor(String heading) {
    return heading.toLowerCase(Locale.ROOT).replaceAll("[^\\w\\- ]", "").strip().replace(' ', '-');
  }

  /** A path that begins with a folder of the repository, or a file name with a known ending. */
  private static boolean isPathOfRepository(String path) {
    return path.contains("/")
        ? exists(path.substring(0, path.indexOf('/')))
        : path.matches(".*\\.(java|py|md|sql|yaml|txt|xml|sh)");
  }

  private static boolean exists(String path) {
    String folder = path.replaceAll("/$", "") + "/";
    return tracked.contains(path)
        || tracked.stream().anyMatch(t -> t.startsWith(folder) || t.endsWith("/" + path));
  }

  private static List<String> pages(String folder) {
    return tracked.stream().filter(t -> t.startsWith(folder) && t.endsWith(".md")).toList();
  }

  private static Stream<MatchResult> matches(Pattern pattern, String text) {
    return pattern.matcher(text).results();
  }

  private static String text(String name) throws IOException {
    return Files.readString(Repository.path(name), StandardCharsets.UTF_8);
  }
}
