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
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Update;

/** Rows of {@code run} and {@code attempt} as the core's records, and back. */
final class Rows {

  /** Of the table {@code a}, as {@link #attempt} wants them beside {@code namespace} and name. */
  static final String ATTEMPT_COLUMNS =
      Stream.of(
              "number",
              "kind",
              "fence",
              "admit_key",
              "cluster_id",
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
              "report")
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

  private Rows() {}

  static Run run(ResultSet rs) throws SQLException {
    return new Run(
        new Run.Origin(
            new RunKey(rs.getString("namespace"), rs.getString("name")),
            rs.getString("client"),
            rs.getString("business_date"),
            rs.getString("schedule"),
            new AdmitKey(rs.getString("mutex_key")),
            Objects.requireNonNullElse(rs.getString("request"), ""),
            rs.getString("request_sha"),
            rs.getInt("hash_version")),
        new Run.Standing(
            RunState.valueOf(rs.getString("state")),
            rs.getString("reason"),
            rs.getString("message"),
            rs.getBoolean("cancel")),
        AttemptKind.valueOf(rs.getString("next_kind")),
        DesiredState.valueOf(rs.getString("desired")),
        Priority.valueOf(rs.getString("priority")),
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

  static void insert(Handle h, Run run) {
    Update u =
        h.createUpdate(
                """
                INSERT INTO run (run_id, namespace, name, client, business_date, schedule, mutex_key,
                  admit_key, next_kind, state, reason, message, cancel, desired, priority,
                  claims, counted, infra, uncounted, max_attempts, max_infra,
                  accepted_at, admit_at, not_before, start_deadline, started_at, finished_at,
                  request, request_sha, hash_version)
                VALUES (:run_id, :namespace, :name, :client, :business_date, :schedule, :mutex_key,
                  :admit_key, :next_kind, :state, :reason, :message, :cancel, :desired, :priority,
                  :claims, :counted, :infra, :uncounted, :max_attempts, :max_infra,
                  :accepted_at, :admit_at, :not_before, :start_deadline, :started_at, :finished_at,
                  :request, :request_sha, :hash_version)
                """)
            .bind("namespace", run.key().namespace())
            .bind("name", run.key().name())
            .bind("client", run.origin().client())
            .bind("business_date", run.origin().businessDate())
            .bind("schedule", run.origin().schedule())
            .bind("mutex_key", run.mutexKey().value())
            .bind("max_infra", run.budget().maxInfra())
            .bind("accepted_at", run.times().acceptedAt())
            .bind("request", run.origin().request())
            .bind("request_sha", run.origin().requestSha())
            .bind("hash_version", run.origin().hashVersion());
    bindChanging(u, run).execute();
  }

  /** Writes what may change of a run. */
  static void update(Handle h, Run run) {
    bindChanging(
            h.createUpdate(
                """
                UPDATE run SET admit_key = :admit_key, next_kind = :next_kind, state = :state, reason = :reason, message = :message, cancel = :cancel,
                  desired = :desired, priority = :priority, claims = :claims, counted = :counted,
                  infra = :infra, uncounted = :uncounted, max_attempts = :max_attempts,
                  admit_at = :admit_at, not_before = :not_before, start_deadline = :start_deadline,
                  started_at = :started_at, finished_at = :finished_at
                WHERE run_id = :run_id
                """),
            run)
        .execute();
  }

  private static Update bindChanging(Update u, Run run) {
    return u.bind("run_id", run.key().id())
        .bind("admit_key", run.admitKey().value())
        .bind("next_kind", run.nextKind().name())
        .bind("state", run.state().name())
        .bind("reason", run.standing().reason())
        .bind("message", run.standing().message())
        .bind("cancel", run.cancel())
        .bind("desired", run.desired().name())
        .bind("priority", run.priority().name())
        .bind("claims", run.budget().claims())
        .bind("counted", run.budget().counted())
        .bind("infra", run.budget().infra())
        .bind("uncounted", run.budget().uncounted())
        .bind("max_attempts", run.budget().maxAttempts())
        .bind("admit_at", run.times().admitAt())
        .bind("not_before", run.times().notBefore())
        .bind("start_deadline", run.times().startDeadline())
        .bind("started_at", run.times().startedAt())
        .bind("finished_at", run.times().finishedAt());
  }

  static Attempt attempt(ResultSet rs) throws SQLException {
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
    String report = rs.getString("a_report");
    Optional<String> node = Optional.ofNullable(rs.getString("a_node"));
    Optional<Attempt.StopReason> stopReason =
        stopCause.map(cause -> new Attempt.StopReason(FailureCause.valueOf(cause), stopMessage));
    Optional<Instant> missingSince = time(rs, "a_missing_since");
    return new Attempt(
        new Attempt.Claim(
            new AttemptRef(
                new RunKey(rs.getString("namespace"), rs.getString("name")),
                rs.getInt("a_number"),
                rs.getLong("a_fence")),
            AttemptKind.valueOf(rs.getString("a_kind")),
            new AdmitKey(rs.getString("a_admit_key")),
            rs.getString("a_cluster_id"),
            rs.getString("a_token"),
            rs.getString("a_job_name"),
            time(rs, "a_claimed_at").orElseThrow()),
        boundAt.map(t -> new Attempt.Binding(jobUid, podUid, t, node, stopReason, missingSince)),
        endedAt.map(t -> new Attempt.End(t, reason, message, exit, report)));
  }

  /** A claim: what comes later is written by {@link #update(Handle, Attempt)}. */
  static void insert(Handle h, Attempt attempt) {
    h.createUpdate(
            """
            INSERT INTO attempt (run_id, number, kind, admit_key, fence, cluster_id, state, token,
              job_name, claimed_at)
            VALUES (:run_id, :number, :kind, :admit_key, :fence, :cluster_id, :state, :token,
              :job_name, :claimed_at)
            """)
        .bind("run_id", attempt.run().id())
        .bind("number", attempt.number())
        .bind("kind", attempt.kind().name())
        .bind("admit_key", attempt.admitKey().value())
        .bind("fence", attempt.ref().fence())
        .bind("cluster_id", attempt.clusterId())
        .bind("state", attempt.state().name())
        .bind("token", attempt.token())
        .bind("job_name", attempt.jobName())
        .bind("claimed_at", attempt.claimedAt())
        .execute();
  }

  static void update(Handle h, Attempt attempt) {
    h.createUpdate(
            """
            UPDATE attempt SET state = :state, job_uid = :job_uid, pod_uid = :pod_uid,
              bound_at = :bound_at, node = :node, stop_cause = :stop_cause,
              stop_message = :stop_message, missing_since = :missing_since, ended_at = :ended_at,
              reason = :reason, message = :message, exit_code = :exit_code, report = :report
            WHERE run_id = :run_id AND number = :number
            """)
        .bind("run_id", attempt.run().id())
        .bind("number", attempt.number())
        .bind("state", attempt.state().name())
        .bind("job_uid", attempt.binding().map(Attempt.Binding::jobUid))
        .bind("pod_uid", attempt.binding().map(Attempt.Binding::podUid))
        .bind("bound_at", attempt.binding().map(Attempt.Binding::boundAt))
        .bind("node", attempt.node())
        .bind("stop_cause", attempt.stopReason().map(d -> d.cause().name()))
        .bind("stop_message", attempt.stopReason().map(Attempt.StopReason::message))
        .bind("missing_since", attempt.missingSince())
        .bind("ended_at", attempt.end().map(Attempt.End::endedAt))
        .bind("reason", attempt.end().map(Attempt.End::reason))
        .bind("message", attempt.end().map(Attempt.End::message))
        .bind("exit_code", attempt.end().map(Attempt.End::exitCode).orElse(OptionalInt.empty()))
        .bind("report", attempt.end().map(Attempt.End::report))
        .execute();
  }

  static Optional<Instant> time(ResultSet rs, String column) throws SQLException {
    return Optional.ofNullable(rs.getObject(column, LocalDateTime.class))
        .map(t -> t.toInstant(ZoneOffset.UTC));
  }
}
