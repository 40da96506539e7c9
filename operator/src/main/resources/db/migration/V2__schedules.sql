-- Copyright The luigi-operator authors
-- SPDX-License-Identifier: Apache-2.0
--
-- The ticks of schedules: which cron times are decided, and how. Locks are taken in the order meta, schedule, backfill,
-- schedule_client, client_mutex, run. Who holds the row of a client in schedule_client may change its ticks; a backfill
-- holds the row of the schedule instead, which a decision of cron times locks in share mode.

-- One row for each PipelineSchedule that has or had crons, backfills or
-- maxConcurrentRuns. A transaction that may make a run READY
-- locks it in share mode, and one that releases or holds runs because of the limit exclusively.
CREATE TABLE schedule (
  schedule_id   VARCHAR(32)  NOT NULL PRIMARY KEY COMMENT 'hash of namespace and name',
  namespace     VARCHAR(63)  NOT NULL COMMENT 'namespace of the PipelineSchedule',
  name          VARCHAR(253) NOT NULL COMMENT 'name of the PipelineSchedule',
  owner_cluster VARCHAR(128) NULL COMMENT 'the cluster that decides its cron times; NULL if the object was deleted there: the next cluster that has it becomes the owner',
  deletion_policy   VARCHAR(12) NULL COMMENT 'spec.deletionPolicy, as the owner applied it last: Retain, CancelQueued; NULL until it is applied',
  object_created_at DATETIME(6) NULL COMMENT 'metadata.creationTimestamp of the object that it was applied from',
  max_runs      INT          NULL COMMENT 'spec.maxConcurrentRuns, as applied last by any cluster; NULL: no limit',
  limited       BOOLEAN      NOT NULL DEFAULT FALSE COMMENT 'whether there is a limit, or runs may still wait for an earlier one',
  limited_id    VARCHAR(32)  AS (IF(limited, schedule_id, NULL)) STORED COMMENT 'schedule_id while limited: schedules with a limit are read in pages by it',
  KEY schedule_owner (owner_cluster, schedule_id),
  KEY schedule_limited (limited_id),
  CONSTRAINT schedule_limit_is_positive CHECK (max_runs >= 1)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- How far the cron times of each client are decided. Rows are never deleted, so that a schedule or client that comes
-- back goes on where it was.
CREATE TABLE schedule_client (
  schedule_id   VARCHAR(32)   NOT NULL COMMENT 'the schedule',
  client        VARCHAR(63)   NOT NULL COMMENT 'id of the client',
  decided_until DATETIME(6)   NOT NULL COMMENT 'every cron time up to and including this time is decided',
  rules         VARCHAR(4096) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'JSON of the crons, time zone and other rules that later cron times are decided by, and of the offset of the zone at decided_until; NULL while the schedule does not list the client',
  cron_times    BIGINT        NOT NULL COMMENT 'how many cron times are decided; equal to the sums of tick.cron_times and tick_gap.cron_times of the client',
  PRIMARY KEY (schedule_id, client)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The decision for one business date of a client. FIRED is final: the date has its run.
CREATE TABLE tick (
  tick_id       VARCHAR(32) NOT NULL PRIMARY KEY COMMENT 'hash of schedule, client, business date and backfill',
  schedule_id   VARCHAR(32) NOT NULL COMMENT 'the schedule',
  client        VARCHAR(63) NOT NULL COMMENT 'id of the client',
  business_date VARCHAR(15) NOT NULL COMMENT 'as in run.business_date',
  backfill      VARCHAR(20) NOT NULL COMMENT 'name of the backfill that runs the date again; empty for its first run',
  decision      VARCHAR(7)  NOT NULL COMMENT 'FIRED, SKIPPED',
  reason        VARCHAR(63) NOT NULL COMMENT 'why it was skipped; empty if FIRED',
  cron_time     DATETIME(6) NULL COMMENT 'the cron time that led to the decision; NULL if a backfill did',
  cron_times    BIGINT      NOT NULL COMMENT 'how many cron times belonged to the date; with more than one, the later ones found it FIRED',
  run_id        VARCHAR(32) NULL COMMENT 'the run of the date; NULL if SKIPPED',
  decided_at    DATETIME(6) NOT NULL COMMENT 'when it was decided',
  UNIQUE KEY tick_date (schedule_id, client, business_date, backfill),
  UNIQUE KEY tick_run (run_id),
  CONSTRAINT tick_fired_has_a_run CHECK ((decision = 'FIRED') = (run_id IS NOT NULL))
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- Consecutive cron times of a client that were skipped for one reason, when there were too many for a row each.
CREATE TABLE tick_gap (
  schedule_id VARCHAR(32) NOT NULL COMMENT 'the schedule',
  client      VARCHAR(63) NOT NULL COMMENT 'id of the client',
  first_time  DATETIME(6) NOT NULL COMMENT 'first cron time',
  last_time   DATETIME(6) NOT NULL COMMENT 'last cron time',
  cron_times  BIGINT      NOT NULL COMMENT 'how many cron times were skipped',
  reason      VARCHAR(63) NOT NULL COMMENT 'why',
  decided_at  DATETIME(6) NOT NULL COMMENT 'when it was decided',
  PRIMARY KEY (schedule_id, client, first_time)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The backfills of schedules. One row, however many dates a backfill has; its position moves on with the runs it creates.
CREATE TABLE backfill (
  backfill_id   VARCHAR(32)   NOT NULL PRIMARY KEY COMMENT 'hash of schedule and name',
  schedule_id   VARCHAR(32)   NOT NULL COMMENT 'the schedule',
  name          VARCHAR(20)   NOT NULL COMMENT 'name in spec.backfills; a name is used once',
  definition    VARCHAR(8192) NOT NULL COMMENT 'JSON of the fields that cannot be changed',
  state         VARCHAR(9)    NOT NULL COMMENT 'RUNNING, CANCELING, CANCELED, COMPLETED',
  last_date     VARCHAR(15)   NULL COMMENT 'business date that was processed last; NULL at the begin',
  last_client   VARCHAR(63)   NULL COMMENT 'client for which it was processed',
  skipped       BIGINT        NOT NULL DEFAULT 0 COMMENT 'dates that did not run',
  succeeded     BIGINT        NOT NULL DEFAULT 0 COMMENT 'runs that have succeeded',
  failed        BIGINT        NOT NULL DEFAULT 0 COMMENT 'runs that have failed or were canceled',
  created_at    DATETIME(6)   NOT NULL COMMENT 'when it began',
  ended_at      DATETIME(6)   NULL COMMENT 'when it was completed or canceled',
  open_schedule VARCHAR(32)   AS (IF(ended_at IS NULL, schedule_id, NULL)) STORED COMMENT 'schedule_id until it has ended',
  KEY backfill_open (open_schedule)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The runs of backfills that are not counted in succeeded or failed yet.
CREATE TABLE backfill_run (
  backfill_id VARCHAR(32) NOT NULL COMMENT 'the backfill',
  run_id      VARCHAR(32) NOT NULL COMMENT 'the run',
  PRIMARY KEY (backfill_id, run_id)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The version is the last thing that a migration writes.
UPDATE meta SET schema_version = 2 WHERE id = 1;
