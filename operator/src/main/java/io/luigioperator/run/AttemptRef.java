/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Names one attempt: the run, the attempt's number from 1, and the fence of its claim. */
public record AttemptRef(RunKey run, int number, long fence) {}
