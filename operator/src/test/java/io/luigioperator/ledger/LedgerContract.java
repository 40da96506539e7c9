/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/**
 * What every ledger must do, through its interface alone: the simulated one is held to the same
 * promises as the real ones, so that the model is tested, too.
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
        WaitingContract {}
