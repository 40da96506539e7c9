/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Reprocess;
import io.luigioperator.run.RunState;
import io.luigioperator.schedule.BackfillDecider.Choice;
import io.luigioperator.schedule.BackfillDecider.History;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackfillDeciderTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // fired | runs, newest first | Missing | Failed | All
        "false | '' | RUN | SKIP | RUN",
        "true | '' | RUN_AGAIN | SKIP | RUN_AGAIN",
        "true | SUCCEEDED | SKIP | SKIP | RUN_AGAIN",
        "true | FAILED | RUN_AGAIN | RUN_AGAIN | RUN_AGAIN",
        "true | CANCELED | RUN_AGAIN | SKIP | RUN_AGAIN",
        "true | READY | SKIP | SKIP | RUN_AGAIN",
        "true | DELAYED | SKIP | SKIP | RUN_AGAIN",
        "true | HELD | SKIP | SKIP | RUN_AGAIN",
        "true | ACTIVE | SKIP | SKIP | RUN_AGAIN",
        "true | FAILED,SUCCEEDED | SKIP | RUN_AGAIN | RUN_AGAIN",
        "true | SUCCEEDED,FAILED | SKIP | SKIP | RUN_AGAIN",
        "true | ACTIVE,FAILED | SKIP | SKIP | RUN_AGAIN",
        "true | FAILED,READY | SKIP | SKIP | RUN_AGAIN",
        // the runs of users only
        "false | SUCCEEDED | SKIP | SKIP | RUN",
        "false | FAILED | RUN | RUN | RUN",
        "false | CANCELED,FAILED | RUN | SKIP | RUN",
      })
  void runsWhatIsAskedFor(
      boolean fired, String runs, Choice missing, Choice failed, Choice everyDate) {
    List<RunState> states =
        runs.isEmpty() ? List.of() : Arrays.stream(runs.split(",")).map(RunState::valueOf).toList();
    History history = new History(fired, states);
    assertThat(BackfillDecider.decide(Reprocess.Missing, history)).isEqualTo(missing);
    assertThat(BackfillDecider.decide(Reprocess.Failed, history)).isEqualTo(failed);
    assertThat(BackfillDecider.decide(Reprocess.All, history)).isEqualTo(everyDate);
  }
}
