/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * Compares complete NetworkPolicies, because a rule without ports or peers allows everything. Does
 * not test whether a network plugin enforces them.
 */
class NetworkPolicyTest {
  private static final String OPERATOR =
      """
      podSelector: operator
      policyTypes: [Ingress, Egress]
      ingress:
      - ports: [8080/TCP]
      """;

  @Test
  void theOperatorReachesDnsChartApiServerAndMysqlAndNothingElse() {
    assertPolicy(
        "production-full",
        "tidy-luigi-operator",
        OPERATOR
            + """
            egress:
            - ports: [53/UDP, 53/TCP, 5353/UDP, 5353/TCP]
            - ports: [16443/TCP]
            - ports: [3307/TCP]
            """);
  }

  /** A policy applies to the port of the pod, which is 3306 for every port of the Service. */
  @Test
  void inTheDemoTheOperatorMayReachOnlyTheServerOfItsRelease() {
    assertPolicy(
        "demo-full",
        "tidy-luigi-operator",
        OPERATOR
            + """
            egress:
            - ports: [53/UDP, 53/TCP]
            - ports: [443/TCP, 6443/TCP, 8443/TCP]
            - ports: [3306/TCP]
              to:
              - podSelector: mysql
            """);
  }

  @Test
  void onlyTheOperatorMayReachTheDemoServer() {
    assertPolicy(
        "demo-full",
        "tidy-luigi-operator-mysql",
        """
        podSelector: mysql
        policyTypes: [Ingress, Egress]
        ingress:
        - ports: [3306/TCP]
          from:
          - podSelector: operator
        """);
    assertThat(
            Helm.rendered("demo-full")
                .only("StatefulSet")
                .at("/spec/template/spec/containers/0/ports/0/containerPort")
                .asInt())
        .isEqualTo(3306);
  }

  /** Compares with the policy, in which ports and selectors are abbreviated. */
  private static void assertPolicy(String set, String name, String policy) {
    String expected =
        policy
            .replaceAll("(\\d+)/(\\w+)", "{port: $1, protocol: $2}")
            .replaceAll(
                "podSelector: (\\w+)",
                """
                podSelector: {matchLabels: {app.kubernetes.io/name: luigi-operator, \
                app.kubernetes.io/instance: tidy, app.kubernetes.io/component: $1}}""");
    assertThat(Helm.rendered(set).named("NetworkPolicy", name).path("spec"))
        .isEqualTo(Manifests.parse(expected).objects().getFirst());
  }
}
