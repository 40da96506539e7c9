/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.TimeZone;
import org.junit.jupiter.api.Test;

/** What the constraints of the tables refuse, even if the code had a defect. */
interface ConstraintTests extends SqlFixture {

  List<Integer> CHECK_VIOLATED = List.of(3819, 4025);
  int DUPLICATE = 1062;
  int WRONG_TEXT = 1366;

  default int errorOf(String statement) {
    try {
      sql().handle().execute(statement);
      throw new AssertionError("was not refused: " + statement);
    } catch (org.jdbi.v3.core.JdbiException e) {
      return ((SQLException) e.getCause()).getErrorCode();
    }
  }

  default String insertAttempt(Attempt like, int number, long fence, String token) {
    return """
    INSERT INTO attempt (run_id, number, kind, admit_key, fence, cluster_identity, state, token, job_name,
      claimed_at) VALUES ('%s', %d, 'RUN', '%s', %d, 'one', 'CLAIMED', '%s', 'x', UTC_TIMESTAMP(6))
    """
        .formatted(like.run().id(), number, like.admitKey(), fence, token);
  }

  @Test
  default void aSecondLiveAttemptOfAKeyIsRefused() {
    Attempt live = claimed(accepted(RunBuilder.named("r")));
    assertThat(errorOf(insertAttempt(live, 2, 2, "another"))).isEqualTo(DUPLICATE);
    sql().handle().execute("UPDATE attempt SET state = 'ENDED'");
    sql().handle().execute(insertAttempt(live, 2, 2, "another"));
    assertThat(errorOf("UPDATE attempt SET state = 'CLAIMED' WHERE number = 1"))
        .isEqualTo(DUPLICATE);
  }

  @Test
  default void aFenceATokenAndAPodAreUsedOnce() {
    Attempt live = bound(accepted(RunBuilder.named("r")));
    sql().handle().execute("UPDATE attempt SET state = 'ENDED'");
    assertThat(errorOf(insertAttempt(live, 2, live.ref().fence(), "another"))).isEqualTo(DUPLICATE);
    assertThat(errorOf(insertAttempt(live, 2, 9, live.token()))).isEqualTo(DUPLICATE);
    assertThat(errorOf(insertAttempt(live, 1, 9, "another"))).isEqualTo(DUPLICATE);
    sql().handle().execute(insertAttempt(live, 2, 9, "another"));
    assertThat(errorOf("UPDATE attempt SET pod_uid = '%s'".formatted(podOf(live))))
        .isEqualTo(DUPLICATE);
  }

  @Test
  default void moreThanThePolicyAllowsIsRefused() {
    accepted(RunBuilder.named("r").maxAttempts(2).maxInfra(1));
    sql().handle().execute("UPDATE run SET counted = 2, infra = 1");
    for (String change : List.of("counted = 3", "infra = 2", "max_attempts = 1", "counted = -1")) {
      assertThat(errorOf("UPDATE run SET " + change)).isIn(CHECK_VIOLATED);
    }
  }

  @Test
  default void thereIsOneMetaRow() {
    assertThat(errorOf("INSERT INTO meta (id, schema_version) VALUES (2, 1)")).isIn(CHECK_VIOLATED);
    assertThat(errorOf("INSERT INTO meta (id, schema_version) VALUES (1, 1)")).isEqualTo(DUPLICATE);
  }

  @Test
  default void identifiersAreComparedByteByByte() {
    sql()
        .handle()
        .execute("INSERT INTO client_mutex (admit_key) VALUES ('t/acme/g'), ('t/Acme/g')");
    assertThat(errorOf("INSERT INTO client_mutex (admit_key) VALUES ('t/acme/g')"))
        .isEqualTo(DUPLICATE);
    assertThat(errorOf("INSERT INTO client_mutex (admit_key) VALUES ('t/äcme/g')"))
        .isEqualTo(WRONG_TEXT);
    assertThat(sql().count("SELECT COUNT(*) FROM client_mutex WHERE admit_key = 't/acme/g'"))
        .isEqualTo(1);
    assertThat(
            sql()
                .count(
                    """
                    SELECT COUNT(*) FROM information_schema.columns
                    WHERE table_schema = DATABASE() AND collation_name IS NOT NULL
                      AND collation_name NOT IN ('ascii_bin', 'utf8mb4_bin')
                      AND table_name <> 'ledger_version'
                    """))
        .isZero();
  }

