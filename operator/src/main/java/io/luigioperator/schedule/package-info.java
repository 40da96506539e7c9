/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The clock, pure: which instants the crons of a client name in its time zone, which business date
 * each one stands for, and what becomes of those that are due. Nothing here reads a clock, blocks
 * or talks to a client; time and facts come in as arguments, decisions go out as values.
 */
@NullMarked
package io.luigioperator.schedule;

import org.jspecify.annotations.NullMarked;
