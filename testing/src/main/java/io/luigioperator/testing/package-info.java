/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * What the tests of several modules share: programs of the repository, a real API server, a
 * certificate for TLS. It is used in test scope only and knows nothing of the operator.
 */
@NullMarked
package io.luigioperator.testing;

import org.jspecify.annotations.NullMarked;
