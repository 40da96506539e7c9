/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import java.util.List;
import java.util.Map;

/** What the java-operator-sdk keeps of each object that it watches. */
final class StoredObjects {

  private StoredObjects() {}

  /** Removes what nothing reads: most of the heap that an object needs. */
  static void reduce(ObjectMeta metadata) {
    metadata.setManagedFields(List.of());
    metadata.setAnnotations(Map.of());
    metadata.setLabels(Map.of());
    metadata.setOwnerReferences(List.of());
    metadata.setFinalizers(List.of());
  }
}
