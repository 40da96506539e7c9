/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The list is a list-map ({@code x-kubernetes-list-type: map}): this field identifies an item, so
 * that server-side apply can own single items.
 */
@Target(ElementType.FIELD)
@Retention(RetentionPolicy.RUNTIME)
@interface KeyedBy {
  /** Name of the field that is unique among the items. */
  String value();
}
