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

/**
 * One requested execution of a pipeline for one client and one business date; its name is its
 * identity for ever.
 */
@Group("luigi-operator.io")
@Version("v1beta1")
@ShortNames("lpr")
@Categories("luigi")
public final class PipelineRun extends CustomResource<PipelineRunSpec, PipelineRunStatus>
    implements Namespaced {
  /** Absent until it is set: records have no empty value. */
  @Override
  protected @Nullable PipelineRunSpec initSpec() {
    return null;
  }

  /** Absent until it is set: records have no empty value. */
  @Override
  protected @Nullable PipelineRunStatus initStatus() {
    return null;
  }
}
