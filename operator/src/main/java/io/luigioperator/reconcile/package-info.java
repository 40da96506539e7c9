/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The edge: looks at one run, asks the core what comes next, does that one thing and looks again.
 * The java-operator-sdk tells when to look; nothing here decides.
 */
@NullMarked
package io.luigioperator.reconcile;

import org.jspecify.annotations.NullMarked;
