/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.AllowSpec;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.MutexScope;
import io.luigioperator.api.Parameter;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.RerunMode;
import io.luigioperator.api.RerunSpec;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.api.ScheduleRef;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Turns the spec of a PipelineRun into a request: with the pipeline of the schedule it refers to,
 * and with the parameters of the pipeline, the client and the run, where later ones override
 * earlier ones. Otherwise it explains why not, and what to do.
 */
public final class Resolver {

  /** The largest request that is stored. */
  static final int MAX_REQUEST_BYTES = 200 * 1024;

  /** Either a request or a refusal. */
  public sealed interface Resolution {
    record Resolved(Request request, NewRun run) implements Resolution {}

    /**
     * @param fixable a change of the schedule may resolve it; otherwise the object is rejected
     *     permanently
     */
    record Refused(String reason, String message, boolean fixable) implements Resolution {}
  }

  private Resolver() {}

  public static Resolution resolve(RunObject object, Optional<ScheduleObject> schedule) {
    RunKey key = object.key();
    PipelineRunSpec spec = object.spec();
    if (spec.date() != null && !BusinessDate.exists(spec.date())) {
      return refused(
          Reasons.INVALID_DATE,
          ("spec.date \"%s\" does not exist in the calendar; create a new PipelineRun with a valid"
                  + " date")
              .formatted(spec.date()));
    }
    if (spec.pipeline() != null) {
      return assemble(key, spec, spec.pipeline(), List.of(), 0, Priority.Normal);
    }
    String name =
        Objects.requireNonNull(spec.scheduleRef(), "neither pipeline nor scheduleRef is set")
            .name();
    if (schedule.isEmpty()) {
      return fixable(
          Reasons.SCHEDULE_NOT_FOUND,
          ("PipelineSchedule %s does not exist in namespace %s; the run is accepted once you create"
                  + " it")
              .formatted(name, key.namespace()));
    }
    Optional<String> problem = schedule.get().parsedSpec().problem();
    if (problem.isPresent()) {
      return fixable(
          Reasons.SPEC_UNREADABLE,
          ("the operator cannot read the spec of PipelineSchedule %s: %s; change it there, or"
                  + " upgrade the operator if the value is of a later version")
              .formatted(name, problem.get()));
    }
    return byReference(key, spec, schedule.get());
  }

  /**
   * The run that a schedule creates for a business date of one of its clients. Its object is
   * deleted after the time that the pipeline sets, because the operator creates it.
   *
   * @param priority if {@code allow.priorities} excludes it, the run has that of the schedule
   * @param notBefore when it starts at the earliest
   */
  public static Resolution ofTick(
      RunKey key,
      ScheduleObject schedule,
      String client,
      String date,
      Priority priority,
      Optional<Instant> notBefore) {
    PipelineSpec pipeline = schedule.spec().pipeline();
    boolean own = priority != schedule.spec().priority() && allows(pipeline, priority);
    PipelineRunSpec spec =
        new PipelineRunSpec(
            new ScheduleRef(schedule.name()),
            null,
            client,
            date,
            List.of(),
            null,
            own ? priority : null,
            DesiredState.Running,
            notBefore.orElse(null),
            null,
            null,
            null,
            pipeline.ttlSecondsAfterFinished());
    return byReference(key, spec, schedule);
  }

  private static boolean allows(PipelineSpec pipeline, Priority priority) {
    List<Priority> allowed = pipeline.allow().priorities();
    return allowed.isEmpty() || allowed.contains(priority);
  }

