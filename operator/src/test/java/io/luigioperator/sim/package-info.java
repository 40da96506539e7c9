/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Deterministic simulation of operators, clusters and the ledger: one thread and one seed for each
 * scenario. In a {@link io.luigioperator.sim.FaultScenario} operators are killed at any call,
 * requests are lost, late or duplicated, and clusters have faults. In a {@link
 * io.luigioperator.sim.CalmScenario} there is no fault and no sweep. {@link
 * io.luigioperator.sim.Invariants} checks what must hold.
 */
@NullMarked
package io.luigioperator.sim;

import org.jspecify.annotations.NullMarked;