  @Test
  default void aRequestThatTheTablesRefuseIsRefusedWithTheReason() {
    RunBuilder wrong = RunBuilder.named("r").client("ä");
    assertThat(accept(wrong))
        .isInstanceOfSatisfying(
            Acceptance.Refused.class,
            refused ->
                assertThat(refused.message())
                    .contains("accept of run team-a/r")
                    .doesNotContain("\n"));
    assertThat(record(new RunKey("team-a", "r"))).isEmpty();
    assertThat(sql().count("SELECT COUNT(*) FROM client_mutex")).isZero();
  }

  @Test
  default void aRefusedRequestDoesNotAffectTheOthers() {
    RunBuilder wrong = RunBuilder.named("wrong").client("ä");
    List<Acceptance> answers =
        ledger()
            .runs()
            .accept(
                List.of(
                    request(RunBuilder.named("a").client("a")),
                    request(wrong),
                    request(RunBuilder.named("b").client("b"))));
    assertThat(answers)
        .hasExactlyElementsOfTypes(
            Acceptance.Accepted.class, Acceptance.Refused.class, Acceptance.Accepted.class);
    assertThat(record(wrong.key())).isEmpty();
    assertThat(heads()).hasSize(2);
    assertThat(sql().count("SELECT COUNT(*) FROM client_mutex")).isEqualTo(2);
  }

  @Test
  default void aRequestThatIsNotAcceptedLeavesNoKey() {
    RunBuilder used = RunBuilder.named("used");
    accepted(used);
    ledger()
        .runs()
        .accept(
            List.of(
                request(RunBuilder.named("new").client("new")),
                request(used.another().client("zeta")),
                request(used.another().withoutMutex()),
                request(
                    RunBuilder.named("canceled").withoutMutex().desired(DesiredState.Canceled))));
    assertThat(
            sql()
                .handle()
                .createQuery("SELECT admit_key FROM client_mutex ORDER BY admit_key")
                .mapTo(String.class)
                .list())
        .containsExactly("team-a/acme/default", "team-a/new/default");
  }

  @Test
  default void largeRequestsAreAcceptedInSeveralPackets() {
    List<AcceptRequest> large = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      large.add(request(RunBuilder.named("r" + i).request("x".repeat(900_000))));
    }
    assertThat(ledger().runs().accept(large))
        .hasSize(40)
        .hasOnlyElementsOfType(Acceptance.Accepted.class);
  }

  @Test
  default void theZoneOfTheJvmChangesNoTime() {
    // a local time that New York skips
    Instant gap = Instant.parse("2030-03-10T02:30:00.123456Z");
    RunBuilder asking = RunBuilder.named("r").notBefore(gap);
    TimeZone before = TimeZone.getDefault();
    TimeZone.setDefault(TimeZone.getTimeZone("America/New_York"));
    try (MySqlLedger there = open(sql().config(), new SimpleMeterRegistry())) {
      accept(there, asking);
      assertThat(
              there
                  .queries()
                  .load(asking.key(), CLUSTER)
                  .run(asking.key())
                  .orElseThrow()
                  .run()
                  .times()
                  .notBefore())
          .contains(gap);
      assertThat(there.queries().now())
          .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
    } finally {
      TimeZone.setDefault(before);
    }
    assertThat(
            sql().count("SELECT COUNT(*) FROM run WHERE not_before = '2030-03-10 02:30:00.123456'"))
        .isEqualTo(1);
  }

  @Test
  default void aKeyForOneRunIsDeletedWithTheRunAndThatOfAClientStays() {
    Run own = accepted(RunBuilder.named("own").withoutMutex());
    Run client = accepted(RunBuilder.named("r"));
    for (Run run : List.of(own, client)) {
      tried(run, io.luigioperator.run.Verdict.SUCCEEDED);
    }
    assertThat(sql().count("SELECT COUNT(*) FROM client_mutex WHERE admit_key LIKE '~%'")).isZero();
    assertThat(sql().count("SELECT fence FROM client_mutex")).isEqualTo(1);
    RunBuilder canceled =
        RunBuilder.named("c").withoutMutex().desired(io.luigioperator.api.DesiredState.Canceled);
    accepted(canceled);
    accept(canceled);
    assertThat(sql().count("SELECT COUNT(*) FROM client_mutex")).isEqualTo(1);
  }
}
