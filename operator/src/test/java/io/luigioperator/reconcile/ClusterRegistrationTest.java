/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Which cluster may use a cluster id, and when another one takes it over. */
class ClusterRegistrationTest {
  private final OperatorFixture fixture = new OperatorFixture().accepted("a");
  private final ClusterRegistration first =
      new ClusterRegistration(fixture.ledger, OperatorFixture.HERE, "first");
  private final ClusterRegistration second =
      new ClusterRegistration(fixture.ledger, OperatorFixture.HERE, "second");

  @Test
  void heartbeatsKeepTheRegistration() {
    assertThat(first.renew()).isTrue();
    for (int i = 1; i <= 20; i++) {
      fixture.at(Duration.ofSeconds(10 * i));
      assertThat(second.renew()).isFalse();
      assertThat(first.renew()).isTrue();
    }
    assertThat(
            fixture
                .ledger
                .queries()
                .load(OperatorFixture.key("a"), OperatorFixture.HERE)
                .run(OperatorFixture.key("a"))
                .flatMap(RunRecord::object))
        .as("its object records")
        .isPresent();
    assertThat(second.conflict()).contains("\"here\"", "clusterId of its own");
  }

  @Test
  void aRebuiltClusterTakesOverAnExpiredRegistration() {
    first.renew();
    fixture.at(ClusterRegistration.EXPIRY.minusMillis(1));
    assertThat(second.renew()).isFalse();
    fixture.at(ClusterRegistration.EXPIRY);
    assertThat(second.renew()).isTrue();
    assertThat(
            fixture
                .ledger
                .queries()
                .load(OperatorFixture.key("a"), OperatorFixture.HERE)
                .run(OperatorFixture.key("a"))
                .flatMap(RunRecord::object))
        .isEmpty();
    assertThat(first.renew()).as("the old cluster does not get the id back").isFalse();
  }
}
