/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The launch protocol against an adversary, one thread and one seed a story. {@link
 * io.luigioperator.sim.FaultScenario}: operators that are killed at any call, requests that are
 * lost, late or doubled, all that befalls clusters. {@link io.luigioperator.sim.CalmScenario}: no
 * fault and no sweep. What must hold is in {@link io.luigioperator.sim.Invariants}.
 */
@NullMarked
package io.luigioperator.sim;

import org.jspecify.annotations.NullMarked;
