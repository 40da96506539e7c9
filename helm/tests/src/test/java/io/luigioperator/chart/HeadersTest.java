/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.testing.Command;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Every file of the repository, not only those of the charts, has the copyright and licence header.
 * The formatter also writes it into Java files.
 */
class HeadersTest {
  private static final List<String> HEADER =
      List.of("Copyright The luigi-operator authors", "SPDX-License-Identifier: Apache-2.0");

  /** A shebang and the beginning of a comment may precede the header. */
  private static final int WITHIN_LINES = 6;

  /** Pages for readers, notes that helm prints, formats without comments, and lists of names. */
  private static final Pattern WITHOUT =
      Pattern.compile(
          "LICENSE|docs/.*\\.md|(.*/)?(README|SECURITY|CHANGELOG)\\.md|.*/NOTES\\.txt|.*\\.json|.*/go\\.sum"
              + "|\\.mvn/jvm\\.config|bench/tests/data/.*"
              + "|(.*/)?\\.(gitignore|gitattributes|dockerignore|shellcheckrc)");

  @Test
  void everyFileHasTheHeader() throws IOException {
    var command =
        List.of("git", "-C", Repository.path("").toString(), "-c", "safe.directory=*", "ls-files");
    var withoutHeader = new TreeSet<String>();
    var read = new ArrayList<String>();
    for (String name : Command.run(command).orFail().lines().toList()) {
      Path file = Repository.path(name);
      if (WITHOUT.matcher(name).matches() || !Files.exists(file)) {
        continue;
      }
      read.add(name);
      try (var lines = Files.lines(file)) {
        var head = lines.limit(WITHIN_LINES).toList();
        if (!HEADER.stream().allMatch(part -> head.stream().anyMatch(l -> l.contains(part)))) {
          withoutHeader.add(name);
        }
      }
    }
    assertThat(read).hasSizeGreaterThan(100);
    assertThat(withoutHeader).isEmpty();
  }
}
