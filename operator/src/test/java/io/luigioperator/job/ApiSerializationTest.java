/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.KubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Status;
import io.fabric8.kubernetes.api.model.WatchEvent;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineSchedule;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class ApiSerializationTest {

  private static final String POD =
      """
      {"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1",
        "metadata":{"name":"p","namespace":"n","uid":"u","resourceVersion":"7",
          "labels":{"a":"b"},"creationTimestamp":"2026-01-02T03:04:05Z"},
        "spec":{"containers":[{"name":"luigi","image":"i","resources":{"limits":{"cpu":"1"}}}],
          "terminationGracePeriodSeconds":30,"aFieldOfALaterVersion":{"x":[1,2]}},
        "status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}}
      """;

  private static final String JOB =
      """
      {"type":"ADDED","object":{"kind":"Job","apiVersion":"batch/v1",
        "metadata":{"name":"j","annotations":{"k":"v"}},
        "spec":{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never"}}},
        "status":{"succeeded":1}}}
      """;

  private static final String RUN =
      """
      {"type":"DELETED","object":{"apiVersion":"luigi-operator.io/v1beta1","kind":"PipelineRun",
        "metadata":{"name":"r","namespace":"n"},
        "spec":{"client":"acme","pipeline":{"image":"i","task":{"module":"m","family":"T"}}},
        "status":{"phase":"Running","conditions":[]}}}
      """;

  private static final String SCHEDULE =
      """
      {"type":"ADDED","object":{"apiVersion":"luigi-operator.io/v1beta1",
        "kind":"PipelineSchedule","metadata":{"name":"s"},"spec":{"suspend":true}}}
      """;

  private static final String BOOKMARK =
      """
      {"type":"BOOKMARK","object":{"kind":"Job","apiVersion":"batch/v1",
        "metadata":{"resourceVersion":"9"},"spec":{"template":{}},"status":{}}}
      """;

  private static final String GONE =
      """
      {"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},
        "status":"Failure","message":"too old resource version","reason":"Expired","code":410}}
      """;

  /** Neither the order of the fields of an event nor that of an object is guaranteed. */
  private static final String OTHER_ORDER =
      """
      {"object":{"metadata":{"name":"p"},"kind":"Pod","apiVersion":"v1"},"type":"ADDED"}
      """;

  private static final String OTHER_ORDER_OF_OBJECT =
      """
      {"type":"ADDED","object":{"metadata":{"name":"p"},"kind":"Pod","apiVersion":"v1"}}
      """;

  static final List<String> events =
      List.of(POD, JOB, RUN, SCHEDULE, BOOKMARK, GONE, OTHER_ORDER, OTHER_ORDER_OF_OBJECT);

  private final KubernetesSerialization api = new ApiSerialization();
  private final KubernetesSerialization library = library();

  private static KubernetesSerialization library() {
    KubernetesSerialization library = new KubernetesSerialization();
    library.registerKubernetesResource(PipelineRun.class);
    library.registerKubernetesResource(PipelineSchedule.class);
    return library;
  }

  private WatchEvent event(String json) {
    return api.unmarshal(json, WatchEvent.class);
  }

  @ParameterizedTest
  @FieldSource("events")
  void anEventIsReadAsByTheLibrary(String json) {
    WatchEvent event = event(json);

    WatchEvent expected = library.unmarshal(json, WatchEvent.class);
    assertThat(event.getType()).isEqualTo(expected.getType());
    assertThat(event.getObject()).hasSameClassAs(expected.getObject());
    assertThat(library.asJson(event)).isEqualTo(library.asJson(expected));
  }

  @Test
  void theKindsOfTheWatchesAreKnown() {
    assertThat(List.of(POD, JOB, RUN, SCHEDULE, GONE))
        .extracting(json -> (Object) event(json).getObject().getClass())
        .containsExactly(
            Pod.class, Job.class, PipelineRun.class, PipelineSchedule.class, Status.class);
  }

  @Test
  void anotherKindIsReadWithoutItsClass() {
    String json = POD.replace("\"Pod\"", "\"ConfigMap\"");
    assertThat(event(json).getObject()).isInstanceOf(GenericKubernetesResource.class);
  }

  @Test
  void managedFieldsAreSkipped() {
    String json =
        POD.replace(
            "\"labels\"",
            """
            "managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1",
              "fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:ownerReferences":
              {"k:{\\"uid\\":\\"0b1f\\"}":{}}}}}],"labels\"""");
    HasMetadata read = (HasMetadata) event(json).getObject();

    assertThat(read.getMetadata().getManagedFields()).isEmpty();
    assertThat(api.asJson(read)).isEqualTo(api.asJson(event(POD).getObject()));
    Pod sameAsResponse = api.unmarshal(api.asJson(read), Pod.class);
    assertThat(sameAsResponse).isEqualTo(read);
  }

  @Test
  void aValueThatCannotBeReadIsAnErrorAsInTheLibrary() {
    String json = RUN.replace("\"acme\"", "{\"a\":[]}");
    assertThatThrownBy(() -> library.unmarshal(json, WatchEvent.class))
        .hasRootCauseInstanceOf(MismatchedInputException.class);
    assertThatThrownBy(() -> event(json)).hasRootCauseInstanceOf(MismatchedInputException.class);
  }

  @Test
  void jsonThatEndsEarlyIsAnError() {
    for (int length = 1; length < POD.strip().length(); length++) {
      String json = POD.substring(0, length);
      assertThatThrownBy(() -> event(json)).describedAs(json).isInstanceOf(RuntimeException.class);
    }
  }

  @Test
  void aResponseIsReadIntoItsClass() {
    KubernetesResource read = api.unmarshal("{\"metadata\":{\"name\":\"p\"}}", Pod.class);
    assertThat(read).isInstanceOf(Pod.class);
  }
}
