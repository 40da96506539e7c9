/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorConfig;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The table of settings in docs/operations.md lists all chart values and environment variables. */
class SettingsPageTest {
  private static final Pattern SECTION =
      Pattern.compile("^## Settings\n(.*?)^## ", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern QUOTED = Pattern.compile("`([^`\\s]+)`");

  /**
   * A cell may list several settings; one that begins with a dot has the same parent as the
   * previous one.
   */
  @Test
  void exactlyTheExistingSettingsAreDocumented() throws IOException {
    var settings = SECTION.matcher(Files.readString(Repository.path("docs/operations.md")));
    assertThat(settings.find()).isTrue();
    var documented = new TreeSet<String>();
    for (String row : settings.group(1).lines().filter(line -> line.startsWith("| ")).toList()) {
      String[] cells = row.split(" \\|");
      for (String cell : List.of(cells[0], cells[1])) {
        String parent = "";
        for (String name : QUOTED.matcher(cell).results().map(m -> m.group(1)).toList()) {
          documented.add(name.startsWith(".") ? parent + name : name);
          parent = name.startsWith(".") ? parent : name.replaceFirst("[.][^.]*$", "");
        }
      }
    }
    var known = new TreeSet<>(ValuesSchema.leaves().keySet());
    known.addAll(OperatorConfig.keys());
    assertThat(documented).containsExactlyElementsOf(known);
  }
}
