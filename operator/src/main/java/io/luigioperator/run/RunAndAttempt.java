/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** A run and one of its attempts after the same commit. */
public record RunAndAttempt(Run run, Attempt attempt) {}
