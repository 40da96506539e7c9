/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Reconciles runs: reads the state of a run, asks the package {@code run} for the next effect,
 * carries it out and reads the state again. Watch events of the java-operator-sdk trigger
 * reconciliations; the loops of the leader and the sweep handle changes without an event. Decisions
 * about runs are made in the package {@code run} only.
 */
@NullMarked
package io.luigioperator.reconcile;

import org.jspecify.annotations.NullMarked;
