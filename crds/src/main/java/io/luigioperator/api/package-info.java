/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */

/**
 * The two resources, {@code PipelineRun} and {@code PipelineSchedule}, as immutable Java records.
 *
 * <p>The custom resource definitions in {@code crds/} are generated from these types. Reading a
 * type applies the same defaults as the API server; writing one never writes a null or an empty
 * list. Nothing here decides anything.
 *
 * <p>Fields that a type does not know are left out instead of refused: one object of a later
 * version must not stop the reading of all the others while an upgrade is under way.
 */
@NullMarked
package io.luigioperator.api;

import org.jspecify.annotations.NullMarked;
