/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The authority on what may run: the transactions of the launch protocol over MySQL, and nothing
 * finer. Two operators acting at once, in one cluster or in two, are harmless, because each change
 * is guarded under lock. A commit in doubt is re-read with a lock before anybody hears of it.
 */
@NullMarked
package io.luigioperator.ledger;

import org.jspecify.annotations.NullMarked;
