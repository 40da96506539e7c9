/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The string is a Kubernetes quantity; in YAML it may also be written as an integer. */
@Target(ElementType.FIELD)
@Retention(RetentionPolicy.RUNTIME)
@interface AsQuantity {}
