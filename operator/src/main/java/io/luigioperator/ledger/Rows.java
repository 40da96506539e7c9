/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.statement.Query;

/** Maps rows of {@code run} and {@code attempt} to records of the package {@code run}, and back. */
final class Rows {

  /** Of the table {@code a}; {@link #attempt} reads them and {@code namespace} and {@code name}. */
  static final String ATTEMPT_COLUMNS =
      Stream.of(
              "number",
              "kind",
              "fence",
              "admit_key",
              "cluster_identity",
              "token",
              "job_name",
              "claimed_at",
              "job_uid",
              "pod_uid",
              "bound_at",
              "node",
              "stop_cause",
              "stop_message",
              "missing_since",
              "ended_at",
              "reason",
              "message",
              "exit_code",
              "termination_message")
          .map(c -> "a." + c + " AS a_" + c)
          .collect(Collectors.joining(", "));

  /** Of the table {@code r}, without the request, which may be large. */
  static final String SLIM_RUN_COLUMNS =
      """
      r.namespace, r.name, r.client, r.business_date, r.schedule, r.mutex_key, r.admit_key, \
      r.next_kind, r.state, r.reason, r.message, r.cancel, r.desired, r.priority, r.claims, r.counted, r.infra, r.uncounted, \
      r.max_attempts, r.max_infra, r.accepted_at, r.admit_at, r.not_before, r.start_deadline, \
      r.started_at, r.finished_at, r.request_sha, r.hash_version""";

  static final String RUN_COLUMNS = SLIM_RUN_COLUMNS + ", r.request";

  /** Of the table {@code o}; {@link #object} reads them. */
  static final String OBJECT_COLUMNS =
      "o.uid AS object_uid, o.applied_generation, o.created_at AS object_created_at, o.by_operator";

  private Rows() {}

  static Run run(ResultSet rs) throws SQLException {
    return new Run(
        new Run.Definition(
            new RunKey(rs.getString("namespace"), rs.getString("name")),
            rs.getString("client"),
            rs.getString("business_date"),
            rs.getString("schedule"),
            new AdmitKey(rs.getString("mutex_key")),
            Objects.requireNonNullElse(rs.getString("request"), ""),
            rs.getString("request_sha"),
            rs.getInt("hash_version")),
        new Run.StateDetails(
            known(RunState.class, "run.state", rs.getString("state")),
            rs.getString("reason"),
            rs.getString("message"),
            rs.getBoolean("cancel")),
        known(AttemptKind.class, "run.next_kind", rs.getString("next_kind")),
        known(DesiredState.class, "run.desired", rs.getString("desired")),
        known(Priority.class, "run.priority", rs.getString("priority")),
        new Run.Budget(
            rs.getInt("claims"),
            rs.getInt("counted"),
            rs.getInt("infra"),
            rs.getInt("uncounted"),
            rs.getInt("max_attempts"),
            rs.getInt("max_infra")),
        new Run.Times(
            time(rs, "accepted_at").orElseThrow(),
            time(rs, "admit_at").orElseThrow(),
            time(rs, "not_before"),
            time(rs, "start_deadline"),
            time(rs, "started_at"),
            time(rs, "finished_at")));
  }

  /** Columns that never change. */
  private static final List<String> RUN_FIXED =
      List.of(
          "run_id",
          "namespace",
          "name",
          "client",
          "business_date",
          "schedule",
          "schedule_id",
          "mutex_key",
          "max_infra",
          "accepted_at",
          "request",
          "request_sha",
          "hash_version");

  private static final List<String> RUN_CHANGING =
      List.of(
          "admit_key",
          "next_kind",
          "state",
          "reason",
          "message",
          "cancel",
          "desired",
          "priority",
          "claims",
          "counted",
          "infra",
          "uncounted",
          "max_attempts",
          "admit_at",
          "not_before",
          "start_deadline",
          "started_at",
          "finished_at");

  private static final List<String> RUN_COLUMNS_WRITTEN =
      Stream.of(RUN_FIXED, RUN_CHANGING).flatMap(List::stream).toList();

  /** Writes what may change of the run that is bound with the prefix {@code r_}. */
  static final String UPDATE_RUN = updateRun("r_");

  /**
   * @param prefix of the names in {@link #bind(Query, String, Run)}
   */
  static String updateRun(String prefix) {
    return "UPDATE run SET %s WHERE run_id = :%srun_id"
        .formatted(assignments(RUN_CHANGING, prefix), prefix);
  }

