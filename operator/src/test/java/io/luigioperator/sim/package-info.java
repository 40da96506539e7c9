/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The launch protocol against an adversary: one thread, one seed, a simulated ledger, cluster and
 * clock, two operators that crash after any call, requests that are lost, late or doubled.
 */
@NullMarked
package io.luigioperator.sim;

import org.jspecify.annotations.NullMarked;
