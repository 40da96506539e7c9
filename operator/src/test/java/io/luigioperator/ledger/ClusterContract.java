/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Run;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.junit.jupiter.api.Test;

/** Database time, and what a cluster says about itself. */
interface ClusterContract extends LedgerFixture {

  @Test
  default void timeGoesOnInMicroseconds() {
    Instant before = ledger().now();
    pass(Duration.ofMillis(2));
    Instant after = ledger().now();
    assertThat(after).isAfter(before).isEqualTo(after.truncatedTo(ChronoUnit.MICROS));
  }

  @Test
  default void aNewClusterIsEnteredAndKeepsItsIdentity() {
    assertThat(ledger().heartbeat(CLUSTER, "first")).isEqualTo("first");
    assertThat(ledger().heartbeat(CLUSTER, "first")).isEqualTo("first");
    assertThat(ledger().heartbeat(CLUSTER, "rebuilt")).isEqualTo("first");
    assertThat(ledger().heartbeat(OTHER_CLUSTER, "second")).isEqualTo("second");
  }

  @Test
  default void aNameIsTakenOnlyFromAClusterThatIsSilent() {
    ledger().heartbeat(CLUSTER, "first");
    assertThat(ledger().takeOver(CLUSTER, "second", Duration.ofHours(1))).isFalse();
    assertThat(ledger().takeOver(CLUSTER, "first", Duration.ofHours(1))).isTrue();
    pass(Duration.ofMillis(500));
    ledger().heartbeat(CLUSTER, "first");
    assertThat(ledger().takeOver(CLUSTER, "second", Duration.ofMillis(500))).isFalse();
    pass(Duration.ofMillis(500));
    assertThat(ledger().heartbeat(CLUSTER, "second"))
        .as("another one's word does not end the silence")
        .isEqualTo("first");
    assertThat(ledger().takeOver(CLUSTER, "second", Duration.ofMillis(500))).isTrue();
    assertThat(ledger().takeOver(CLUSTER, "first", Duration.ofMillis(500)))
        .as("who takes a name is heard of")
        .isFalse();
    assertThat(ledger().heartbeat(CLUSTER, "first")).isEqualTo("second");
  }

  @Test
  default void aRebuiltClusterIsAdoptedWithoutItsOldObjects() {
    ledger().heartbeat(CLUSTER, "first");
    ledger().heartbeat(OTHER_CLUSTER, "second");
    Run run = accepted(RunBuilder.named("r"));
    ledger().recordObject(run.key(), new ObjectRecord(OTHER_CLUSTER, "there", 1));
    ledger().takeOver(CLUSTER, "rebuilt", Duration.ZERO);
    assertThat(ledger().heartbeat(CLUSTER, "rebuilt")).isEqualTo("rebuilt");
    assertThat(record(run).object()).isEmpty();
    assertThat(ledger().load(run.key(), OTHER_CLUSTER).orElseThrow().object()).isPresent();
  }

  @Test
  default void aRepeatedAdoptionLeavesTheNewObjectsAlone() {
    ledger().heartbeat(CLUSTER, "first");
    Run run = accepted(RunBuilder.named("r"));
    ledger().takeOver(CLUSTER, "rebuilt", Duration.ZERO);
    ObjectRecord anew = new ObjectRecord(CLUSTER, "anew", 3);
    ledger().recordObject(run.key(), anew);
    ledger().takeOver(CLUSTER, "rebuilt", Duration.ZERO);
    assertThat(record(run).object()).contains(anew);
  }

  @Test
  default void anUnknownClusterIsNotAdopted() {
    assertThat(ledger().takeOver(CLUSTER, "nobody", Duration.ZERO)).isFalse();
    assertThat(ledger().heartbeat(CLUSTER, "first")).isEqualTo("first");
  }

  @Test
  default void onlyClaimsOfSilentClustersAreAbandoned() {
    ledger().heartbeat(CLUSTER, "first");
    Run run = accepted(RunBuilder.named("r"));
    assertThat(ledger().claimsOfSilentClusters(Duration.ZERO, 10)).isEmpty();
    var attempt = claimed(run);
    assertThat(ledger().claimsOfSilentClusters(Duration.ofHours(1), 10)).isEmpty();
    pass(Duration.ofMillis(1));
    assertThat(ledger().claimsOfSilentClusters(Duration.ZERO, 10)).containsExactly(attempt);
    assertThat(ledger().claimsOfSilentClusters(Duration.ZERO, 0)).isEmpty();
    bound(attempt);
    assertThat(ledger().claimsOfSilentClusters(Duration.ZERO, 10)).isEmpty();
  }

  @Test
  default void aHeartbeatEndsTheSilence() {
    ledger().heartbeat(CLUSTER, "first");
    claimed(accepted(RunBuilder.named("r")));
    pass(Duration.ofMillis(500));
    assertThat(ledger().claimsOfSilentClusters(Duration.ofMillis(500), 10)).hasSize(1);
    ledger().heartbeat(CLUSTER, "first");
    assertThat(ledger().claimsOfSilentClusters(Duration.ofMinutes(1), 10)).isEmpty();
  }
}
