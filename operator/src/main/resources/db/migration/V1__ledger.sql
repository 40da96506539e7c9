-- Copyright The luigi-operator authors
-- SPDX-License-Identifier: Apache-2.0
--
-- The ledger: what may run, which run holds which key, and how every run ended. MySQL 9 and MariaDB 11.4.
--
-- Identifiers are compared byte by byte (ascii_bin): acme and Acme are two clients. Text for people is utf8mb4.
-- Every time is UTC in DATETIME(6), taken from the clock of the database; TIMESTAMP would depend on the time zone of
-- the session. CHAR is not used: what it reads as depends on the session, and MariaDB refuses it in a generated column.
-- Locks are taken in the order meta, schedule, client_mutex, run, attempt, always by primary key.

-- One row. Every transaction that changes anything locks it in share mode and does nothing if the barrier is raised.
CREATE TABLE meta (
  id             TINYINT NOT NULL PRIMARY KEY COMMENT 'always 1',
  schema_version INT     NOT NULL COMMENT 'number of the last migration; an operator that knows only lower ones does not start',
  barrier        TINYINT NOT NULL DEFAULT 0 COMMENT 'not 0: raised by an administrator; only heartbeats are written',
  CONSTRAINT meta_one_row CHECK (id = 1)
) ENGINE = InnoDB;

