/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.LedgerQueries.Head;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which run is next, and that a key has one live attempt. */
interface ClaimContract extends LedgerFixture {

  @Test
  default void aClaimMakesTheFirstAttempt() {
    Run run = accepted(RunBuilder.named("r"));
    String token = token();
    Claimed claimed =
        ledger().attempts().claim(run.admitKey(), run.key(), token, CLUSTER).orElseThrow();
    Attempt attempt = claimed.attempt();
    assertThat(attempt.ref()).isEqualTo(new AttemptRef(run.key(), 1, 1));
    assertThat(attempt.state()).isEqualTo(AttemptState.CLAIMED);
    assertThat(attempt.token()).isEqualTo(token);
    assertThat(attempt.cluster()).isEqualTo(CLUSTER);
    assertThat(attempt.jobName()).isEqualTo("r-a1");
    assertThat(attempt.admitKey()).isEqualTo(run.admitKey());
    assertThat(claimed.now()).isEqualTo(attempt.claimedAt());
    assertThat(claimed.object()).contains(object(run.key()));
    assertThat(claimed.run().state()).isEqualTo(RunState.ACTIVE);
    assertThat(claimed.run().budget()).isEqualTo(new Run.Budget(1, 1, 0, 0, 3, 3));
    assertThat(record(run).run()).isEqualTo(claimed.run());
    assertThat(record(run).attempts()).filteredOn(Attempt::isLive).containsExactly(attempt);
    assertThat(record(run).holder()).contains(run.key());
    assertThat(reload(attempt)).isEqualTo(attempt);
    assertThat(heads()).isEmpty();
  }

  @Test
  default void aKeyHasOneLiveAttempt() {
    Run first = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    Run second = accepted(RunBuilder.named("r2"));
    claimed(first);
    assertThat(claim(first)).isEmpty();
    assertThat(claim(second)).isEmpty();
    assertThat(heads()).isEmpty();
    assertThat(record(second).holder()).contains(first.key());
    assertThat(load(second)).isEqualTo(second);
  }

  @Test
  default void onlyTheHeadIsClaimed() {
    Run first = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    Run second = accepted(RunBuilder.named("r2"));
    assertThat(heads()).containsExactly(first.key());
    assertThat(claim(second)).isEmpty();
    assertThat(load(second)).isEqualTo(second);
    assertThat(heads()).containsExactly(first.key());
    assertThat(claim(first)).isPresent();
  }

  @Test
  default void unknownKeysAndRunsAreNotClaimed() {
    Run run = accepted(RunBuilder.named("r"));
    AdmitKey unknown = AdmitKey.ofClient("team-a", "unknown", "default");
    assertThat(ledger().attempts().claim(unknown, run.key(), token(), CLUSTER)).isEmpty();
    RunKey nobody = new RunKey("team-a", "nobody");
    assertThat(ledger().attempts().claim(run.admitKey(), nobody, token(), CLUSTER)).isEmpty();
    assertThat(load(run)).isEqualTo(run);
    assertThat(heads()).containsExactly(run.key());
  }

  @Test
  default void aTokenClaimsOnce() {
    Run run = accepted(RunBuilder.named("r").withoutMutex());
    String token = token();
    Attempt first =
        ledger()
            .attempts()
            .claim(run.admitKey(), run.key(), token, CLUSTER)
            .orElseThrow()
            .attempt();
    assertThat(ledger().attempts().claim(run.admitKey(), run.key(), token, CLUSTER)).isEmpty();
    finish(bound(first), Verdict.TASK_FAILED);
    ledger().maintenance().due(10);
    assertThat(ledger().attempts().claim(run.admitKey(), run.key(), token, CLUSTER)).isEmpty();
    assertThat(load(run).state()).isEqualTo(RunState.READY);
  }

  @Test
  default void waitingRunsAreNotClaimed() {
    Run held = accepted(RunBuilder.named("held").desired(DesiredState.Held));
    Run delayed =
        accepted(RunBuilder.named("delayed").notBefore(ledger().queries().now().plusSeconds(99)));
    assertThat(claim(held)).isEmpty();
    assertThat(claim(delayed)).isEmpty();
    Run ready = accepted(RunBuilder.named("ready"));
    assertThat(heads()).containsExactly(ready.key());
    ledger().runs().cancel(ready.key(), Reasons.CANCELED, "");
    assertThat(heads()).isEmpty();
    assertThat(claim(ready)).isEmpty();
  }

  @Test
  default void clientsAndRunsWithoutMutexDoNotWaitForEachOther() {
    List<Run> runs =
        List.of(
            accepted(RunBuilder.named("a").client("a")),
            accepted(RunBuilder.named("b").client("b")),
            accepted(RunBuilder.named("own1").withoutMutex()),
            accepted(RunBuilder.named("own2").withoutMutex()));
    assertThat(heads()).hasSize(4);
    runs.forEach(this::bound);
    assertThat(ledger().queries().liveAttempts(CLUSTER))
        .extracting(a -> a.run())
        .containsExactlyElementsOf(runs.stream().map(Run::key).toList());
    assertThat(ledger().queries().liveAttempts(OTHER_CLUSTER)).isEmpty();
  }

  @Test
  default void fencesOfAKeyGrowWithEveryClaim() {
    Run first = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    Run second = accepted(RunBuilder.named("r2"));
    List<Attempt> attempts = new ArrayList<>();
    for (Run run : List.of(first, first, second)) {
      Attempt attempt = claimed(run);
      attempts.add(attempt);
      finish(bound(attempt), attempts.size() == 1 ? Verdict.TASK_FAILED : Verdict.SUCCEEDED);
      ledger().maintenance().due(10);
    }
    assertThat(attempts).extracting(a -> a.ref().fence()).containsExactly(1L, 2L, 3L);
    assertThat(attempts).extracting(Attempt::number).containsExactly(1, 2, 1);
  }

