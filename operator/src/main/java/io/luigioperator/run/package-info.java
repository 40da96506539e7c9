/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The core, pure: what a run is, what may happen to it, and what to do next. Nothing here reads a
 * clock, draws a random number, logs, blocks or talks to a client; time and facts come in as
 * arguments, decisions go out as values. Every change of a run and its attempts is a function of
 * {@link io.luigioperator.run.WaitingTransitions}, {@link io.luigioperator.run.AmendTransition},
 * {@link io.luigioperator.run.AttemptTransitions} or {@link io.luigioperator.run.EndTransitions}.
 */
@NullMarked
package io.luigioperator.run;

import org.jspecify.annotations.NullMarked;
