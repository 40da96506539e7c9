/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.run.Verdict;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The password of the user changes on MySQL 9 while the ledger is used; nothing is restarted. */
class PasswordRotationIT implements LedgerFixture {

  private static final int OPERATORS = 4;
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final List<AtomicInteger> finished =
      Stream.generate(AtomicInteger::new).limit(OPERATORS).toList();
  private final AtomicBoolean stopping = new AtomicBoolean();
  private final Queue<LedgerUnavailable> errors = new ConcurrentLinkedQueue<>();

  private Sql admin;
  private Path file;
  private MySqlLedger ledger;
  private List<Thread> load;

  @BeforeEach
  void startLoad() {
    admin = MySqlServer.shared().server().freshDatabase("rotation");
    admin.handle().execute("DROP USER IF EXISTS rotating");
    admin.handle().execute("CREATE USER rotating IDENTIFIED BY 'p0' REQUIRE SSL");
    admin.handle().execute("GRANT ALL ON " + admin.config().database() + ".* TO rotating");
    file = SqlServer.passwordFile("p0\n");
    ledger = open();
    load =
        IntStream.range(0, OPERATORS)
            .mapToObj(operator -> Thread.ofVirtual().start(() -> use(operator)))
            .toList();
    awaitProgress();
  }

  @AfterEach
  void stopLoad() throws InterruptedException {
    stopping.set(true);
    for (Thread thread : load) {
      thread.join(LIMIT);
    }
    ledger.close();
    admin.handle().execute("DROP USER rotating");
    admin.close();
  }

  /** As docs/operations.md describes it. */
  @Test
  void aPasswordThatTheServerKeepsForAWhileIsRotatedWithoutARefusal() throws IOException {
    for (int i = 1; i <= 5; i++) {
      alter("IDENTIFIED BY 'p%d' RETAIN CURRENT PASSWORD".formatted(i));
      replaceSessions();
      replaceFile("p" + i);
      replaceSessions();
      alter("DISCARD OLD PASSWORD");
      replaceSessions();
    }

    assertThat(refusals()).isEmpty();
    Path first = SqlServer.passwordFile("p0");
    assertThatThrownBy(() -> open(first))
        .hasMessageContaining("the password of user rotating is read from " + first);
  }

  /** The last password that the server accepted is used until it accepts the new one. */
  @Test
  void aSecretThatChangesBeforeTheServerCausesNoRefusal() throws IOException {
    for (int i = 1; i <= 5; i++) {
      replaceFile("p" + i);
      replaceSessions();
      alter("IDENTIFIED BY 'p%d'".formatted(i));
      replaceSessions();
    }

    assertThat(refusals()).isEmpty();
  }

  /** New sessions fail until the Secret follows; open ones continue. */
  @Test
  void aSecretThatChangesAfterTheServerIsUsedAsSoonAsItChanges() throws IOException {
    alter("IDENTIFIED BY 'p1'");
    awaitProgress();
    killSessions();
    Awaitility.await().atMost(LIMIT).until(() -> refusals().size() >= OPERATORS);
    replaceFile("p1");
    awaitProgress();
  }

  @Test
  void aMissingFileIsNamed() throws IOException {
    Path missing = SqlServer.passwordFile("x");
    Files.delete(missing);
    assertThatThrownBy(() -> open(missing))
        .isInstanceOf(LedgerUnavailable.class)
        .hasMessageContaining("the password file " + missing + " cannot be read");
  }

  @Override
  public Ledger ledger() {
    return ledger;
  }

  @Override
  public void pass(Duration duration) {
    throw new UnsupportedOperationException();
  }

  /** Repeats after an error, as the operator does. */
  private void use(int operator) {
    for (int n = 0; !stopping.get(); n++) {
      try {
        String name = "r" + operator + "-" + n;
        finish(bound(accepted(RunBuilder.named(name).client(name))), Verdict.SUCCEEDED)
            .orElseThrow();
        finished.get(operator).incrementAndGet();
      } catch (LedgerUnavailable e) {
        errors.add(e);
      }
    }
  }

  private List<String> refusals() {
    return errors.stream()
        .map(LedgerUnavailable::getMessage)
        .filter(message -> message.contains("Access denied"))
        .toList();
  }

  /** The pool must open new ones. */
  private void replaceSessions() {
    killSessions();
    awaitProgress();
  }

  private void killSessions() {
    List<Long> sessions =
        admin
            .handle()
            .createQuery("SHOW PROCESSLIST")
            .map((rs, ctx) -> rs.getString("User").equals("rotating") ? rs.getLong("Id") : 0)
            .filter(id -> id > 0)
            .list();
    assertThat(sessions).isNotEmpty();
    for (long session : sessions) {
      try {
        admin.handle().execute("KILL " + session);
      } catch (UnableToExecuteStatementException e) {
        assertThat(e).hasMessageContaining("Unknown thread id"); // it has ended by itself
      }
    }
  }

  private void awaitProgress() {
    List<Integer> before = finished.stream().map(AtomicInteger::get).toList();
    Awaitility.await()
        .atMost(LIMIT)
        .until(
            () ->
                IntStream.range(0, OPERATORS)
                    .allMatch(i -> finished.get(i).get() >= before.get(i) + 2));
  }

  private void alter(String what) {
    admin.handle().execute("ALTER USER rotating " + what);
  }

  /** As the kubelet does it: at once, by a rename. */
  private void replaceFile(String password) throws IOException {
    Path next = SqlServer.passwordFile(password);
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private MySqlLedger open() {
    return open(file);
  }

  private MySqlLedger open(Path passwordFile) {
    LedgerConfig c = admin.config();
    LedgerConfig rotating =
        new LedgerConfig(
            c.host(),
            c.port(),
            c.database(),
            "rotating",
            passwordFile,
            c.ssl(),
            Optional.empty(),
            c.poolSize());
    return MySqlLedger.open(
        rotating, AGEING, new Random(1), Thread::sleep, new SimpleMeterRegistry());
  }
}
