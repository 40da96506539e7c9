/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */

/**
 * The two resources, {@code PipelineRun} and {@code PipelineSchedule}, as immutable Java records.
 *
 * <p>The custom resource definitions in {@code crds/} are generated from these types.
 * Deserialization applies the same defaults as the API server; serialization never writes a null or
 * an empty list. The types contain no logic.
 *
 * <p>Deserialization ignores unknown fields. During an upgrade an object of a later version may
 * have some, and it must not prevent the operator from reading all other objects.
 */
@NullMarked
package io.luigioperator.api;

import org.jspecify.annotations.NullMarked;
