/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Categories;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Version;
import org.jspecify.annotations.Nullable;

/** A pipeline, the clients it is for, and what differs between them. */
@Group("luigi-operator.io")
@Version("v1beta1")
@JsonClassDescription(
    "A Luigi pipeline, the clients it is for, and what differs between them. PipelineRuns name it in scheduleRef.")
@ValidationRule(
    value = "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$')",
    message =
        "metadata.name must have at most 40 characters of a-z, 0-9 and -, beginning and ending with a letter or digit, because the names of runs derive from it.")
@ShortNames("lps")
@Categories("luigi")
public final class PipelineSchedule
    extends CustomResource<PipelineScheduleSpec, PipelineScheduleStatus> implements Namespaced {
  /** Absent until it is set: records have no empty value. */
  @Override
  protected @Nullable PipelineScheduleSpec initSpec() {
    return null;
  }

  /** Absent until it is set: records have no empty value. */
  @Override
  protected @Nullable PipelineScheduleStatus initStatus() {
    return null;
  }
}
