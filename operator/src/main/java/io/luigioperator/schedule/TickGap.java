/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.Instant;

/**
 * Many consecutive ticks that start no run, for one reason.
 *
 * @param from nominal time of the first
 * @param to nominal time of the last
 */
public record TickGap(Instant from, Instant to, long count, SkipReason reason) {}
