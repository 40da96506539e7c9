/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.KubernetesResourceList;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Lists of the Jobs and pods of the operator, selected by label, in pages. */
final class PagedList {

  /**
   * Objects of one list request. A user can create Jobs and pods of 1.5 MB with the labels of the
   * operator, and a page must fit into the heap several times.
   */
  static final long PAGE = 10;

  /** How often an expired list is started; the next sweep tries again. */
  private static final int STARTS = 3;

  private PagedList() {}

  /**
   * @param namespace empty: all namespaces
   */
  static <T extends HasMetadata, L extends KubernetesResourceList<T>, R extends Resource<T>>
      FilterWatchListDeletable<T, L, R> of(MixedOperation<T, L, R> objects, String namespace) {
    return (namespace.isEmpty() ? objects.inAnyNamespace() : objects.inNamespace(namespace))
        .withLabel(Labels.MANAGED_BY, Labels.OPERATOR)
        .withLabel(Labels.RUN);
  }

  /**
   * Lists all objects, live. If the list expires between two pages, it starts again: the result is
   * never a part of a list.
   *
   * @param action what the request does, for the message of an error
   * @param read converts each object; the objects themselves are not kept
   */
  static <T extends HasMetadata, L extends KubernetesResourceList<T>, R extends Resource<T>, V>
      List<V> all(String action, FilterWatchListDeletable<T, L, R> objects, Function<T, V> read) {
    for (int i = 1; ; i++) {
      try {
        return pages(objects, read);
      } catch (KubernetesClientException e) {
        if (!ApiErrors.isExpired(e)) {
          throw ApiErrors.failure(action, e);
        }
        if (i == STARTS) {
          throw new KubeUnavailable(action + ": the list expired " + STARTS + " times", e);
        }
      }
    }
  }

  private static <
          T extends HasMetadata, L extends KubernetesResourceList<T>, R extends Resource<T>, V>
      List<V> pages(FilterWatchListDeletable<T, L, R> objects, Function<T, V> read) {
    List<V> result = new ArrayList<>();
    String next = "";
    do {
      L page =
          objects.list(
              new ListOptionsBuilder()
                  .withLimit(PAGE)
                  .withContinue(next.isEmpty() ? null : next)
                  .build());
      page.getItems().forEach(item -> result.add(read.apply(item)));
      next = page.getMetadata().getContinue() == null ? "" : page.getMetadata().getContinue();
    } while (!next.isEmpty());
    return result;
  }
}