  /**
   * @param prefixes of the names in {@link #bind(Query, String, Run)}, one for each run
   */
  static String insertRuns(List<String> prefixes) {
    return insert("run", RUN_COLUMNS_WRITTEN, prefixes);
  }

  /** The same for runs that a schedule creates; each also binds {@code tick_schedule}. */
  static String insertRunsOfTicks(List<String> prefixes) {
    return insert(
        "run",
        Stream.concat(RUN_COLUMNS_WRITTEN.stream(), Stream.of("tick_schedule")).toList(),
        prefixes);
  }

  static Query bind(Query q, String prefix, Run run) {
    return q.bind(prefix + "run_id", run.key().id())
        .bind(prefix + "namespace", run.key().namespace())
        .bind(prefix + "name", run.key().name())
        .bind(prefix + "client", run.definition().client())
        .bind(prefix + "business_date", run.definition().businessDate())
        .bind(prefix + "schedule", run.definition().schedule())
        .bind(prefix + "schedule_id", scheduleId(run.definition()))
        .bind(prefix + "mutex_key", run.mutexKey().value())
        .bind(prefix + "max_infra", run.budget().maxInfra())
        .bind(prefix + "accepted_at", run.times().acceptedAt())
        .bind(prefix + "request", run.definition().request())
        .bind(prefix + "request_sha", run.definition().requestSha())
        .bind(prefix + "hash_version", run.definition().hashVersion())
        .bind(prefix + "admit_key", run.admitKey().value())
        .bind(prefix + "next_kind", run.nextKind().name())
        .bind(prefix + "state", run.state().name())
        .bind(prefix + "reason", run.stateDetails().reason())
        .bind(prefix + "message", run.stateDetails().message())
        .bind(prefix + "cancel", run.cancel())
        .bind(prefix + "desired", run.desired().name())
        .bind(prefix + "priority", run.priority().name())
        .bind(prefix + "claims", run.budget().claims())
        .bind(prefix + "counted", run.budget().counted())
        .bind(prefix + "infra", run.budget().infra())
        .bind(prefix + "uncounted", run.budget().uncounted())
        .bind(prefix + "max_attempts", run.budget().maxAttempts())
        .bind(prefix + "admit_at", run.times().admitAt())
        .bind(prefix + "not_before", run.times().notBefore())
        .bind(prefix + "start_deadline", run.times().startDeadline())
        .bind(prefix + "started_at", run.times().startedAt())
        .bind(prefix + "finished_at", run.times().finishedAt());
  }

  private static String scheduleId(Run.Definition definition) {
    return definition.scheduleKey().map(ScheduleKey::id).orElse("");
  }

  private static String assignments(List<String> columns, String prefix) {
    return columns.stream().map(c -> c + " = :" + prefix + c).collect(Collectors.joining(", "));
  }

  /**
   * @param prefixes one for each row
   */
  static String insert(String table, List<String> columns, List<String> prefixes) {
    String rows =
        prefixes.stream()
            .map(
                prefix ->
                    columns.stream()
                        .map(c -> ":" + prefix + c)
                        .collect(Collectors.joining(", ", "(", ")")))
            .collect(Collectors.joining(", "));
    return "INSERT INTO %s (%s) VALUES %s".formatted(table, String.join(", ", columns), rows);
  }

  /** Of a row with {@code namespace} and {@code name} of the run. */
  static Attempt attempt(ResultSet rs) throws SQLException {
    return attempt(rs, new RunKey(rs.getString("namespace"), rs.getString("name")));
  }

  static Attempt attempt(ResultSet rs, RunKey run) throws SQLException {
    Optional<Instant> boundAt = time(rs, "a_bound_at");
    Optional<Instant> endedAt = time(rs, "a_ended_at");
    Optional<String> stopCause = Optional.ofNullable(rs.getString("a_stop_cause"));
    int exitCode = rs.getInt("a_exit_code");
    OptionalInt exit = rs.wasNull() ? OptionalInt.empty() : OptionalInt.of(exitCode);
    String jobUid = rs.getString("a_job_uid");
    String podUid = rs.getString("a_pod_uid");
    String stopMessage = rs.getString("a_stop_message");
    String reason = rs.getString("a_reason");
    String message = rs.getString("a_message");
    String terminationMessage = rs.getString("a_termination_message");
    Optional<String> node = Optional.ofNullable(rs.getString("a_node"));
    Optional<Attempt.StopReason> stopReason =
        stopCause.map(
            cause ->
                new Attempt.StopReason(failureCause("attempt.stop_cause", cause), stopMessage));
    Optional<Instant> missingSince = time(rs, "a_missing_since");
    return new Attempt(
        new Attempt.Claim(
            new AttemptRef(run, rs.getInt("a_number"), rs.getLong("a_fence")),
            known(AttemptKind.class, "attempt.kind", rs.getString("a_kind")),
            new AdmitKey(rs.getString("a_admit_key")),
            rs.getString("a_cluster_identity"),
            rs.getString("a_token"),
            rs.getString("a_job_name"),
            time(rs, "a_claimed_at").orElseThrow()),
        boundAt.map(t -> new Attempt.Binding(jobUid, podUid, t, node, stopReason, missingSince)),
        endedAt.map(t -> new Attempt.End(t, reason, message, exit, terminationMessage)));
  }

