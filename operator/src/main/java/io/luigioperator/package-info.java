/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The process: what can be set, what is wired to what, in which order it starts and stops. Nothing
 * here decides about a run.
 */
@NullMarked
package io.luigioperator;

import org.jspecify.annotations.NullMarked;
