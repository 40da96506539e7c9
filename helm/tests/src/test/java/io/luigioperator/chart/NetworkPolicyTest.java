/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * The policies as rendered, each as a whole: a rule without ports or peers allows everything.
 * Whether a network enforces them is not tested here.
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
            - ports: [53/UDP, 53/TCP]
            - ports: [16443/TCP]
            - ports: [3307/TCP]
            """);
  }

  /** Policies see the port of the pod, which is 3306 whatever its Service says. */
  @Test
  void inTheDemoItReachesTheServerOfItsOwnRelease() {
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
  void theDemoServerTalksToTheOperatorOnly() {
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

  /** The policy is this one, in which ports and selectors are written in short. */
  private static void assertPolicy(String set, String name, String policy) {
    String whole =
        policy
            .replaceAll("(\\d+)/(\\w+)", "{port: $1, protocol: $2}")
            .replaceAll(
                "podSelector: (\\w+)",
                """
                podSelector: {matchLabels: {app.kubernetes.io/name: luigi-operator, \
                app.kubernetes.io/instance: tidy, app.kubernetes.io/component: $1}}""");
    assertThat(Helm.rendered(set).named("NetworkPolicy", name).path("spec"))
        .isEqualTo(Manifests.parse(whole).objects().getFirst());
  }
}
