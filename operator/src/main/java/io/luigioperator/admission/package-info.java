/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Who may start now: in order of virtual start, only keys whose mutex is free, until the slots are
 * full. A run that waits for its client uses no slot and hides nobody.
 */
@NullMarked
package io.luigioperator.admission;

import org.jspecify.annotations.NullMarked;
