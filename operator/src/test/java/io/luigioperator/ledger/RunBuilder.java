/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.RunKey;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/** Builds the request of a test; immutable. */
record RunBuilder(NewRun run) {

  /** A run of client acme, three attempts, three infrastructure faults, now. */
  static RunBuilder named(String name) {
    RunKey key = new RunKey("team-a", name);
    return new RunBuilder(
        new NewRun(
            key,
            "acme",
            "2013-01-15",
            "nightly",
            AdmitKey.ofClient("team-a", "acme", "default"),
            AttemptKind.RUN,
            DesiredState.Running,
            Priority.Normal,
            Optional.empty(),
            OptionalLong.empty(),
            3,
            3,
            "{\"name\":\"" + name + "\",\"für\":\"Ωß🚀\"}",
            sha(name),
            1));
  }

  private static String sha(String text) {
    return new RunKey("sha", text).id() + new RunKey("sha2", text).id();
  }

  RunKey key() {
    return run.key();
  }

  /** In another namespace, with the key of its client there. */
  RunBuilder in(String namespace) {
    return with(
        new RunKey(namespace, run.key().name()),
        run.client(),
        AdmitKey.ofClient(namespace, run.client(), "default"),
        run.firstKind());
  }

  RunBuilder client(String client) {
    return with(client, AdmitKey.ofClient("team-a", client, "default"), run.firstKind());
  }

  /** Of another schedule of its namespace; empty for none. */
  RunBuilder withoutMutex() {
    return with(run.client(), AdmitKey.ofRun(run.key()), run.firstKind());
  }

  RunBuilder schedule(String schedule) {
    return of(schedule, run.businessDate());
  }

  private RunBuilder of(String schedule, String businessDate) {
    return new RunBuilder(
        new NewRun(
            run.key(),
            run.client(),
            businessDate,
            schedule,
            run.mutexKey(),
            run.firstKind(),
            run.desired(),
            run.priority(),
            run.notBefore(),
            run.startDeadlineSeconds(),
            run.maxAttempts(),
            run.maxInfra(),
            run.request(),
            run.requestSha(),
            run.hashVersion()));
  }

  RunBuilder firstKind(AttemptKind kind) {
    return with(run.client(), run.mutexKey(), kind);
  }

  RunBuilder date(String businessDate) {
    return of(run.schedule(), businessDate);
  }

  private RunBuilder with(String client, AdmitKey mutexKey, AttemptKind firstKind) {
    return with(run.key(), client, mutexKey, firstKind);
  }

  private RunBuilder with(RunKey key, String client, AdmitKey mutexKey, AttemptKind firstKind) {
    return new RunBuilder(
        new NewRun(
            key,
            client,
            run.businessDate(),
            run.schedule(),
            mutexKey,
            firstKind,
            run.desired(),
            run.priority(),
            run.notBefore(),
            run.startDeadlineSeconds(),
            run.maxAttempts(),
            run.maxInfra(),
            run.request(),
            run.requestSha(),
            run.hashVersion()));
  }

  RunBuilder desired(DesiredState desired) {
    return wish(
        new Amendment(
            desired,
            run.priority(),
            run.notBefore(),
            run.startDeadlineSeconds(),
            run.maxAttempts()));
  }

  RunBuilder priority(Priority priority) {
    return wish(
        new Amendment(
            run.desired(),
            priority,
            run.notBefore(),
            run.startDeadlineSeconds(),
            run.maxAttempts()));
  }

  RunBuilder notBefore(Instant notBefore) {
    return wish(
        new Amendment(
            run.desired(),
            run.priority(),
            Optional.of(notBefore),
            run.startDeadlineSeconds(),
            run.maxAttempts()));
  }

  RunBuilder startDeadline(long seconds) {
    return wish(
        new Amendment(
            run.desired(),
            run.priority(),
            run.notBefore(),
            OptionalLong.of(seconds),
            run.maxAttempts()));
  }

  RunBuilder maxAttempts(int max) {
    return wish(
        new Amendment(
            run.desired(), run.priority(), run.notBefore(), run.startDeadlineSeconds(), max));
  }

  private RunBuilder wish(Amendment a) {
    return rebuilt(a, run.maxInfra(), run.requestSha());
  }

  RunBuilder maxInfra(int max) {
    return rebuilt(amendment(), max, run.requestSha());
  }

  /** Another request with the same name. */
  RunBuilder another() {
    return rebuilt(amendment(), run.maxInfra(), sha(run.key().name() + " another"));
  }

  RunBuilder request(String request) {
    return new RunBuilder(
        new NewRun(
            run.key(),
            run.client(),
            run.businessDate(),
            run.schedule(),
            run.mutexKey(),
            run.firstKind(),
            run.desired(),
            run.priority(),
            run.notBefore(),
            run.startDeadlineSeconds(),
            run.maxAttempts(),
            run.maxInfra(),
            request,
            run.requestSha(),
            run.hashVersion()));
  }

  private RunBuilder rebuilt(Amendment a, int maxInfra, String requestSha) {
    return new RunBuilder(
        new NewRun(
            run.key(),
            run.client(),
            run.businessDate(),
            run.schedule(),
            run.mutexKey(),
            run.firstKind(),
            a.desired(),
            a.priority(),
            a.notBefore(),
            a.startDeadlineSeconds(),
            a.maxAttempts(),
            maxInfra,
            run.request(),
            requestSha,
            run.hashVersion()));
  }

  /** The mutable fields, for a later generation. */
  Amendment amendment() {
    return new Amendment(
        run.desired(),
        run.priority(),
        run.notBefore(),
        run.startDeadlineSeconds(),
        run.maxAttempts());
  }
}
