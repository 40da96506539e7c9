/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.model.annotation.Categories;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Singular;
import io.fabric8.kubernetes.model.annotation.Version;

/**
 * One requested execution of a pipeline for one client and one business date. Its namespace and
 * name identify it permanently.
 */
@Group("luigi-operator.io")
@Version("v1beta1")
// given, because the library would derive them with regular expressions for each object
@Singular("pipelinerun")
@Plural("pipelineruns")
@JsonClassDescription(
    "One requested execution of a Luigi pipeline for one client and, for most pipelines, one business date. metadata.name identifies the run permanently: a name never runs a second time, even if the object is deleted and created again.")
@ValidationRule(
    value = "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$')",
    message =
        "metadata.name must have at most 52 characters of a-z, 0-9 and -, and must begin and end with a letter or digit, because the names of Jobs and pods are derived from it; choose another name.")
@ValidationRule(
    value =
        "!has(oldSelf.status) || !has(oldSelf.status.startTime) || "
            + "has(self.spec.priority) == has(oldSelf.spec.priority) && (!has(self.spec.priority) || "
            + "self.spec.priority == oldSelf.spec.priority)",
    message =
        "priority may not be changed, added or removed once the run has started; set it back, or cancel the run and create a new PipelineRun with another metadata.name.",
    fieldPath = ".spec.priority")
@ShortNames("lpr")
@Categories("luigi")
public final class PipelineRun extends LuigiResource<PipelineRunSpec, PipelineRunStatus> {

  /**
   * An object whose spec cannot be read, for example because it has a value of a later version.
   *
   * @param status its values that can be read are kept; any other node than an object is ignored
   * @param problem for people
   */
  public static PipelineRun unreadable(ObjectMeta metadata, JsonNode status, String problem) {
    PipelineRun object = new PipelineRun();
    object.becomeUnreadable(metadata, status, problem);
    return object;
  }

  @Override
  Class<PipelineRunStatus> statusType() {
    return PipelineRunStatus.class;
  }
}
