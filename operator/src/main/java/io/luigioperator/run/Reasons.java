/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** The reasons of conditions and rows that are not a verdict or a failure cause. */
public final class Reasons {
  // why a run waits
  public static final String WAITING_FOR_CLIENT = "WaitingForClient";
  public static final String WAITING_FOR_CAPACITY = "WaitingForCapacity";
  public static final String WAITING_FOR_TIME = "WaitingForTime";
  public static final String BACKING_OFF = "BackingOff";
  public static final String OBJECT_REFUSED = "ObjectRefused";
  public static final String HELD = "Held";
  public static final String SCHEDULE_LIMIT = "ScheduleLimit";
  public static final String INTERNAL_ERROR = "InternalError";
  public static final String NAMESPACE_MISSING = "NamespaceMissing";
  public static final String DELETION_UNCONFIRMED = "DeletionUnconfirmed";
  public static final String MASS_DELETION = "MassDeletion";

  // how a run ended, in addition to verdicts and failure causes
  public static final String COMPLETED = "Completed";
  public static final String ALREADY_COMPLETE = "AlreadyComplete";
  public static final String CANCELED = "Canceled";
  public static final String DELETED = "Deleted";
  public static final String SCHEDULE_DELETED = "ScheduleDeleted";
  public static final String NAMESPACE_RETIRED = "NamespaceRetired";
  public static final String START_DEADLINE_EXCEEDED = "StartDeadlineExceeded";
  public static final String ATTEMPTS_EXHAUSTED = "AttemptsExhausted";

  // why a claimed attempt was abandoned
  public static final String LAUNCH_REFUSED = "LaunchRefused";
  public static final String JOB_NAME_TAKEN = "JobNameTaken";
  public static final String POD_GONE_BEFORE_START = "PodGoneBeforeStart";
  public static final String NO_POD = "NoPod";
  public static final String CLUSTER_SILENT = "ClusterSilent";
  public static final String CLUSTER_RETIRED = "ClusterRetired";

  // whether a run was accepted
  public static final String ACCEPTED = "Accepted";
  public static final String SPEC_UNREADABLE = "SpecUnreadable";
  public static final String SCHEDULE_NOT_FOUND = "ScheduleNotFound";
  public static final String CLIENT_NOT_ALLOWED = "ClientNotAllowed";
  public static final String PARAMETER_NOT_ALLOWED = "ParameterNotAllowed";
  public static final String LIMIT_EXCEEDED = "LimitExceeded";
  public static final String INVALID_DATE = "InvalidDate";
  public static final String POD_TEMPLATE_INVALID = "PodTemplateInvalid";
  public static final String POD_NOT_CHECKED = "PodNotChecked";
  public static final String NAME_ALREADY_USED = "NameAlreadyUsed";
  public static final String REQUEST_TOO_LARGE = "RequestTooLarge";
  public static final String STORE_UNAVAILABLE = "StoreUnavailable";

  // whether runs may refer to a schedule
  public static final String USABLE = "Usable";
  public static final String NO_CLIENTS = "NoClients";
  public static final String NOT_APPLIED = "NotApplied";

  // why the crons of a schedule create no runs
  public static final String CRON_INVALID = "CronInvalid";
  public static final String TIME_ZONE_UNKNOWN = "TimeZoneUnknown";
  public static final String CLIENT_INVALID = "ClientInvalid";
  public static final String OTHER_CLUSTER = "OtherCluster";

  // how the runs of a schedule end
  public static final String ALL_HEALTHY = "AllHealthy";
  public static final String CLIENTS_FAILING = "ClientsFailing";
  public static final String CLIENTS_LAGGING = "ClientsLagging";
  public static final String NO_RUNS = "NoRuns";

  // events of a schedule about missed business dates that do not run
  public static final String TICKS_MISSED = "TicksMissed";
  public static final String CATCH_UP_TRUNCATED = "CatchUpTruncated";

  // backfills
  public static final String BACKFILL_REMOVED = "BackfillRemoved";
  public static final String BACKFILL_FAILED = "BackfillFailed";

  private Reasons() {}
}
