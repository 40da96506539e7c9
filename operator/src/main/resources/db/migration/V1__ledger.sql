-- Copyright The luigi-operator authors
-- SPDX-License-Identifier: Apache-2.0
--
-- The ledger: what may run, who holds what, and what became of every run. MySQL 9 and MariaDB 11.4.
--
-- Identifiers are compared byte by byte (ascii_bin): acme and Acme are two clients. Text for people is utf8mb4.
-- Every time is UTC in DATETIME(6), taken from the database's own clock; TIMESTAMP would follow session zones.
-- No CHAR: what it reads as depends on the session, and MariaDB refuses it in a generated column.
-- Locks are taken in the order meta, client_mutex, run, attempt, always by primary key.

-- One row. Every change takes it in share mode; a raised barrier stops them all.
CREATE TABLE meta (
  id             TINYINT NOT NULL PRIMARY KEY,
  schema_version INT     NOT NULL COMMENT 'number of the last migration; an operator that knows only lower ones does not start',
  barrier        TINYINT NOT NULL DEFAULT 0,
  CONSTRAINT meta_one_row CHECK (id = 1)
) ENGINE = InnoDB;

INSERT INTO meta (id, schema_version, barrier) VALUES (1, 1, 0);

CREATE TABLE cluster (
  cluster_id VARCHAR(63) NOT NULL PRIMARY KEY,
  identity   VARCHAR(64) NOT NULL COMMENT 'UID of the namespace kube-system',
  seen_at    DATETIME(6) NOT NULL
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The mutex of a client, or the own key of one run ('~...'), which is deleted when the run ends.
CREATE TABLE client_mutex (
  admit_key     VARCHAR(191) NOT NULL PRIMARY KEY,
  holder_run   VARCHAR(32)  NULL COMMENT 'the run with the live attempt of this key',
  fence         BIGINT       NOT NULL DEFAULT 0 COMMENT 'grows with every claim',
  next_admit_at DATETIME(6)  NULL COMMENT 'least admit_at of the READY runs of this key',
  open_at       DATETIME(6)  AS (IF(holder_run IS NULL, next_admit_at, NULL)) STORED,
  KEY client_mutex_open_at (open_at),
  KEY client_mutex_holder_run (holder_run)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE run (
  run_id        VARCHAR(32)   NOT NULL PRIMARY KEY COMMENT 'hash of namespace and name',
  namespace      VARCHAR(63)   NOT NULL,
  name           VARCHAR(253)  NOT NULL,
  client         VARCHAR(63)   NOT NULL,
  business_date  VARCHAR(15)   NOT NULL,
  schedule       VARCHAR(253)  NOT NULL,
  mutex_key      VARCHAR(191)  NOT NULL COMMENT 'the key that its RUN attempts hold',
  admit_key      VARCHAR(191)  NOT NULL COMMENT 'the key of the next or live attempt: mutex_key for RUN, else its own',
  next_kind      VARCHAR(5)    NOT NULL COMMENT 'kind of the next or live attempt: RUN, PLAN, CHECK',
  state          VARCHAR(9)    NOT NULL,
  reason         VARCHAR(63)   NOT NULL,
  message        VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  cancel         BOOLEAN       NOT NULL,
  desired        VARCHAR(8)    NOT NULL,
  priority       VARCHAR(8)    NOT NULL,
  claims         INT           NOT NULL,
  counted        INT           NOT NULL,
  infra          INT           NOT NULL,
  uncounted      INT           NOT NULL,
  max_attempts   INT           NOT NULL,
  max_infra      INT           NOT NULL,
  accepted_at    DATETIME(6)   NOT NULL,
  admit_at       DATETIME(6)   NOT NULL COMMENT 'virtual start: ascending order is priority with ageing',
  not_before     DATETIME(6)   NULL,
  start_deadline DATETIME(6)   NULL,
  started_at     DATETIME(6)   NULL,
  finished_at    DATETIME(6)   NULL,
  request        MEDIUMTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'NULL once purged',
  request_sha    VARCHAR(64)   NOT NULL,
  hash_version   INT           NOT NULL,
  purgeable_at   DATETIME(6)   AS (IF(request IS NULL, NULL, finished_at)) STORED,
  KEY run_heads (admit_key, state, admit_at),
  KEY run_due (state, not_before),
  KEY run_expiring (state, start_deadline),
  KEY run_purgeable (purgeable_at),
  CONSTRAINT run_counted_within_policy CHECK (counted BETWEEN 0 AND max_attempts),
  CONSTRAINT run_infra_within_policy CHECK (infra BETWEEN 0 AND max_infra)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- A PipelineRun that a cluster has for a run.
CREATE TABLE run_object (
  run_id            VARCHAR(32) NOT NULL,
  cluster_id         VARCHAR(63) NOT NULL,
  uid                VARCHAR(64) NOT NULL,
  applied_generation BIGINT      NOT NULL,
  PRIMARY KEY (run_id, cluster_id),
  KEY run_object_cluster (cluster_id, run_id)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- live_key lets the database itself refuse a second live attempt of one key.
CREATE TABLE attempt (
  run_id       VARCHAR(32)   NOT NULL,
  number        INT           NOT NULL,
  kind          VARCHAR(5)    NOT NULL,
  admit_key     VARCHAR(191)  NOT NULL,
  fence         BIGINT        NOT NULL,
  cluster_id    VARCHAR(63)   NOT NULL,
  state         VARCHAR(7)    NOT NULL,
  token         VARCHAR(64)   NOT NULL,
  job_name      VARCHAR(253)  NOT NULL,
  job_uid       VARCHAR(64)   NULL,
  pod_uid       VARCHAR(64)   NULL,
  node          VARCHAR(253)  NULL,
  claimed_at    DATETIME(6)   NOT NULL,
  bound_at      DATETIME(6)   NULL,
  stop_cause    VARCHAR(63)   NULL COMMENT 'why the operator is stopping its pod',
  stop_message  VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  missing_since DATETIME(6)   NULL,
  ended_at      DATETIME(6)   NULL,
  reason        VARCHAR(63)   NULL,
  message       VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  exit_code     INT           NULL,
  report        TEXT          CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  live_key      VARCHAR(191)  AS (IF(state <> 'ENDED', admit_key, NULL)) STORED,
  PRIMARY KEY (run_id, number),
  UNIQUE KEY attempt_live_key (live_key),
  UNIQUE KEY attempt_fence (admit_key, fence),
  UNIQUE KEY attempt_token (token),
  UNIQUE KEY attempt_pod_uid (pod_uid)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;
