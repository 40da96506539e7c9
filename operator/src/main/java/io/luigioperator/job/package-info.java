/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * From a claimed attempt to a Job, and from Job and pods back to what the core understands; and
 * {@link io.luigioperator.job.Kube}, the narrow door to the API server. Building and reading are
 * pure; only the door talks.
 */
@NullMarked
package io.luigioperator.job;

import org.jspecify.annotations.NullMarked;
