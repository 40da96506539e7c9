/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;

/**
 * The policies as rendered, each as a whole: a rule without ports or peers allows everything.
 * Whether a network enforces them is not tested here.
 */
class NetworkPolicyTest {
  private static final String OPERATOR =
      """
      podSelector:
        matchLabels:
          app.kubernetes.io/name: luigi-operator
          app.kubernetes.io/instance: tidy
          app.kubernetes.io/component: operator
      policyTypes: [Ingress, Egress]
      ingress:
      - ports: [{port: 8080, protocol: TCP}]
      """;

  @Test
  void theOperatorReachesDnsApiServerAndMysqlAndNothingElse() {
    assertThat(spec("production-full", "tidy-luigi-operator"))
        .isEqualTo(
            yaml(
                OPERATOR
                    + """
                    egress:
                    - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
                    - ports: [{port: 16443, protocol: TCP}]
                    - ports: [{port: 3307, protocol: TCP}]
                    """));
  }

  /** Policies see the port of the pod, which is 3306 whatever its Service says. */
  @Test
  void inTheDemoItReachesTheServerOfItsOwnRelease() {
    assertThat(spec("demo-full", "tidy-luigi-operator"))
        .isEqualTo(
            yaml(
                OPERATOR
                    + """
                    egress:
                    - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
                    - ports:
                      - {port: 443, protocol: TCP}
                      - {port: 6443, protocol: TCP}
                      - {port: 8443, protocol: TCP}
                    - ports: [{port: 3306, protocol: TCP}]
                      to:
                      - podSelector:
                          matchLabels:
                            app.kubernetes.io/name: luigi-operator
                            app.kubernetes.io/instance: tidy
                            app.kubernetes.io/component: mysql
                    """));
  }

  @Test
  void theDemoServerTalksToTheOperatorOnly() {
    assertThat(spec("demo-full", "tidy-luigi-operator-mysql"))
        .isEqualTo(
            yaml(
                """
                podSelector:
                  matchLabels:
                    app.kubernetes.io/name: luigi-operator
                    app.kubernetes.io/instance: tidy
                    app.kubernetes.io/component: mysql
                policyTypes: [Ingress, Egress]
                ingress:
                - ports: [{port: 3306, protocol: TCP}]
                  from:
                  - podSelector:
                      matchLabels:
                        app.kubernetes.io/name: luigi-operator
                        app.kubernetes.io/instance: tidy
                        app.kubernetes.io/component: operator
                """));
    assertThat(
            Helm.rendered("demo-full")
                .only("StatefulSet")
                .at("/spec/template/spec/containers/0/ports/0/containerPort")
                .asInt())
        .isEqualTo(3306);
  }

  private static JsonNode spec(String set, String name) {
    return Helm.rendered(set).named("NetworkPolicy", name).path("spec");
  }

  private static JsonNode yaml(String text) {
    return Manifests.parse(text).objects().getFirst();
  }
}
