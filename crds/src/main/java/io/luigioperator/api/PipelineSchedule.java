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

/** A pipeline, its clients and their parameters, and the crons that create runs. */
@Group("luigi-operator.io")
@Version("v1beta1")
// given, because the library would derive them with regular expressions for each object
@Singular("pipelineschedule")
@Plural("pipelineschedules")
@JsonClassDescription(
    "A Luigi pipeline, the clients it runs for, and their parameters. Its crons create a PipelineRun for each client and business date, and PipelineRuns can reference it in spec.scheduleRef.")
@ValidationRule(
    value = "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$')",
    message =
        "metadata.name must have at most 40 characters of a-z, 0-9 and -, and must begin and end with a letter or digit, because the names of runs are derived from it; choose another name.")
@ShortNames("lps")
@Categories("luigi")
public final class PipelineSchedule
    extends LuigiResource<PipelineScheduleSpec, PipelineScheduleStatus> {

  /**
   * An object whose spec cannot be read, for example because it has a value of a later version.
   *
   * @param status its values that can be read are kept; any other node than an object is ignored
   * @param problem for people
   */
  public static PipelineSchedule unreadable(ObjectMeta metadata, JsonNode status, String problem) {
    PipelineSchedule object = new PipelineSchedule();
    object.becomeUnreadable(metadata, status, problem);
    return object;
  }

  @Override
  Class<PipelineScheduleStatus> statusType() {
    return PipelineScheduleStatus.class;
  }
}
