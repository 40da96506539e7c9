/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.luigioperator.api.RerunMode;
import io.luigioperator.api.VerifyMode;
import java.util.List;
import java.util.Map;

/**
 * The input of one attempt, as the runner of the Luigi image reads it from the file that
 * LUIGI_RUN_SPEC names. The contract is {@code luigi-image/spec.schema.json}.
 *
 * @param report limit of the termination message, under the name that the contract gives it
 * @param redact environment variables whose values the runner masks in its output and in its
 *     termination message
 * @param redactFiles mounted files and folders whose content the runner masks in the same way;
 *     absent if there are none, because older runners do not know it
 */
record RunSpecFile(
    int schemaVersion,
    Identity run,
    String kind,
    Task task,
    Rerun rerun,
    int workers,
    Timeouts timeouts,
    Retry retry,
    VerifyMode verify,
    MessageLimit report,
    List<String> redact,
    @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> redactFiles) {

  static final int SCHEMA_VERSION = 1;

  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * @param date empty for a pipeline without business date
   */
  record Identity(
      String namespace,
      String name,
      String uid,
      int attempt,
      String token,
      long fence,
      String client,
      String date) {}

  record Task(String module, String family, Map<String, String> params) {}

  record Rerun(RerunMode mode) {}

  /** In seconds; 0 means no limit. */
  record Timeouts(int taskSeconds, int graceSeconds, int deadlineSeconds) {}

  record Retry(List<String> nonRetryableErrors) {}

  /** The most bytes of a termination message. */
  record MessageLimit(int budgetBytes) {}

  String json() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("run spec cannot be serialized", e);
    }
  }
}
