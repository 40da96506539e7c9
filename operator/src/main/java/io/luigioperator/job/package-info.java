/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Converts a claimed attempt to a Job, and Jobs and pods to the observations of package run; and
 * {@link io.luigioperator.job.Kube}, the interface to the API server. The conversions are pure;
 * only the implementation of {@code Kube} sends requests.
 */
@NullMarked
package io.luigioperator.job;

import org.jspecify.annotations.NullMarked;