  private static Resolution byReference(RunKey key, PipelineRunSpec spec, ScheduleObject schedule) {
    AllowSpec allow = schedule.spec().pipeline().allow();
    Optional<ScheduleClient> entry =
        schedule.spec().clients().stream().filter(c -> c.id().equals(spec.client())).findFirst();
    if (entry.isEmpty() && !allow.unlistedClients()) {
      return fixable(
          Reasons.CLIENT_NOT_ALLOWED,
          ("PipelineSchedule %s does not list client %s; add it to spec.clients, or set"
                  + " spec.pipeline.allow.unlistedClients to true")
              .formatted(schedule.name(), spec.client()));
    }
    for (Parameter p : spec.parameters()) {
      if (!allow.parameters().contains(p.name())) {
        return fixable(
            Reasons.PARAMETER_NOT_ALLOWED,
            ("PipelineSchedule %s does not allow runs to set parameter %s; add it to"
                    + " spec.pipeline.allow.parameters there, or create a new PipelineRun without"
                    + " it")
                .formatted(schedule.name(), p.name()));
      }
    }
    Optional<Parameter> notAllowed =
        entry.stream()
            .flatMap(client -> client.parameters().stream())
            .filter(p -> !allow.parameters().contains(p.name()))
            .filter(p -> !allow.clientParameters().contains(p.name()))
            .findFirst();
    if (notAllowed.isPresent()) {
      return fixable(
          Reasons.PARAMETER_NOT_ALLOWED,
          ("PipelineSchedule %1$s sets parameter %2$s of client %3$s, but its pipeline does not"
                  + " allow that; add %2$s to spec.pipeline.allow.clientParameters there, which"
                  + " requires the right to create pods, or remove it from the client")
              .formatted(schedule.name(), notAllowed.get().name(), spec.client()));
    }
    List<String> exceeded = RunLimits.of(spec, schedule.spec().pipeline()).exceeded(spec);
    if (!exceeded.isEmpty()) {
      return fixable(
          Reasons.LIMIT_EXCEEDED,
          ("PipelineSchedule %s limits its runs: %s; change the PipelineRun, or spec.pipeline of"
                  + " the schedule")
              .formatted(schedule.name(), String.join("; ", exceeded)));
    }
    return assemble(
        key,
        spec,
        schedule.spec().pipeline(),
        entry.map(ScheduleClient::parameters).orElse(List.of()),
        schedule.generation(),
        schedule.spec().priority());
  }

