/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Decides what may run: the transactions of the launch protocol over MySQL, and nothing finer. Two
 * operators that act at the same time, in one cluster or in two, are harmless, because each change
 * checks its guard under lock. A commit whose outcome is in doubt is read again with a lock before
 * the caller gets an answer.
 */
@NullMarked
package io.luigioperator.ledger;

import org.jspecify.annotations.NullMarked;
