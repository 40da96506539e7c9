/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Run;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Changes that a sweep makes to rows of any cluster, a bounded number at a time. */
public interface LedgerMaintenance {

  /** Makes up to {@code limit} DELAYED runs READY whose time has come; returns them. */
  List<Run> due(int limit);

  /** Fails up to {@code limit} waiting runs whose start deadline has passed; returns them. */
  List<Run> expire(int limit);

  /**
   * Deletes attempts and requests of up to {@code limit} runs that finished before {@code
   * finishedBefore}.
   *
   * @return how many runs
   */
  int purge(Instant finishedBefore, int limit);

  /**
   * Frees up to {@code limit} keys whose holder has no live attempt. There should be none.
   *
   * @return the keys that had to be freed
   */
  List<AdmitKey> freeStaleHolders(int limit);

  /** Corrects {@code next_admit_at} of up to {@code limit} keys after a cursor. */
  Audit auditHeads(Optional<AdmitKey> after, int limit);

  /**
   * Checks, without a change, that each decided cron time of up to {@code limit} clients after a
   * cursor is accounted for, and that each business date that has fired has its one run; reports
   * what is not so. Bounded by the number of rows, too: fewer clients may be checked, and one with
   * very many business dates is left out.
   */
  TickAudit auditTicks(Optional<TickCursor> after, int limit);

  /** Claimed but unbound attempts of clusters whose last heartbeat is {@code silence} old. */
  List<Attempt> claimsOfSilentClusters(Duration silence, int limit);

  /** Live attempts of clusters that a person has retired. */
  List<Attempt> attemptsOfRetiredClusters(int limit);

  /** A client of a schedule, in the order of the ids of schedules. */
  record TickCursor(String scheduleId, String client) {}

  /**
   * The result of an audit of ticks.
   *
   * @param broken clients with a violated invariant; there should be none
   * @param next where to continue; empty at the end, to begin again
   */
  record TickAudit(List<TickCursor> broken, Optional<TickCursor> next) {}

  /**
   * The result of an audit.
   *
   * @param corrected keys whose value was wrong; there should be none
   * @param next where to continue; empty at the end, to begin again
   */
  record Audit(List<AdmitKey> corrected, Optional<AdmitKey> next) {}
}