  private static Resolution assemble(
      RunKey key,
      PipelineRunSpec spec,
      PipelineSpec pipeline,
      List<Parameter> ofClient,
      long scheduleGeneration,
      Priority defaultPriority) {
    String dateParameter = pipeline.dateParameter();
    String clientParameter = pipeline.clientParameter();
    if (!dateParameter.isEmpty() && spec.date() == null) {
      return refused(
          Reasons.INVALID_DATE,
          ("spec.date is missing, but the pipeline passes the date to parameter %s; create a new"
                  + " PipelineRun with a date, or set dateParameter to \"\"")
              .formatted(dateParameter));
    }
    SortedMap<String, String> parameters = new TreeMap<>();
    for (List<Parameter> layer : List.of(pipeline.parameters(), ofClient, spec.parameters())) {
      for (Parameter p : layer) {
        if (p.name().equals(dateParameter) || p.name().equals(clientParameter)) {
          String message =
              "parameter %s is set from spec.%s; remove it from the parameters"
                  .formatted(p.name(), p.name().equals(dateParameter) ? "date" : "client");
          // the pipeline of a run cannot change, that of a schedule can
          return spec.pipeline() == null
              ? fixable(Reasons.PARAMETER_NOT_ALLOWED, message)
              : refused(
                  Reasons.PARAMETER_NOT_ALLOWED, message + ", in a PipelineRun with another name");
        }
        parameters.put(p.name(), p.value());
      }
    }
    if (!dateParameter.isEmpty()) {
      parameters.put(dateParameter, spec.date());
    }
    if (!clientParameter.isEmpty()) {
      parameters.put(clientParameter, spec.client());
    }
    Request request =
        new Request(spec, pipeline, parameters, scheduleGeneration, mode(spec), defaultPriority);
    String json = RequestJson.write(request);
    int bytes = json.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > MAX_REQUEST_BYTES) {
      return refused(
          Reasons.REQUEST_TOO_LARGE,
          ("the resolved request has %d bytes, but only %d are allowed; move data out of parameters"
                  + " and env")
              .formatted(bytes, MAX_REQUEST_BYTES));
    }
    return new Resolution.Resolved(request, newRun(key, request, json));
  }

  private static RerunMode mode(PipelineRunSpec spec) {
    return Optional.ofNullable(spec.rerun()).map(RerunSpec::mode).orElse(RerunMode.Incomplete);
  }

  private static NewRun newRun(RunKey key, Request request, String json) {
    PipelineRunSpec spec = request.asked();
    PipelineSpec pipeline = request.pipeline();
    Amendment desired = desired(spec, request);
    return new NewRun(
        key,
        spec.client(),
        Optional.ofNullable(spec.date()).orElse(""),
        spec.scheduleRef() == null ? "" : spec.scheduleRef().name(),
        pipeline.mutex().scope() == MutexScope.None
            ? AdmitKey.ofRun(key)
            : AdmitKey.ofClient(key.namespace(), spec.client(), pipeline.mutex().group()),
        AttemptKind.RUN,
        desired.desired(),
        desired.priority(),
        desired.notBefore(),
        desired.startDeadlineSeconds(),
        desired.maxAttempts(),
        pipeline.retry().maxInfrastructureRetries(),
        json,
        RequestJson.hash(spec),
        RequestJson.HASH_VERSION);
  }

  /**
   * A run that has ended before. What it computed is not resolved again, because its schedule may
   * have changed since or not exist any more.
   */
  static NewRun ended(RunObject object, RecordedOutcome outcome) {
    PipelineRunSpec spec = object.spec();
    return new NewRun(
        object.key(),
        spec.client(),
        Optional.ofNullable(spec.date()).orElse(""),
        spec.scheduleRef() == null ? "" : spec.scheduleRef().name(),
        AdmitKey.ofRun(object.key()),
        AttemptKind.RUN,
        spec.desiredState(),
        Optional.ofNullable(spec.priority()).orElse(Priority.Normal),
        Optional.empty(),
        OptionalLong.empty(),
        Math.max(outcome.counted(), Optional.ofNullable(spec.maxAttempts()).orElse(1)),
        0,
        "",
        RequestJson.hash(spec),
        RequestJson.HASH_VERSION);
  }

  /**
   * The mutable fields of an object, within its limits and with what it inherits from its request.
   * For an accepted run that is the stored request, because the schedule may have changed since.
   */
  public static Amendment desired(RunObject object, Request request) {
    return desired(object.spec(), request);
  }

  private static Amendment desired(PipelineRunSpec spec, Request request) {
    RunLimits limits = RunLimits.of(request);
    return new Amendment(
        spec.desiredState(),
        limits.priority(spec, request.defaultPriority()),
        Optional.ofNullable(spec.notBeforeTime()),
        spec.startDeadlineSeconds() == null
            ? OptionalLong.empty()
            : OptionalLong.of(spec.startDeadlineSeconds()),
        limits.maxAttempts(spec, request.pipeline().retry().maxAttempts()));
  }

  /**
   * The spec for the PipelineRun that the operator creates in a cluster that has none: what was
   * asked for when the run was accepted, with its mutable fields as they are now. Otherwise a later
   * edit of that object would bring back the old values.
   */
  public static PipelineRunSpec currentSpec(Run run, Request request) {
    PipelineRunSpec asked = request.asked();
    int max = run.budget().maxAttempts();
    boolean inherited =
        asked.maxAttempts() == null && max == request.pipeline().retry().maxAttempts();
    return new PipelineRunSpec(
        asked.scheduleRef(),
        asked.pipeline(),
        asked.client(),
        asked.date(),
        asked.parameters(),
        asked.rerun(),
        run.priority(),
        run.desired(),
        asked.notBeforeTime(),
        asked.startDeadlineSeconds(),
        asked.activeDeadlineSeconds(),
        inherited ? null : Integer.valueOf(max),
        asked.ttlSecondsAfterFinished());
  }

  private static Resolution refused(String reason, String message) {
    return new Resolution.Refused(reason, message, false);
  }

  private static Resolution fixable(String reason, String message) {
    return new Resolution.Refused(reason, message, true);
  }
}
