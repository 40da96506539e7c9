/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

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
