/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/**
 * What every ledger must do, tested through its interface only. The simulated ledger passes the
 * same tests as the real ones, so that the simulation can be trusted.
 */
public abstract class LedgerContract
    implements ClusterContract,
        AcceptContract,
        AmendContract,
        ClaimContract,
        BindContract,
        FinishContract,
        AbandonContract,
        AttemptKindContract,
        WaitingContract,
        ScheduleContract,
        ScheduleDeletionContract,
        BackfillContract,
        NewestRunsContract,
        LimitContract {}
