/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.luigioperator.api.HistorySpec;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which ended PipelineRuns of a client are kept. */
class HistoryTest {

  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");

  /**
   * @param text the phase, at, and the second of its end, or a ? if it is unknown
   */
  private static RunObject run(String text) {
    String[] parts = text.split("@");
    Phase phase = Phase.valueOf(parts[0]);
    boolean ended = phase != Phase.Running;
    PipelineRunStatus status =
        PipelineRunStatus.builder()
            .phase(phase)
            .completionTime(
                parts[1].equals("?") ? null : T0.plusSeconds(Integer.parseInt(parts[1])))
            .conditions(
                Stream.of("Accepted", ended ? "Finished" : "Reconciling", "Succeeded")
                    .map(
                        type ->
                            new ConditionBuilder()
                                .withType(type)
                                .withStatus(
                                    type.equals("Succeeded") && phase != Phase.Succeeded
                                        ? "False"
                                        : "True")
                                .build())
                    .toList())
            .build();
    return new RunObject(
        new RunKey("data", text.toLowerCase(java.util.Locale.ROOT).replace('@', '-')),
        "uid-" + text,
        1,
        T0.minusSeconds(1000),
        false,
        true,
        new ParsedSpec.Omitted<PipelineRunSpec>(Optional.of("nightly")),
        Optional.of(status));
  }

  private static List<RunObject> runs(String texts) {
    return Arrays.stream(texts.split(" ")).filter(t -> !t.isEmpty()).map(HistoryTest::run).toList();
  }

  @ParameterizedTest
  @CsvSource({
    "1, 3, '', ''",
    "1, 3, Succeeded@5, ''",
    "1, 3, Succeeded@5 Succeeded@9 Succeeded@7, Succeeded@7 Succeeded@5",
    "2, 3, Succeeded@5 Succeeded@9 Succeeded@7, Succeeded@5",
    "0, 3, Succeeded@5 Failed@1, Succeeded@5",
    "1, 0, Succeeded@5 Failed@1 Canceled@9, Canceled@9 Failed@1",
    // failed and canceled ones are counted together, and apart from succeeded ones
    "1, 2, Succeeded@1 Failed@2 Canceled@3 Failed@4 Succeeded@0, Succeeded@0 Failed@2",
    // without a known end it counts as ended at its creation
    "1, 1, Failed@? Failed@1, Failed@?",
  })
  void theLastOnesAreKept(int succeeded, int failed, String ended, String beyond) {
    assertThat(History.beyond(new HistorySpec(succeeded, failed), runs(ended)))
        .isEqualTo(runs(beyond));
  }

  @Test
  void equalEndsAreOrderedByName() {
    List<RunObject> same = List.of(named("b"), named("c"), named("a"));
    assertThat(History.beyond(new HistorySpec(1, 0), same))
        .isEqualTo(History.beyond(new HistorySpec(1, 0), same.reversed()))
        .extracting(o -> o.key().name())
        .containsExactly("b", "a");
  }

  private static RunObject named(String name) {
    RunObject o = run("Succeeded@5");
    return new RunObject(
        new RunKey("data", name),
        o.uid(),
        1,
        o.createdAt(),
        false,
        true,
        o.parsedSpec(),
        o.status());
  }

  @Test
  void aRunHasEndedOnceItsStatusShowsIt() {
    RunObject o = run("Succeeded@5");
    assertThat(History.isEnded(o)).isTrue();
    assertThat(History.isEnded(run("Running@5"))).isFalse();
    assertThat(
            History.isEnded(
                new RunObject(
                    o.key(), "uid", 1, T0, false, true, o.parsedSpec(), Optional.empty())))
        .isFalse();
    assertThat(
            History.isEnded(
                new RunObject(o.key(), "uid", 1, T0, true, true, o.parsedSpec(), o.status())))
        .as("it is being deleted")
        .isFalse();
  }
}
