/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The text is a Kubernetes quantity, which may also be written as a whole number. */
@Target(ElementType.FIELD)
@Retention(RetentionPolicy.RUNTIME)
@interface AsQuantity {}
