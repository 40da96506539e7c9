/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.job.PipelineResourceCache;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RunEventSourceTest {

  private final List<String> cached = new ArrayList<>();

  private final PipelineResourceCache cache =
      (PipelineResourceCache)
          Proxy.newProxyInstance(
              PipelineResourceCache.class.getClassLoader(),
              new Class<?>[] {PipelineResourceCache.class},
              (proxy, method, arguments) ->
                  cached.add(((PipelineRun) arguments[0]).getSpec().client()));

  /** Users can fill each of these fields with a megabyte, in thousands of objects. */
  @Test
  void theSdkKeepsOnlyWhatIdentifiesARun() {
    ObjectMeta identity =
        new ObjectMetaBuilder()
            .withNamespace("data")
            .withName("r")
            .withUid("u")
            .withGeneration(3L)
            .withResourceVersion("7")
            .build();
    PipelineRun run =
        Serialization.unmarshal("{\"spec\": {\"client\": \"acme\"}}", PipelineRun.class);
    run.setMetadata(
        new ObjectMetaBuilder(identity)
            .withAnnotations(Map.of("a", "x"))
            .withLabels(Map.of("l", "x"))
            .withFinalizers("example.com/keep")
            .addNewOwnerReference()
            .withName("o")
            .endOwnerReference()
            .withManagedFields(new ManagedFieldsEntry())
            .build());

    new RunEventSource(cache, new RunQueue((lane, runs) -> Map.of()), new Signal())
        .onResourceCreated(run);

    assertThat(cached).containsExactly("acme");
    assertThat(run.getSpec()).isNull();
    assertThat(run.getMetadata()).isEqualTo(identity);
  }
}
