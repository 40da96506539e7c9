/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.RepeatedTest;

/** The contract on MySQL 9, and what remains after the server was killed. */
class MySqlLedgerIT extends SqlContract {

  private static final int OPERATORS = 4;

  /** The last step of a run that was acknowledged. */
  private enum Step {
    NOTHING,
    ACCEPTED,
    CLAIMED,
    BOUND,
    FINISHED
  }

  @Override
  public SqlServer server() {
    return MySqlServer.shared().server();
  }

  @RepeatedTest(3)
  void whatWasAcknowledgedSurvivesKillingTheServer() throws InterruptedException {
    Map<RunKey, Step> heard = new ConcurrentHashMap<>();
    AtomicInteger answers = new AtomicInteger();
    CountDownLatch ended = new CountDownLatch(OPERATORS);
    for (int i = 0; i < OPERATORS; i++) {
      int operator = i;
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  for (int n = 0; ; n++) {
                    runOne("r" + operator + "-" + n, heard, answers);
                  }
                } catch (LedgerUnavailable e) {
                  ended.countDown(); // any other end leaves the latch up
                }
              });
    }
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(5))
        .until(() -> answers.get() >= 150);
    MySqlServer.shared().kill();
    assertThat(ended.await(60, TimeUnit.SECONDS)).as("all callers got an error").isTrue();

    MySqlServer.shared().start();
    sql().reconnect();
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .ignoreExceptionsInstanceOf(LedgerUnavailable.class)
        .until(() -> ledger().queries().countByState() != null);
    heard.forEach(
        (run, step) -> assertThat(found(run)).as(run.toString()).isGreaterThanOrEqualTo(step));
    assertThat(heard.values()).contains(Step.FINISHED);
  }

  private void runOne(String name, Map<RunKey, Step> heard, AtomicInteger answers) {
    RunBuilder asking = RunBuilder.named(name).client(name);
    Run run = accepted(asking);
    heard.put(run.key(), Step.ACCEPTED);
    Attempt claimed = claimed(run);
    heard.put(run.key(), Step.CLAIMED);
    Attempt bound = bound(claimed);
    heard.put(run.key(), Step.BOUND);
    finish(bound, Verdict.SUCCEEDED).orElseThrow();
    heard.put(run.key(), Step.FINISHED);
    answers.addAndGet(4);
  }

  private Step found(RunKey key) {
    Optional<RunRecord> record = record(key);
    if (record.isEmpty()) {
      return Step.NOTHING;
    }
    if (record.get().run().state() == RunState.SUCCEEDED) {
      return Step.FINISHED;
    }
    return record.get().attempts().stream()
        .filter(Attempt::isLive)
        .findFirst()
        .map(a -> a.state() == AttemptState.BOUND ? Step.BOUND : Step.CLAIMED)
        .orElse(Step.ACCEPTED);
  }
}
