/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.Map;

/** Compute resources of the container luigi, as Kubernetes quantities such as 500m or 2Gi. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ResourcesSpec(
    @JsonPropertyDescription(
            "Resources that the scheduler reserves for the container, by resource name, such as cpu: 500m and memory: 512Mi. At most 16 Kubernetes quantities, not negative. Default: none.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 16)
        @ValidationRule(
            value =
                "self.all(name, type(self[name]) == int ? self[name] >= 0 : isQuantity(self[name]) && "
                    + "quantity(self[name]).compareTo(quantity('0')) >= 0)",
            message =
                "Every value of resources.requests must be a quantity that is not negative, such as "
                    + "500m, 2 or 2Gi.")
        @ValidationRule(
            value = "self.all(name, size(name) <= 317)",
            message =
                "A name in resources.requests may have at most 317 characters: a prefix of 253, a slash "
                    + "and a name of 63; shorten it.")
        Map<String, String> requests,
    @JsonPropertyDescription(
            "Maximum resources of the container, by resource name. At most 16 Kubernetes quantities, not negative. If the container exceeds its memory limit, it is killed and the attempt ends with reason OOMKilled. Default: no limit.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 16)
        @ValidationRule(
            value =
                "self.all(name, type(self[name]) == int ? self[name] >= 0 : isQuantity(self[name]) && "
                    + "quantity(self[name]).compareTo(quantity('0')) >= 0)",
            message =
                "Every value of resources.limits must be a quantity that is not negative, such as "
                    + "500m, 2 or 2Gi.")
        @ValidationRule(
            value = "self.all(name, size(name) <= 317)",
            message =
                "A name in resources.limits may have at most 317 characters: a prefix of 253, a slash "
                    + "and a name of 63; shorten it.")
        Map<String, String> limits) {
  public ResourcesSpec {
    requests = Frozen.sorted(requests);
    limits = Frozen.sorted(limits);
  }

  static final ResourcesSpec NONE = new ResourcesSpec(Map.of(), Map.of());
}
