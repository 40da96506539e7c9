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

/** Database time, heartbeats, and the names of clusters. */
interface ClusterContract extends LedgerFixture {

  @Test
  default void timeHasMicroseconds() {
    Instant before = ledger().queries().now();
    pass(Duration.ofMillis(2));
    Instant after = ledger().queries().now();
    assertThat(after).isAfter(before).isEqualTo(after.truncatedTo(ChronoUnit.MICROS));
  }

  @Test
  default void aNewClusterIsEnteredAndKeepsItsIdentity() {
    assertThat(ledger().clusters().heartbeat(CLUSTER, "first")).isEqualTo("first");
    assertThat(ledger().clusters().heartbeat(CLUSTER, "first")).isEqualTo("first");
    assertThat(ledger().clusters().heartbeat(CLUSTER, "rebuilt")).isEqualTo("first");
    assertThat(ledger().clusters().heartbeat(OTHER_CLUSTER, "second")).isEqualTo("second");
  }

  @Test
  default void aNameIsTakenOverOnlyAfterMissedHeartbeats() {
    ledger().clusters().heartbeat(CLUSTER, "first");
    assertThat(ledger().clusters().takeOver(CLUSTER, "second", Duration.ofHours(1))).isFalse();
    assertThat(ledger().clusters().takeOver(CLUSTER, "first", Duration.ofHours(1))).isTrue();
    pass(Duration.ofMillis(500));
    ledger().clusters().heartbeat(CLUSTER, "first");
    assertThat(ledger().clusters().takeOver(CLUSTER, "second", Duration.ofMillis(500))).isFalse();
    pass(Duration.ofMillis(500));
    assertThat(ledger().clusters().heartbeat(CLUSTER, "second"))
        .as("a heartbeat of another identity does not count")
        .isEqualTo("first");
    assertThat(ledger().clusters().takeOver(CLUSTER, "second", Duration.ofMillis(500))).isTrue();
    assertThat(ledger().clusters().takeOver(CLUSTER, "first", Duration.ofMillis(500)))
        .as("a takeover counts as a heartbeat")
        .isFalse();
    assertThat(ledger().clusters().heartbeat(CLUSTER, "first")).isEqualTo("second");
  }

  @Test
  default void aRebuiltClusterTakesItsNameWithoutItsOldObjects() {
    ledger().clusters().heartbeat(CLUSTER, "first");
    ledger().clusters().heartbeat(OTHER_CLUSTER, "second");
    Run run = accepted(RunBuilder.named("r"));
    ledger().runs().recordObject(run.key(), new ObjectRecord(OTHER_CLUSTER, "there", 1));
    ledger().clusters().takeOver(CLUSTER, "rebuilt", Duration.ZERO);
    assertThat(ledger().clusters().heartbeat(CLUSTER, "rebuilt")).isEqualTo("rebuilt");
    assertThat(record(run).object()).isEmpty();
    assertThat(
            ledger().queries().load(run.key(), OTHER_CLUSTER).run(run.key()).orElseThrow().object())
        .isPresent();
  }

  @Test
  default void aRepeatedTakeOverKeepsTheNewObjects() {
    ledger().clusters().heartbeat(CLUSTER, "first");
    Run run = accepted(RunBuilder.named("r"));
    ledger().clusters().takeOver(CLUSTER, "rebuilt", Duration.ZERO);
    ObjectRecord anew = new ObjectRecord(CLUSTER, "anew", 3);
    ledger().runs().recordObject(run.key(), anew);
    ledger().clusters().takeOver(CLUSTER, "rebuilt", Duration.ZERO);
    assertThat(record(run).object()).contains(anew);
  }

  @Test
  default void anUnknownNameIsNotTakenOver() {
    assertThat(ledger().clusters().takeOver(CLUSTER, "nobody", Duration.ZERO)).isFalse();
    assertThat(ledger().clusters().heartbeat(CLUSTER, "first")).isEqualTo("first");
  }

  @Test
  default void onlyClaimsOfSilentClustersAreAbandoned() {
    ledger().clusters().heartbeat(CLUSTER, "first");
    Run run = accepted(RunBuilder.named("r"));
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ZERO, 10)).isEmpty();
    var attempt = claimed(run);
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ofHours(1), 10)).isEmpty();
    pass(Duration.ofMillis(1));
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ZERO, 10))
        .containsExactly(attempt);
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ZERO, 0)).isEmpty();
    bound(attempt);
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ZERO, 10)).isEmpty();
  }

  @Test
  default void afterAHeartbeatAClusterIsNotSilent() {
    ledger().clusters().heartbeat(CLUSTER, "first");
    claimed(accepted(RunBuilder.named("r")));
    pass(Duration.ofMillis(500));
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ofMillis(500), 10))
        .hasSize(1);
    ledger().clusters().heartbeat(CLUSTER, "first");
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ofMinutes(1), 10)).isEmpty();
  }
}
