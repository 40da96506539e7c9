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

/** The Jobs and pods that are ours, by their labels, and whole lists of them. */
final class PagedList {

  private static final long PAGE = 500;

  /** A list that is cut off again and again is left to the next sweep. */
  private static final int BEGINNINGS = 3;

  private PagedList() {}

  /**
   * @param namespace empty for all
   */
  static <T extends HasMetadata, L extends KubernetesResourceList<T>, R extends Resource<T>>
      FilterWatchListDeletable<T, L, R> of(MixedOperation<T, L, R> objects, String namespace) {
    return (namespace.isEmpty() ? objects.inAnyNamespace() : objects.inNamespace(namespace))
        .withLabel(Labels.MANAGED_BY, Labels.OPERATOR)
        .withLabel(Labels.RUN);
  }

  /**
   * All of them, live and in pages. When a page is no longer to be had the list begins again: part
   * of a list is never taken for the whole.
   *
   * @param read what is kept of each; the pages are not
   */
  static <T extends HasMetadata, L extends KubernetesResourceList<T>, R extends Resource<T>, V>
      List<V> all(String what, FilterWatchListDeletable<T, L, R> objects, Function<T, V> read) {
    for (int i = 1; ; i++) {
      try {
        return pages(objects, read);
      } catch (KubernetesClientException e) {
        if (!ApiErrors.isExpired(e)) {
          throw ApiErrors.failure(what, e);
        }
        if (i == BEGINNINGS) {
          throw new KubeUnavailable(what + ": the list expired " + BEGINNINGS + " times", e);
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
