/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The command {@code preview}: checks PipelineSchedules in a file and prints their next ticks,
 * without a cluster and without a database.
 */
@NullMarked
package io.luigioperator.preview;

import org.jspecify.annotations.NullMarked;
