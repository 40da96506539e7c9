/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * How the operator is watched: health, metrics and what is running. It looks at everything and
 * changes nothing; an operator without it would do the same work.
 */
@NullMarked
package io.luigioperator.ops;

import org.jspecify.annotations.NullMarked;
