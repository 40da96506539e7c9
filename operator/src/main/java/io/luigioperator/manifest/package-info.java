/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Reads YAML that no API server has checked, and checks it against the schema of PipelineSchedules:
 * files for the command {@code preview}, and the lists of clients in ConfigMaps. Whatever the text
 * is, the result is a value or a problem for people, and memory and time are bounded.
 */
@NullMarked
package io.luigioperator.manifest;

import org.jspecify.annotations.NullMarked;
