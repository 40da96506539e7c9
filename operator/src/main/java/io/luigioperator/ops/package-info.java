/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Observability of the operator: health, metrics and version. It changes nothing; the operator
 * would work the same without it.
 */
@NullMarked
package io.luigioperator.ops;

import org.jspecify.annotations.NullMarked;
