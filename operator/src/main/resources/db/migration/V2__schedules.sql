-- Copyright The luigi-operator authors
-- SPDX-License-Identifier: Apache-2.0
--
-- The ticks of schedules: which cron times are decided, and how. Locks are taken in the order meta, schedule,
-- schedule_client, client_mutex, run; who holds the row of a client in schedule_client may change its ticks.

-- One row for each PipelineSchedule that has or had crons.
CREATE TABLE schedule (
  schedule_id   VARCHAR(32)  NOT NULL PRIMARY KEY COMMENT 'hash of namespace and name',
  namespace     VARCHAR(63)  NOT NULL COMMENT 'namespace of the PipelineSchedule',
  name          VARCHAR(253) NOT NULL COMMENT 'name of the PipelineSchedule',
  owner_cluster VARCHAR(128) NULL COMMENT 'the cluster that decides its cron times; NULL if the object was deleted there: the next cluster that has it becomes the owner',
  KEY schedule_owner (owner_cluster, schedule_id)
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
  tick_id       VARCHAR(32) NOT NULL PRIMARY KEY COMMENT 'hash of schedule, client and business date',
  schedule_id   VARCHAR(32) NOT NULL COMMENT 'the schedule',
  client        VARCHAR(63) NOT NULL COMMENT 'id of the client',
  business_date VARCHAR(15) NOT NULL COMMENT 'as in run.business_date',
  decision      VARCHAR(7)  NOT NULL COMMENT 'FIRED, SKIPPED',
  reason        VARCHAR(63) NOT NULL COMMENT 'why it was skipped; empty if FIRED',
  cron_time     DATETIME(6) NOT NULL COMMENT 'the cron time that led to the decision',
  cron_times    BIGINT      NOT NULL COMMENT 'how many cron times belonged to the date; with more than one, the later ones found it FIRED',
  run_id        VARCHAR(32) NULL COMMENT 'the run of the date; NULL if SKIPPED',
  decided_at    DATETIME(6) NOT NULL COMMENT 'when it was decided',
  UNIQUE KEY tick_date (schedule_id, client, business_date),
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

-- The version is the last thing that a migration writes.
UPDATE meta SET schema_version = 2 WHERE id = 1;
