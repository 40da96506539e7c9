/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static io.luigioperator.chart.Manifests.each;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The policies as rendered. Whether a network enforces them is not tested here. */
class NetworkPolicyTest {

  @Test
  void theOperatorReachesDnsApiServerAndMysqlAndNothingElse() {
    JsonNode policy = Helm.rendered("production-full").only("NetworkPolicy");
    assertThat(Manifests.texts(policy.at("/spec/policyTypes")))
        .containsExactly("Ingress", "Egress");
    assertThat(ports(policy.at("/spec/ingress"))).containsExactly("TCP 8080");
    assertThat(ports(policy.at("/spec/egress")))
        .containsExactly("UDP 53", "TCP 53", "TCP 16443", "TCP 3307");
  }

  @Test
  void theDemoServerTalksToTheOperatorOnly() {
    var manifests = Helm.rendered("demo-full");
    JsonNode server = manifests.named("NetworkPolicy", "tidy-luigi-operator-mysql");
    assertThat(Manifests.texts(server.at("/spec/policyTypes")))
        .containsExactly("Ingress", "Egress");
    assertThat(server.at("/spec").has("egress")).as("may talk to nobody").isFalse();
    assertThat(ports(server.at("/spec/ingress"))).containsExactly("TCP 3306");
    assertThat(server.at("/spec/ingress/0/from/0/podSelector/matchLabels"))
        .isEqualTo(manifests.only("Deployment").at("/spec/selector/matchLabels"));

    assertThat(
            manifests
                .only("StatefulSet")
                .at("/spec/template/spec/containers/0/ports/0/containerPort")
                .asInt())
        .isEqualTo(3306);

    JsonNode operator = manifests.named("NetworkPolicy", "tidy-luigi-operator");
    assertThat(operator.at("/spec/egress/2/to/0/podSelector/matchLabels"))
        .isEqualTo(manifests.only("StatefulSet").at("/spec/selector/matchLabels"));
    assertThat(ports(operator.at("/spec/egress"))).contains("TCP 3306").doesNotContain("TCP 3307");
  }

  private static List<String> ports(JsonNode rules) {
    return each(rules)
        .flatMap(rule -> each(rule.path("ports")))
        .map(port -> port.path("protocol").asText() + " " + port.path("port").asText())
        .toList();
  }
}
