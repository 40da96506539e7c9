/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.Objects;

/** Which runs exclude each other. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record MutexSpec(
    @JsonPropertyDescription(
            "Client: runs of one client in one group never run at the same time. None: runs do "
                + "not exclude each other.")
        @Default("Client")
        MutexScope scope,
    @JsonPropertyDescription(
            "Mutex group. Pipelines that may disturb each other share a group; pipelines of "
                + "different groups run side by side for one client.")
        @Default("default")
        @Size(min = 1, max = 63)
        @ValidationRule(
            value = "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
            message =
                "mutex.group must consist of letters, digits, -, _ and ., beginning and ending with a "
                    + "letter or digit.")
        String group) {
  public MutexSpec {
    scope = Objects.requireNonNullElse(scope, MutexScope.Client);
    group = Objects.requireNonNullElse(group, "default");
  }

  static final MutexSpec DEFAULT = new MutexSpec(MutexScope.Client, "default");
}
