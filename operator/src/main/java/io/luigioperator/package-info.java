/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The process: its configuration, how its parts are connected, and in which order they start and
 * stop. Nothing here decides about a run.
 */
@NullMarked
package io.luigioperator;

import org.jspecify.annotations.NullMarked;