-- The Kubernetes clusters whose operators use this ledger.
CREATE TABLE cluster (
  cluster_identity VARCHAR(128) NOT NULL PRIMARY KEY COMMENT 'clusterId of the chart, a slash, and the UID of the namespace kube-system',
  shared           BOOLEAN      NOT NULL COMMENT 'sharedLedger of the chart: whether other clusters may use the ledger too',
  registered_at    DATETIME(6)  NOT NULL COMMENT 'first heartbeat',
  seen_at          DATETIME(6)  NOT NULL COMMENT 'last heartbeat',
  retired_at       DATETIME(6)  NULL COMMENT 'when a person declared it dead: it may not claim any more, and its live attempts end; NULL otherwise',
  active_id        VARCHAR(63)  AS (IF(retired_at IS NULL, SUBSTRING_INDEX(cluster_identity, '/', 1), NULL)) STORED COMMENT 'clusterId until it is retired',
  UNIQUE KEY cluster_active_id (active_id)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The mutex of a client, or a key for one run only ('~...'), which is deleted when the run ends.
CREATE TABLE client_mutex (
  admit_key     VARCHAR(191) NOT NULL PRIMARY KEY COMMENT 'namespace/client/group, or ~ and a run_id',
  holder_run    VARCHAR(32)  NULL COMMENT 'run_id of the run with the live attempt of this key; NULL if the key is free',
  fence         BIGINT       NOT NULL DEFAULT 0 COMMENT 'grows with every claim; sinks can refuse a lower one',
  next_admit_at DATETIME(6)  NULL COMMENT 'least admit_at of the READY runs of this key; NULL if there is none',
  open_at       DATETIME(6)  AS (IF(holder_run IS NULL, next_admit_at, NULL)) STORED COMMENT 'next_admit_at while the key is free; its index is the order of admission',
  KEY client_mutex_open_at (open_at),
  KEY client_mutex_holder_run (holder_run)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- One row for each run. It is never deleted, because namespace and name identify a run permanently.
CREATE TABLE run (
  run_id         VARCHAR(32)   NOT NULL PRIMARY KEY COMMENT 'hash of namespace and name',
  namespace      VARCHAR(63)   NOT NULL COMMENT 'namespace of the PipelineRun',
  name           VARCHAR(253)  NOT NULL COMMENT 'name of the PipelineRun',
  client         VARCHAR(63)   NOT NULL COMMENT 'spec.client',
  business_date  VARCHAR(15)   NOT NULL COMMENT 'spec.date; empty for a pipeline without one',
  schedule       VARCHAR(253)  NOT NULL COMMENT 'name of the PipelineSchedule it refers to; empty for an inline pipeline',
  schedule_id    VARCHAR(32)   NOT NULL COMMENT 'hash of its namespace and the column schedule; empty for an inline pipeline',
  mutex_key      VARCHAR(191)  NOT NULL COMMENT 'the key that its RUN attempts hold',
  admit_key      VARCHAR(191)  NOT NULL COMMENT 'the key of the next or live attempt: mutex_key for RUN, else a key for this run only',
  next_kind      VARCHAR(5)    NOT NULL COMMENT 'kind of the next or live attempt: RUN, PLAN, CHECK',
  state          VARCHAR(9)    NOT NULL COMMENT 'READY, DELAYED, HELD, ACTIVE; final: SUCCEEDED, FAILED, CANCELED',
  reason         VARCHAR(63)   NOT NULL COMMENT 'why it waits, is being canceled, or how it ended; as in the status, empty otherwise',
  message        VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the reason for people',
  cancel         BOOLEAN       NOT NULL COMMENT 'set once and never cleared: no further pod of this run may start',
  desired        VARCHAR(8)    NOT NULL COMMENT 'spec.desiredState: Running, Held, Canceled',
  priority       VARCHAR(8)    NOT NULL COMMENT 'Low, Normal, High, Critical',
  claims         INT           NOT NULL COMMENT 'attempts claimed; also the number of the newest one',
  counted        INT           NOT NULL COMMENT 'RUN attempts that count against max_attempts',
  infra          INT           NOT NULL COMMENT 'attempts that ended with an infrastructure failure',
  uncounted      INT           NOT NULL COMMENT 'attempts whose verdict counts against neither limit',
  max_attempts   INT           NOT NULL COMMENT 'spec.maxAttempts',
  max_infra      INT           NOT NULL COMMENT 'limit of infra, from the pipeline',
  accepted_at    DATETIME(6)   NOT NULL COMMENT 'when this row was inserted',
  admit_at       DATETIME(6)   NOT NULL COMMENT 'virtual start: ascending order is priority with ageing',
  not_before     DATETIME(6)   NULL COMMENT 'no attempt is claimed earlier: the time of the user, or the end of a backoff',
  start_deadline DATETIME(6)   NULL COMMENT 'a run that still waits for its first attempt then fails',
  started_at     DATETIME(6)   NULL COMMENT 'when the first attempt was bound',
  finished_at    DATETIME(6)   NULL COMMENT 'when the state became final',
  request        MEDIUMTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'JSON of the spec and the resolved pipeline; NULL once purged',
  request_sha    VARCHAR(64)   NOT NULL COMMENT 'SHA-256 of what the user asked for, not of the column request; equal for two objects that ask for the same run',
  hash_version   INT           NOT NULL COMMENT 'version of the canonical form that request_sha is computed from',
  tick_schedule  VARCHAR(32)   NULL COMMENT 'schedule_id of the schedule that created the run; NULL if a PipelineRun requested it',
  purgeable_at   DATETIME(6)   AS (IF(request IS NULL, NULL, finished_at)) STORED COMMENT 'finished_at while there is history to purge',
  open_id        VARCHAR(32)   AS (IF(finished_at IS NULL, run_id, NULL)) STORED COMMENT 'run_id until the run has ended: runs that have not ended are read in pages by it',
  held_reason    VARCHAR(63)   AS (IF(state = 'HELD', reason, NULL)) STORED COMMENT 'reason while the run is HELD',
  limit_state    VARCHAR(9)    AS (IF(schedule_id <> '' AND (state IN ('READY', 'ACTIVE') OR state = 'DELAYED' AND reason = 'BackingOff' OR state = 'HELD' AND reason = 'ScheduleLimit'), state, NULL)) STORED COMMENT 'state of a run that counts against schedule.max_runs (READY, ACTIVE, DELAYED) or waits for it (HELD)',
  queued_ticks   VARCHAR(32)   AS (IF(state IN ('READY', 'DELAYED', 'HELD') AND started_at IS NULL OR state = 'HELD' AND reason <> 'ScheduleLimit', tick_schedule, NULL)) STORED COMMENT 'tick_schedule while the run waits and has not started, or is HELD for another reason than ScheduleLimit: the deletion of the schedule cancels it',
  expires_at     DATETIME(6)   AS (IF(started_at IS NULL AND finished_at IS NULL, start_deadline, NULL)) STORED COMMENT 'start_deadline until the run has started or ended',
  KEY run_open (open_id),
  KEY run_held (held_reason),
  KEY run_queued_ticks (queued_ticks),
  KEY run_heads (admit_key, state, admit_at),
  KEY run_limit (schedule_id, limit_state, admit_at),
  KEY run_due (state, not_before),
  KEY run_expiring (expires_at),
  KEY run_dates (namespace, schedule, client, business_date),
  KEY run_purgeable (purgeable_at),
  CONSTRAINT run_counted_within_policy CHECK (counted BETWEEN 0 AND max_attempts),
  CONSTRAINT run_infra_within_policy CHECK (infra BETWEEN 0 AND max_infra)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The PipelineRun that a cluster has for a run.
CREATE TABLE run_object (
  run_id             VARCHAR(32) NOT NULL COMMENT 'the run',
  cluster_identity   VARCHAR(128) NOT NULL COMMENT 'the cluster that has the object',
  uid                VARCHAR(64) NOT NULL COMMENT 'metadata.uid of the object',
  applied_generation BIGINT      NOT NULL COMMENT 'newest generation whose mutable fields are applied to the run; 0 if none is',
  created_at         DATETIME(6) NOT NULL COMMENT 'metadata.creationTimestamp of the object',
  by_operator        BOOLEAN     NOT NULL COMMENT 'whether an operator created the object; otherwise a user did',
  PRIMARY KEY (run_id, cluster_identity),
  KEY run_object_cluster (cluster_identity, run_id)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- One row for each attempt, until its run is purged. live_key makes the database refuse a second live attempt of one key.
CREATE TABLE attempt (
  run_id              VARCHAR(32)   NOT NULL COMMENT 'the run',
  number              INT           NOT NULL COMMENT 'from 1 in each run',
  kind                VARCHAR(5)    NOT NULL COMMENT 'RUN, PLAN, CHECK',
  admit_key           VARCHAR(191)  NOT NULL COMMENT 'the key that it holds until it ends',
  fence               BIGINT        NOT NULL COMMENT 'fence of the key, set by its claim',
  cluster_identity    VARCHAR(128)  NOT NULL COMMENT 'the cluster that claimed it and runs it; no other one concludes anything about its pod',
  state               VARCHAR(7)    NOT NULL COMMENT 'CLAIMED, BOUND, ENDED',
  token               VARCHAR(64)   NOT NULL COMMENT 'unique for each claim; the Job and the pod carry it',
  job_name            VARCHAR(253)  NOT NULL COMMENT 'name of the Job, which also begins the name of its pod',
  job_uid             VARCHAR(64)   NULL COMMENT 'UID of the Job that created the bound pod',
  pod_uid             VARCHAR(64)   NULL COMMENT 'UID of the bound pod, the only one that may start',
  node                VARCHAR(253)  NULL COMMENT 'node of the bound pod, once observed',
  claimed_at          DATETIME(6)   NOT NULL COMMENT 'when it was claimed',
  bound_at            DATETIME(6)   NULL COMMENT 'when it was bound to its pod',
  stop_cause          VARCHAR(63)   NULL COMMENT 'why the operator stops the bound pod: a value of the column reason, written before the pod is deleted',
  stop_message        VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'stop_cause for people',
  missing_since       DATETIME(6)   NULL COMMENT 'since when the bound pod is missing, or terminal without exit statuses',
  ended_at            DATETIME(6)   NULL COMMENT 'when it was finished or abandoned',
  reason              VARCHAR(63)   NULL COMMENT 'how it ended: a verdict, a failure, or why it was abandoned',
  message             VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'the reason for people',
  exit_code           INT           NULL COMMENT 'exit code of the Luigi container, if it has one',
  termination_message TEXT          CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'last one of the runner, JSON; empty if there was none',
  live_key            VARCHAR(191)  AS (IF(state <> 'ENDED', admit_key, NULL)) STORED COMMENT 'admit_key until it ends',
  PRIMARY KEY (run_id, number),
  UNIQUE KEY attempt_live_key (live_key),
  UNIQUE KEY attempt_fence (admit_key, fence),
  UNIQUE KEY attempt_token (token),
  UNIQUE KEY attempt_pod_uid (pod_uid)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The version is the last thing that a migration writes: an operator that finds its own version looks no further.
INSERT INTO meta (id, schema_version, barrier) VALUES (1, 1, 0);
