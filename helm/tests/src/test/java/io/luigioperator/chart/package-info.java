/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The two charts, rendered by Helm itself and judged by a real API server. Every value must change
 * something, every right must be on the list, and every pod must pass Pod Security "restricted".
 */
@NullMarked
package io.luigioperator.chart;

import org.jspecify.annotations.NullMarked;
