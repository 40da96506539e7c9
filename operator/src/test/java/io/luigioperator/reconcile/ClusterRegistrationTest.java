/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.run.ClusterIdentity;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Which cluster may use a ledger, and how a person retires a dead one. */
class ClusterRegistrationTest {
  private final OperatorFixture fixture = new OperatorFixture();
  private final AtomicReference<Set<String>> annotated = new AtomicReference<>(Set.of());
  private final ClusterRegistration first = registration("here", "uid-1", true);
  private final ClusterRegistration second = registration("here", "uid-2", true);

  private ClusterRegistration registration(String id, String uid, boolean shared) {
    return new ClusterRegistration(
        fixture.ledger, new ClusterIdentity(id, uid), shared, annotated::get);
  }

  @Test
  void aSecondClusterWithTheSameIdIsRefusedHoweverLongTheFirstIsSilent() {
    assertThat(first.renew()).isEmpty();
    fixture.at(Duration.ofDays(30));
    assertThat(second.renew())
        .hasValueSatisfying(
            message ->
                assertThat(message)
                    .contains("\"here\"", "uid-1", "clusterId of its own", "2592000 s ago")
                    .contains("kubectl annotate", "luigi-operator.io/retired-clusters=uid-1"));
    assertThat(first.renew()).isEmpty();
  }

  @Test
  void aPersonRetiresADeadCluster() {
    first.renew();
    annotated.set(Set.of("uid-1"));
    fixture.at(ClusterRegistration.EXPIRY.minusSeconds(1));
    second.retireDeclared();
    assertThat(second.renew()).as("it may be alive").isPresent();

    fixture.at(ClusterRegistration.EXPIRY);
    second.retireDeclared();
    assertThat(second.renew()).isEmpty();
    assertThat(first.renew()).hasValueSatisfying(m -> assertThat(m).contains("was retired"));
  }

  @Test
  void aClusterDoesNotRetireItself() {
    first.renew();
    annotated.set(Set.of("uid-1"));
    fixture.at(Duration.ofHours(1));
    first.retireDeclared();
    assertThat(first.renew()).isEmpty();
  }

  @Test
  void aSecondClusterNeedsTheConsentOfBoth() {
    first.renew();
    fixture.at(Duration.ofSeconds(1));
    assertThat(registration("there", "uid-2", false).renew())
        .hasValueSatisfying(
            message -> assertThat(message).contains("\"here\"", "sharedLedger", "trust"));
    assertThat(registration("there", "uid-2", true).renew()).isEmpty();
  }

  @Test
  void aClusterMayNotChangeItsId() {
    first.renew();
    assertThat(registration("renamed", "uid-1", true).renew())
        .hasValueSatisfying(message -> assertThat(message).contains("\"here\""));
  }
}
