/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.ClusterLedger.Registration;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Run;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Database time, and which clusters may use the ledger. */
interface ClusterContract extends LedgerFixture {

  @Test
  default void timeHasMicroseconds() {
    Instant before = ledger().queries().now();
    pass(Duration.ofMillis(2));
    Instant after = ledger().queries().now();
    assertThat(after).isAfter(before).isEqualTo(after.truncatedTo(ChronoUnit.MICROS));
  }

  @Test
  default void theAttemptsOfOtherClustersComeInPages() {
    ledger().clusters().register(ONE, true);
    ledger().clusters().register(TWO, true);
    for (int i = 0; i < 5; i++) {
      Run run = accepted(RunBuilder.named("r" + i).client("c" + i));
      ledger()
          .attempts()
          .claim(run.admitKey(), run.key(), "t" + i, i == 0 ? CLUSTER : OTHER_CLUSTER)
          .orElseThrow();
    }
    List<String> tokens = new ArrayList<>();
    Optional<AdmitKey> after = Optional.empty();
    List<Attempt> page;
    while (!(page = ledger().queries().attemptsElsewhere(CLUSTER, after, 2)).isEmpty()) {
      assertThat(page).hasSize(2);
      page.forEach(a -> tokens.add(a.token()));
      after = Optional.of(page.getLast().admitKey());
    }
    assertThat(tokens).containsExactly("t1", "t2", "t3", "t4");
  }

  private ClusterLedger.RegisteredCluster registered(Registration refusal) {
    return switch (refusal) {
      case Registration.IdInUse(var by) -> by;
      case Registration.IdChanged(var before) -> before;
      case Registration.NotShared(var with) -> with;
      case Registration.Registered(), Registration.Retired() -> throw new AssertionError(refusal);
    };
  }

  @Test
  default void anIdBelongsToTheClusterThatRegisteredItHoweverSilentItIs() {
    ClusterIdentity rebuilt = new ClusterIdentity("one", "uid-9");
    assertThat(ledger().clusters().register(ONE, true)).isEqualTo(REGISTERED);
    assertThat(ledger().clusters().register(ONE, true)).isEqualTo(REGISTERED);
    pass(Duration.ofSeconds(2));
    Registration refused = ledger().clusters().register(rebuilt, true);
    assertThat(refused).isInstanceOf(Registration.IdInUse.class);
    assertThat(registered(refused).identity()).isEqualTo(CLUSTER);
    assertThat(registered(refused).secondsSinceSeen()).isBetween(1L, 60L);
    assertThat(ledger().clusters().register(TWO, true)).isEqualTo(REGISTERED);
    assertThat(ledger().clusters().register(ONE, true)).isEqualTo(REGISTERED);
  }

  @Test
  default void aClusterKeepsItsId() {
    ledger().clusters().register(ONE, true);
    Registration refused = ledger().clusters().register(new ClusterIdentity("new", "uid-1"), true);
    assertThat(refused).isInstanceOf(Registration.IdChanged.class);
    assertThat(registered(refused).identity()).isEqualTo(CLUSTER);
  }

  @Test
  default void theLedgerIsSharedOnlyIfBothClustersAllowIt() {
    assertThat(ledger().clusters().register(ONE, false)).isEqualTo(REGISTERED);
    pass(Duration.ofMillis(2));
    for (boolean shared : List.of(true, false)) {
      Registration refused = ledger().clusters().register(TWO, shared);
      assertThat(refused).isInstanceOf(Registration.NotShared.class);
      assertThat(registered(refused).identity()).isEqualTo(CLUSTER);
    }
    assertThat(ledger().clusters().register(ONE, true)).isEqualTo(REGISTERED);
    assertThat(ledger().clusters().register(TWO, false)).isInstanceOf(Registration.NotShared.class);
    assertThat(ledger().clusters().register(TWO, true)).isEqualTo(REGISTERED);
    pass(Duration.ofMillis(2));
    assertThat(ledger().clusters().register(ONE, false))
        .as("the one that was registered first is not refused")
        .isEqualTo(REGISTERED);
    assertThat(ledger().clusters().register(TWO, true)).isInstanceOf(Registration.NotShared.class);
  }

  @Test
  default void onlyASilentClusterIsRetiredAndItsIdIsFreeThen() {
    ledger().clusters().register(ONE, true);
    assertThat(ledger().clusters().retire("uid-1", Duration.ofHours(1))).as("alive").isEmpty();
    assertThat(ledger().clusters().retire("uid-7", Duration.ZERO)).as("unknown").isEmpty();
    assertThat(ledger().clusters().retire("uid-1", Duration.ZERO))
        .hasValueSatisfying(dead -> assertThat(dead.identity()).isEqualTo(CLUSTER));
    assertThat(ledger().clusters().retire("uid-1", Duration.ZERO)).as("before").isEmpty();
    assertThat(ledger().clusters().register(ONE, true)).isEqualTo(new Registration.Retired());
    ClusterIdentity rebuilt = new ClusterIdentity("one", "uid-9");
    assertThat(ledger().clusters().register(rebuilt, false)).isEqualTo(REGISTERED);
  }

  @Test
  default void aRetiredClusterClaimsNothingAndItsLiveAttemptsAreFound() {
    ledger().clusters().register(ONE, true);
    ledger().clusters().register(TWO, true);
    Attempt claimed = claimed(accepted(RunBuilder.named("r1").client("a")));
    Attempt bound = bound(accepted(RunBuilder.named("r2").client("b")));
    Run waiting = accepted(RunBuilder.named("r3").client("c"));
    assertThat(ledger().maintenance().attemptsOfRetiredClusters(10)).isEmpty();

    ledger().clusters().retire("uid-1", Duration.ZERO);

    assertThat(ledger().maintenance().attemptsOfRetiredClusters(10))
        .containsExactlyInAnyOrder(claimed, bound);
    assertThat(ledger().maintenance().attemptsOfRetiredClusters(1)).hasSize(1);
    assertThat(claim(waiting)).isEmpty();
    assertThat(load(waiting)).isEqualTo(waiting);
    finish(bound, FailureCause.CLUSTER_RETIRED);
    assertThat(ledger().maintenance().attemptsOfRetiredClusters(10)).containsExactly(claimed);
  }

  @Test
  default void onlyClaimsOfSilentClustersAreAbandoned() {
    ledger().clusters().register(ONE, true);
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
    ledger().clusters().register(ONE, true);
    claimed(accepted(RunBuilder.named("r")));
    pass(Duration.ofMillis(500));
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ofMillis(500), 10))
        .hasSize(1);
    ledger().clusters().register(ONE, true);
    assertThat(ledger().maintenance().claimsOfSilentClusters(Duration.ofMinutes(1), 10)).isEmpty();
  }
}
