/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A test that runs once for each file in {@code src/test/resources/values}. */
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedTest
@MethodSource("io.luigioperator.chart.Helm#valuesFiles")
@interface ForEachValuesFile {}
