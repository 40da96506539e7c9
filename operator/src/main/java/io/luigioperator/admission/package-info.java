/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Decides which runs may start: in the order of their virtual start, only runs whose key is free,
 * until all slots are used. A run that waits for its client uses no slot and does not keep other
 * clients' runs from starting.
 */
@NullMarked
package io.luigioperator.admission;

import org.jspecify.annotations.NullMarked;
