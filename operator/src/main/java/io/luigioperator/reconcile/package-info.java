/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * What keeps runs moving: looks at one, asks the core what comes next, does that one thing and
 * looks again. The java-operator-sdk tells when to look, the leader's loops and the sweep look at
 * what no event tells of; none of them decides about a run.
 */
@NullMarked
package io.luigioperator.reconcile;

import org.jspecify.annotations.NullMarked;
