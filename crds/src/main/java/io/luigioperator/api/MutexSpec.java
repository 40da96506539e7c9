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
            "Client: runs with the same namespace, client and group never run at the same time; a waiting run uses no slot. None: runs do not exclude each other. Default: Client.")
        @Default("Client")
        MutexScope scope,
    @JsonPropertyDescription(
            "Name of the mutex group, 1 to 63 characters. Pipelines that must not run at the same time for one client use the same group; pipelines in different groups run in parallel. Default: default.")
        @Default("default")
        @Size(min = 1, max = 63)
        @ValidationRule(
            value = "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
            message =
                "mutex.group must consist of letters, digits, -, _ and ., and must begin and end with a letter or digit.")
        String group) {
  public MutexSpec {
    scope = Objects.requireNonNullElse(scope, MutexScope.Client);
    group = Objects.requireNonNullElse(group, "default");
  }

  static final MutexSpec DEFAULT = new MutexSpec(MutexScope.Client, "default");
}