  @Test
  default void retriesOfARunWithoutMutexGetHigherFencesToo() {
    Run run = accepted(RunBuilder.named("own").withoutMutex());
    tried(run, FailureCause.EVICTED);
    Attempt second = claimed(run);
    assertThat(second.ref()).isEqualTo(new AttemptRef(run.key(), 2, 2));
    Run done = finish(bound(second), Verdict.SUCCEEDED).orElseThrow();
    assertThat(done.state()).isEqualTo(RunState.SUCCEEDED);
    assertThat(record(run).holder()).isEmpty();
    assertThat(heads()).isEmpty();
  }

  @Test
  default void higherPriorityGoesFirstAndAgeingBoundsIt() {
    Run low = accepted(RunBuilder.named("low").client("a").priority(Priority.Low));
    pass(Duration.ofMillis(300));
    // accepted later than the head start of Normal over Low
    Run normal = accepted(RunBuilder.named("normal").client("b").priority(Priority.Normal));
    Run high = accepted(RunBuilder.named("high").client("c").priority(Priority.High));
    Run critical = accepted(RunBuilder.named("critical").client("d").priority(Priority.Critical));
    assertThat(heads()).containsExactly(critical.key(), high.key(), low.key(), normal.key());
  }

  @Test
  default void withinAKeyTheOrderIsTheSame() {
    Run low = accepted(RunBuilder.named("low").priority(Priority.Low));
    pass(Duration.ofMillis(1));
    Run high = accepted(RunBuilder.named("high").priority(Priority.High));
    assertThat(heads()).containsExactly(high.key());
    assertThat(claim(low)).isEmpty();
    finish(bound(high), Verdict.SUCCEEDED);
    assertThat(heads()).containsExactly(low.key());
  }

  @Test
  default void retriesKeepTheirVirtualStart() {
    Run first = accepted(RunBuilder.named("r1"));
    pass(Duration.ofMillis(1));
    accepted(RunBuilder.named("r2"));
    Run retried = tried(first, Verdict.TASK_FAILED);
    assertThat(retried.times().admitAt()).isEqualTo(first.times().admitAt());
    assertThat(heads()).containsExactly(first.key());
  }

  private Head head(Run run) {
    Optional<String> uid = Optional.of(object(run.key()).uid());
    return new Head(run.admitKey(), run.key(), run.times().admitAt(), uid, run.budget().claims());
  }

  @Test
  default void headsComeInPagesWithoutGapsOrDoubles() {
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      runs.add(accepted(RunBuilder.named("r" + i).client("c" + i % 4).withoutMutex()));
    }
    List<Head> expected =
        runs.stream()
            .map(r -> head(r))
            .sorted(Comparator.comparing(Head::openAt).thenComparing(Head::key))
            .toList();
    for (int size : List.of(1, 2, 3, 7, 8)) {
      assertThat(headsByPagesOf(size)).isEqualTo(expected);
    }
    claimed(runs.get(3));
    assertThat(headsByPagesOf(2)).hasSize(6).noneMatch(h -> h.run().equals(runs.get(3).key()));
  }

  @Test
  default void aHealthyLedgerNeedsNoRepair() {
    Run run = accepted(RunBuilder.named("r1").client("a"));
    accepted(RunBuilder.named("r2").client("b"));
    accepted(RunBuilder.named("r3").client("c"));
    bound(run);
    assertThat(ledger().maintenance().freeStaleHolders(10)).isEmpty();
    Optional<AdmitKey> cursor = Optional.empty();
    int pages = 0;
    do {
      LedgerMaintenance.Audit audit = ledger().maintenance().auditHeads(cursor, 1);
      assertThat(audit.corrected()).isEmpty();
      cursor = audit.next();
      pages++;
    } while (cursor.isPresent());
    assertThat(pages).isBetween(3, 4);
  }

  @Test
  default void aRecordShowsTheTenNewestAttempts() {
    Run run = accepted(RunBuilder.named("r").maxAttempts(20).withoutMutex());
    for (int i = 0; i < 12; i++) {
      tried(run, Verdict.TASK_FAILED);
    }
    assertThat(record(run).attempts())
        .extracting(Attempt::number)
        .containsExactly(12, 11, 10, 9, 8, 7, 6, 5, 4, 3);
    assertThat(record(run).attempts()).noneMatch(Attempt::isLive);
    assertThat(record(run).run().definition().request()).isEqualTo(run.definition().request());
  }

  @Test
  default void manyAttemptsAreLookedUpByTokenTogether() {
    Attempt ended = bound(accepted(RunBuilder.named("r1").client("a")));
    finish(ended, Verdict.SUCCEEDED);
    Attempt live = bound(accepted(RunBuilder.named("r2").client("b")));
    claimed(accepted(RunBuilder.named("r3").client("c")));
    List<String> tokens = new ArrayList<>(List.of(ended.token(), ended.token()));
    for (int i = 0; i < 600; i++) {
      tokens.add("nobody's " + i);
    }
    tokens.add(live.token());
    assertThat(ledger().queries().attemptsByToken(tokens).attempts())
        .containsOnly(
            Map.entry(ended.token(), reload(ended)), Map.entry(live.token(), reload(live)));
    assertThat(reload(ended).end()).isPresent();
    assertThat(ledger().queries().attemptsByToken(List.of()).attempts()).isEmpty();
  }
}