  private static final List<String> ATTEMPT_CLAIM =
      List.of(
          "run_id",
          "number",
          "kind",
          "admit_key",
          "fence",
          "cluster_identity",
          "state",
          "token",
          "job_name",
          "claimed_at");

  private static final List<String> ATTEMPT_CHANGING =
      List.of(
          "state",
          "job_uid",
          "pod_uid",
          "bound_at",
          "node",
          "stop_cause",
          "stop_message",
          "missing_since",
          "ended_at",
          "reason",
          "message",
          "exit_code",
          "termination_message");

  /** Inserts a claim; {@link #UPDATE_ATTEMPT} writes the later columns. */
  static final String INSERT_ATTEMPT = insert("attempt", ATTEMPT_CLAIM, List.of("a_"));

  static final String UPDATE_ATTEMPT =
      "UPDATE attempt SET %s WHERE run_id = :a_run_id AND number = :a_number"
          .formatted(assignments(ATTEMPT_CHANGING, "a_"));

  static Query bind(Query q, Attempt attempt) {
    return q.bind("a_run_id", attempt.run().id())
        .bind("a_number", attempt.number())
        .bind("a_kind", attempt.kind().name())
        .bind("a_admit_key", attempt.admitKey().value())
        .bind("a_fence", attempt.ref().fence())
        .bind("a_cluster_identity", attempt.cluster())
        .bind("a_state", attempt.state().name())
        .bind("a_token", attempt.token())
        .bind("a_job_name", attempt.jobName())
        .bind("a_claimed_at", attempt.claimedAt())
        .bind("a_job_uid", attempt.binding().map(Attempt.Binding::jobUid))
        .bind("a_pod_uid", attempt.binding().map(Attempt.Binding::podUid))
        .bind("a_bound_at", attempt.binding().map(Attempt.Binding::boundAt))
        .bind("a_node", attempt.node())
        .bind("a_stop_cause", attempt.stopReason().map(s -> s.cause().reason()))
        .bind("a_stop_message", attempt.stopReason().map(Attempt.StopReason::message))
        .bind("a_missing_since", attempt.missingSince())
        .bind("a_ended_at", attempt.end().map(Attempt.End::endedAt))
        .bind("a_reason", attempt.end().map(Attempt.End::reason))
        .bind("a_message", attempt.end().map(Attempt.End::message))
        .bind("a_exit_code", attempt.end().map(Attempt.End::exitCode).orElse(OptionalInt.empty()))
        .bind("a_termination_message", attempt.end().map(Attempt.End::terminationMessage));
  }

  /**
   * @throws UnknownValue if a newer version wrote the value
   */
  static <E extends Enum<E>> E known(Class<E> type, String column, String value) {
    for (E constant : type.getEnumConstants()) {
      if (constant.name().equals(value)) {
        return constant;
      }
    }
    throw new UnknownValue(column, value);
  }

  /**
   * Stored as its reason, as in the column {@code reason}.
   *
   * @throws UnknownValue if a newer version wrote the value
   */
  private static FailureCause failureCause(String column, String reason) {
    return Arrays.stream(FailureCause.values())
        .filter(cause -> cause.reason().equals(reason))
        .findFirst()
        .orElseThrow(() -> new UnknownValue(column, reason));
  }

  /** Of a row that may have no object. */
  static Optional<ObjectRecord> object(ResultSet rs, String cluster) throws SQLException {
    Optional<Instant> createdAt = time(rs, "object_created_at");
    String uid = rs.getString("object_uid");
    long generation = rs.getLong("applied_generation");
    boolean byOperator = rs.getBoolean("by_operator");
    return createdAt.map(t -> new ObjectRecord(cluster, uid, generation, t, byOperator));
  }

  static Optional<Instant> time(ResultSet rs, String column) throws SQLException {
    return Optional.ofNullable(rs.getObject(column, LocalDateTime.class))
        .map(t -> t.toInstant(ZoneOffset.UTC));
  }
}
