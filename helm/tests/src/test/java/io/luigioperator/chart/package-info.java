/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Tests of the Helm charts, with the real Helm and a real API server. Every value must have an
 * effect, the operator must have exactly the listed rights, and every pod must meet the Pod
 * Security level "restricted".
 */
@NullMarked
package io.luigioperator.chart;

import org.jspecify.annotations.NullMarked;
