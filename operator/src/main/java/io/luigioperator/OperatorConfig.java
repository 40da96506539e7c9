/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.luigioperator.admission.Capacity;
import io.luigioperator.api.Priority;
import io.luigioperator.ledger.LedgerConfig;
import io.luigioperator.ledger.LedgerConfig.Ssl;
import io.luigioperator.reconcile.Sweep;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Limits;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * The configuration, read once from the environment. {@link #from} reports all problems at once;
 * {@code toString} shows no secret.
 *
 * @param clusterId the name of this cluster among those that share the database
 * @param sharedLedger whether other clusters may use the database too
 * @param namespaces the namespaces with runs; empty: all
 * @param ageing the head start of each priority
 * @param httpPort port of health and metrics
 * @param logLevel only validated here: logback.xml reads the same variable before
 * @param leaseName name of the Lease of the leader, unique per installation in a namespace
 * @param leaseNamespace namespace of this Lease
 * @param podName identity of this replica in the Lease
 */
public record OperatorConfig(
    String clusterId,
    boolean sharedLedger,
    List<String> namespaces,
    LedgerConfig ledger,
    Capacity capacity,
    Limits limits,
    Sweep.Retention retention,
    Ageing ageing,
    int httpPort,
    LogLevel logLevel,
    String leaseName,
    String leaseNamespace,
    String podName) {

  public enum LogLevel {
    ERROR,
    WARN,
    INFO,
    DEBUG,
    TRACE
  }

  /** The configuration is invalid; each problem says what to do. */
  public static final class Invalid extends Exception {
    private static final long serialVersionUID = 1L;

    private final List<String> problems;

    Invalid(List<String> problems) {
      super("configuration: " + String.join("; ", problems));
      this.problems = List.copyOf(problems);
    }

    public List<String> problems() {
      return problems;
    }
  }

  static final String PREFIX = "LUIGI_OPERATOR_";

  private static final Pattern LABEL = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");
  private static final Pattern SUBDOMAIN = Pattern.compile("[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?");
  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9.:_-]{1,253}");
  private static final Pattern SCHEMA = Pattern.compile("[A-Za-z0-9_-]{1,64}");
  private static final Duration WEEK = Duration.ofDays(7);

  public OperatorConfig {
    namespaces = List.copyOf(namespaces);
  }

  /** Reads the environment of the process. */
  public static OperatorConfig from(Map<String, String> environment) throws Invalid {
    Environment env = new Environment(PREFIX, environment);
    OperatorConfig config = read(env);
    env.rejectUnknown();
    if (!env.problems().isEmpty()) {
      throw new Invalid(env.problems());
    }
    return config;
  }

  /** The names of all variables. */
  public static List<String> keys() {
    Environment env = new Environment(PREFIX, Map.of());
    read(env);
    return env.known().stream().map(key -> PREFIX + key).toList();
  }

  private static OperatorConfig read(Environment env) {
    return new OperatorConfig(
        env.required("CLUSTER_ID", LABEL, "a DNS label such as prod-eu that never changes"),
        env.flag("SHARED_LEDGER", false),
        env.list("NAMESPACES", LABEL, "namespaces, separated by commas; empty for all"),
        ledger(env),
        capacity(env),
        Limits.DEFAULT.withNodeLossHold(
            env.seconds("NODE_LOSS_HOLD_SECONDS", 600, 0, WEEK.toSeconds())),
        new Sweep.Retention(
            env.seconds("JOB_TTL_SECONDS", 3_600, 60, 30 * WEEK.toSeconds()),
            env.seconds("FAILED_JOB_TTL_SECONDS", 86_400, 60, 30 * WEEK.toSeconds()),
            Duration.ofDays(env.number("HISTORY_DAYS", 400, 1, 36_500))),
        ageing(env),
        env.number("HTTP_PORT", 8080, 1, 65_535),
        env.choice("LOG_LEVEL", LogLevel.INFO),
        env.optional("LEASE_NAME", SUBDOMAIN, "luigi-operator", "a name for the leader's Lease"),
        env.required("LEASE_NAMESPACE", LABEL, "the operator's own namespace"),
        env.required("POD_NAME", SUBDOMAIN, "the pod's own name, from the downward API"));
  }

  private static Capacity capacity(Environment env) {
    int perNamespace = env.number("CAPACITY_MAX_RUNNING_PER_NAMESPACE", 0, 0, 10_000);
    return new Capacity(
        env.number("CAPACITY_MAX_RUNNING", 20, 1, 10_000),
        perNamespace == 0 ? OptionalInt.empty() : OptionalInt.of(perNamespace));
  }

  private static LedgerConfig ledger(Environment env) {
    Ssl mode = env.choice("MYSQL_SSL_MODE", Ssl.VERIFY_IDENTITY);
    Optional<Path> ca = env.optional("MYSQL_CA_FILE").map(Path::of);
    ca.ifPresent(path -> requireReadable(env, "MYSQL_CA_FILE", path, "mount the CA there"));
    Path password =
        Path.of(
            env.required(
                "MYSQL_PASSWORD_FILE",
                Pattern.compile(".{1,1024}"),
                "the file with that user's password (from a Secret)"));
    if (!password.toString().isEmpty()) {
      requireReadable(env, "MYSQL_PASSWORD_FILE", password, "mount the Secret there");
    }
    if (ca.isPresent() && mode == Ssl.REQUIRED) {
      env.problem(
          "MYSQL_CA_FILE",
          ("has no effect with %1$sMYSQL_SSL_MODE %2$s: set %1$sMYSQL_SSL_MODE to VERIFY_CA or"
                  + " VERIFY_IDENTITY, or unset this variable")
              .formatted(PREFIX, mode));
    }
    return new LedgerConfig(
        env.required("MYSQL_HOST", HOST, "the host name of the MySQL server"),
        env.number("MYSQL_PORT", 3306, 1, 65_535),
        env.required("MYSQL_DATABASE", SCHEMA, "the schema, used by nothing but the operator"),
        env.required("MYSQL_USER", Pattern.compile(".{1,128}"), "the user of the operator"),
        password,
        mode,
        ca.filter(path -> mode != Ssl.REQUIRED),
        LedgerConfig.DEFAULT_POOL_SIZE);
  }

  private static void requireReadable(Environment env, String key, Path file, String advice) {
    if (!Files.isReadable(file)) {
      env.problem(key, "file " + file + " is not readable: " + advice);
    }
  }

  private static Ageing ageing(Environment env) {
    String example = "such as Low=0,Normal=3600,High=14400,Critical=86400";
    Optional<String> text = env.optional("HEAD_START_SECONDS");
    if (text.isEmpty()) {
      return Ageing.DEFAULT;
    }
    Map<Priority, Duration> parsed = new EnumMap<>(Priority.class);
    for (String pair : text.get().split(",", -1)) {
      String[] half = pair.strip().split("=", -1);
      Optional<Priority> priority =
          Arrays.stream(Priority.values()).filter(p -> p.name().equals(half[0])).findFirst();
      boolean valid = half.length == 2 && half[1].matches("[0-9]{1,6}") && priority.isPresent();
      if (!valid || parsed.containsKey(priority.get())) {
        env.problem(
            "HEAD_START_SECONDS", "contains \"" + pair + "\": list each priority once, " + example);
        return Ageing.DEFAULT;
      }
      parsed.put(priority.get(), Duration.ofSeconds(Long.parseLong(half[1])));
    }
    List<Priority> rising =
        List.of(Priority.Low, Priority.Normal, Priority.High, Priority.Critical);
    if (!parsed.keySet().containsAll(rising)) {
      env.problem("HEAD_START_SECONDS", "lacks a priority: list all four, " + example);
      return Ageing.DEFAULT;
    }
    for (int i = 1; i < rising.size(); i++) {
      Duration lower = Objects.requireNonNull(parsed.get(rising.get(i - 1)));
      Duration higher = Objects.requireNonNull(parsed.get(rising.get(i)));
      if (higher.compareTo(lower) < 0) {
        env.problem(
            "HEAD_START_SECONDS",
            "is smaller for %s than for %s: set increasing values, %s"
                .formatted(rising.get(i), rising.get(i - 1), example));
      }
    }
    return new Ageing(parsed);
  }
}
