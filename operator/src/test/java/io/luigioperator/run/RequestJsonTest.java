/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.luigioperator.api.PipelineRunSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which requests have the same hash. */
class RequestJsonTest {

  private static final String RUN = "{scheduleRef: {name: nightly}, client: UA, date: '2013-01-15'";

  @ParameterizedTest
  @ValueSource(
      strings = {
        ", priority: High}",
        ", desiredState: Held}",
        ", maxAttempts: 7}",
        ", ttlSecondsAfterFinished: 60}",
        ", startDeadlineSeconds: 60}",
        ", activeDeadlineSeconds: 60}",
        ", notBeforeTime: '2026-01-01T00:00:00Z'}",
        ", rerun: {mode: Incomplete}}"
      })
  void hashIgnoresMutableFieldsAndDefaults(String rest) {
    assertThat(RequestJson.hash(spec(RUN + rest))).isEqualTo(RequestJson.hash(spec(RUN + "}")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{scheduleRef: {name: nightly}, client: DL, date: '2013-01-15'}",
        "{scheduleRef: {name: nightly}, client: UA, date: '2013-01-16'}",
        "{scheduleRef: {name: weekly}, client: UA, date: '2013-01-15'}",
        "{scheduleRef: {name: nightly}, client: UA, date: '2013-01-15', parameters: [{name: a, value: b}]}",
        "{pipeline: {image: i, task: {module: m, family: F}}, client: UA, date: '2013-01-15'}"
      })
  void hashDiffersForAnotherRequest(String other) {
    assertThat(RequestJson.hash(spec(other))).isNotEqualTo(RequestJson.hash(spec(RUN + "}")));
  }

  @Test
  void hashIgnoresExplicitDefaultsOfAPipeline() {
    String bare = "{pipeline: {image: i, task: {module: m, family: F}}, client: UA}";
    String full =
        "{pipeline: {task: {family: F, module: m}, image: i, workers: 1, verify: Root, retry:"
            + " {maxAttempts: 3, backoffSeconds: 60}, mutex: {scope: Client}, allow: {}}, client:"
            + " UA}";
    String other =
        "{pipeline: {image: i, task: {module: m, family: F}, retry: {maxAttempts: 4}}, client: UA}";

    assertThat(RequestJson.hash(spec(full))).isEqualTo(RequestJson.hash(spec(bare)));
    assertThat(RequestJson.hash(spec(other))).isNotEqualTo(RequestJson.hash(spec(bare)));
  }

  @Test
  void hashIsStable() {
    // a change here makes every known name a NameAlreadyUsed: it needs a new HASH_VERSION
    assertThat(RequestJson.hash(spec(RUN + "}")))
        .isEqualTo("58bdedc65e399672373e6725f62b4085b2b68d4d31701b0ab50ea519eb254f0a");
    assertThat(RequestJson.HASH_VERSION).isEqualTo(1);
  }

  private static PipelineRunSpec spec(String yaml) {
    try {
      return new YAMLMapper()
          .registerModule(new JavaTimeModule())
          .readValue(yaml, PipelineRunSpec.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(yaml, e);
    }
  }
}
