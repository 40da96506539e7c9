/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.luigioperator.OperatorConfig.Invalid;
import io.luigioperator.OperatorConfig.LogLevel;
import io.luigioperator.admission.Capacity;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.LedgerConfig.Ssl;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OperatorConfigTest {

  private static final Map<String, String> REQUIRED =
      Map.of(
          "LUIGI_OPERATOR_CLUSTER_ID", "here",
          "LUIGI_OPERATOR_MYSQL_HOST", "mysql.data.svc",
          "LUIGI_OPERATOR_MYSQL_DATABASE", "luigi_operator",
          "LUIGI_OPERATOR_MYSQL_USER", "luigi",
          "LUIGI_OPERATOR_MYSQL_PASSWORD_FILE", "pom.xml",
          "LUIGI_OPERATOR_LEASE_NAMESPACE", "luigi-system",
          "LUIGI_OPERATOR_POD_NAME", "luigi-operator-6f-x1");

  private static Map<String, String> with(String... pairs) {
    Map<String, String> env = new HashMap<>(REQUIRED);
    for (int i = 0; i < pairs.length; i += 2) {
      env.put("LUIGI_OPERATOR_" + pairs[i], pairs[i + 1]);
    }
    return env;
  }

  private static List<String> problems(Map<String, String> env) {
    Invalid invalid = catchThrowableOfType(Invalid.class, () -> OperatorConfig.from(env));
    assertThat(invalid).describedAs("problems").isNotNull();
    return invalid.problems();
  }

  @Test
  void unsetVariablesHaveTheDocumentedDefaults() throws Invalid {
    OperatorConfig config = OperatorConfig.from(REQUIRED);

    assertThat(config.namespaces()).isEmpty();
    assertThat(config.ledger().port()).isEqualTo(3306);
    assertThat(config.ledger().ssl()).isEqualTo(Ssl.VERIFY_IDENTITY);
    assertThat(config.ledger().caFile()).isEmpty();
    assertThat(config.capacity()).isEqualTo(new Capacity(20));
    assertThat(config.limits().nodeLossHold()).isEqualTo(Duration.ofMinutes(10));
    assertThat(config.retention().jobs()).isEqualTo(Duration.ofHours(1));
    assertThat(config.retention().failedJobs()).isEqualTo(Duration.ofDays(1));
    assertThat(config.retention().history()).isEqualTo(Duration.ofDays(400));
    assertThat(config.ageing().headStarts())
        .containsEntry(Priority.Low, Duration.ZERO)
        .containsEntry(Priority.Normal, Duration.ofHours(1))
        .containsEntry(Priority.High, Duration.ofHours(4))
        .containsEntry(Priority.Critical, Duration.ofHours(24));
    assertThat(config.httpPort()).isEqualTo(8080);
    assertThat(config.logLevel()).isEqualTo(LogLevel.INFO);
  }

  @Test
  void aNamespaceMayHaveALimitOfItsOwn() throws Invalid {
    assertThat(OperatorConfig.from(with("CAPACITY_MAX_RUNNING_PER_NAMESPACE", "3")).capacity())
        .isEqualTo(new Capacity(20, OptionalInt.of(3)));
    assertThat(OperatorConfig.from(with("CAPACITY_MAX_RUNNING_PER_NAMESPACE", "0")).capacity())
        .isEqualTo(new Capacity(20));
  }

  @Test
  void anEmptyValueCountsAsUnset() throws Invalid {
    assertThat(OperatorConfig.from(with("NAMESPACES", "", "MYSQL_CA_FILE", "", "HTTP_PORT", " ")))
        .isEqualTo(OperatorConfig.from(REQUIRED));
  }

  @Test
  void allProblemsAreReportedAtOnce() {
    assertThat(problems(Map.of("LUIGI_OPERATOR_HTTP_PORT", "http", "LUIGI_OPERATOR_NONSENSE", "1")))
        .hasSize(9)
        .anySatisfy(
            p ->
                assertThat(p)
                    .startsWith("LUIGI_OPERATOR_CLUSTER_ID: is not set: set it to a DNS label"))
        .anySatisfy(p -> assertThat(p).startsWith("LUIGI_OPERATOR_MYSQL_PASSWORD_FILE: is not set"))
        .contains("LUIGI_OPERATOR_HTTP_PORT: is \"http\": set it to a whole number from 1 to 65535")
        .anySatisfy(p -> assertThat(p).startsWith("LUIGI_OPERATOR_NONSENSE: is not a setting"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          CLUSTER_ID                | Prod_EU              | is invalid: set it to a DNS label
          NAMESPACES                | a,,b                 | contains "": set it to namespaces
          NAMESPACES                | Team_A               | contains "Team_A"
          MYSQL_HOST                | jdbc:mysql://x/y     | set it to the host name
          MYSQL_PORT                | 0                    | whole number from 1 to 65535
          MYSQL_PORT                | tcp://10.0.0.7:3306  | set enableServiceLinks: false
          MYSQL_DATABASE            | a/b                  | is invalid
          MYSQL_SSL_MODE            | required             | REQUIRED, VERIFY_CA, VERIFY_IDENTITY
          MYSQL_CA_FILE             | /nowhere/ca.pem      | file /nowhere/ca.pem is not readable: mount the CA
          MYSQL_PASSWORD_FILE       | /nowhere/password    | file /nowhere/password is not readable: mount the Secret
          CAPACITY_MAX_RUNNING      | -1                   | whole number from 1 to 10000
          CAPACITY_MAX_RUNNING      | 99999999999999999999 | whole number from 1 to 10000
          CAPACITY_MAX_RUNNING_PER_NAMESPACE | 10001       | whole number from 0 to 10000
          NODE_LOSS_HOLD_SECONDS    | 604801               | whole number from 0 to 604800
          HISTORY_DAYS              | 0                    | whole number from 1
          JOB_TTL_SECONDS           | 1h                   | whole number from 60
          FAILED_JOB_TTL_SECONDS    | 1                    | whole number from 60
          HEAD_START_SECONDS        | Low=0,Normal=1       | lacks a priority
          HEAD_START_SECONDS        | Low=0,Low=1          | list each priority once
          HEAD_START_SECONDS        | Lowest=0             | contains "Lowest=0"
          HEAD_START_SECONDS        | Low=9,Normal=1,High=2,Critical=3 | is smaller for Normal than for Low
          LOG_LEVEL                 | LOUD                 | ERROR, WARN, INFO, DEBUG, TRACE
          LEASE_NAME                | a/b                  | is invalid
          LEASE_NAMESPACE           | a.b                  | is invalid
          POD_NAME                  | -x                   | is invalid
          """)
  void theProblemOfAnInvalidValueSaysWhatToDo(String key, String value, String message) {
    assertThat(problems(with(key, value)))
        .anySatisfy(
            p -> assertThat(p).startsWith("LUIGI_OPERATOR_" + key + ": ").contains(message));
  }

  @Test
  void aCaWithoutEffectIsAProblem(@TempDir Path dir) throws Exception {
    Path ca = Files.writeString(dir.resolve("ca.pem"), "");
    assertThat(problems(with("MYSQL_CA_FILE", ca.toString(), "MYSQL_SSL_MODE", "REQUIRED")))
        .singleElement()
        .asString()
        .contains("set LUIGI_OPERATOR_MYSQL_SSL_MODE to VERIFY_CA or VERIFY_IDENTITY");
  }

  @Test
  void anUnknownVariableIsAProblemWithASuggestion() {
    assertThat(problems(with("MYSQL_PASWORD_FILE", "x")))
        .containsExactly(
            "LUIGI_OPERATOR_MYSQL_PASWORD_FILE: is not a setting: did you mean"
                + " LUIGI_OPERATOR_MYSQL_PASSWORD_FILE?");
  }

  @Test
  void variablesThatKubernetesSetsForServicesAreIgnored() throws Invalid {
    assertThat(
            OperatorConfig.from(
                with(
                    "SERVICE_HOST", "10.0.0.1",
                    "SERVICE_PORT", "8080",
                    "SERVICE_PORT_HTTP", "8080",
                    "PORT", "tcp://10.0.0.1:8080",
                    "PORT_8080_TCP", "tcp://10.0.0.1:8080",
                    "PORT_8080_TCP_ADDR", "10.0.0.1",
                    "MYSQL_SERVICE_HOST", "10.0.0.2")))
        .isEqualTo(OperatorConfig.from(REQUIRED));
  }
}
