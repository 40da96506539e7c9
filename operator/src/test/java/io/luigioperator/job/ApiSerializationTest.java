/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import io.fabric8.kubernetes.api.model.DefaultKubernetesResourceList;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.KubernetesResource;
import io.fabric8.kubernetes.api.model.KubernetesResourceList;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Status;
import io.fabric8.kubernetes.api.model.WatchEvent;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
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

  private static final String SPEC_FIELD = "\"spec\":{";

  /** A run with a value at podTemplate that the API server stores. */
  private static String runWith(String podTemplate) {
    return RUN.replace("\"pipeline\":{", "\"pipeline\":{\"podTemplate\":" + podTemplate + ",");
  }

  private static String nested(int levels) {
    return "{\"a\":".repeat(levels) + "1" + "}".repeat(levels);
  }

  static final List<String> unreadable =
      List.of(
          RUN.replace("\"acme\"", "{\"a\":[]}"),
          RUN.replace(SPEC_FIELD, SPEC_FIELD + "\"priority\":\"OfALaterVersion\","),
          RUN.replace(SPEC_FIELD, SPEC_FIELD + "\"notBeforeTime\":\"2026-01-01T00:00:00+99:00\","),
          RUN.replace(SPEC_FIELD, SPEC_FIELD + "\"maxAttempts\":123456789012345678901,"),
          runWith("{\"metadata\":{\"annotations\":{\"" + "a".repeat(60_000) + "\":\"x\"}}}"),
          runWith(nested(LenientDeserializer.MAX_DEPTH - 2)),
          runWith(nested(1_100)),
          runWith(nested(9_900)),
          runWith("[" + "\"a\",".repeat(400_000) + "1]"),
          runWith("[" + "{},".repeat(400_001) + "1]"),
          runWith("{\"a\":\"" + "x".repeat(400_001) + "\",\"b\":{\"c\":[1]}}"));

  @ParameterizedTest
  @FieldSource("unreadable")
  void aRunThatCannotBeReadKeepsItsMetadataAndStatus(String json) {
    PipelineRun run = (PipelineRun) event(json).getObject();

    assertThat(run.unreadableSpec()).isPresent();
    assertThat(run.getSpec()).isNull();
    assertThat(run.getMetadata().getName()).isEqualTo("r");
    assertThat(run.getStatus().phase()).isEqualTo(Phase.Running);
  }

  @ParameterizedTest
  @FieldSource("unreadable")
  void aRunThatCannotBeReadDoesNotMakeTheListUnreadable(String json) {
    String bad = objectOf(json);
    String good = objectOf(RUN);
    KubernetesResourceList<PipelineRun> list =
        api.unmarshal(
            new ByteArrayInputStream(
                "{\"items\":[%s,%s,%s]}"
                    .formatted(good, bad, good)
                    .getBytes(StandardCharsets.UTF_8)),
            new TypeReference<DefaultKubernetesResourceList<PipelineRun>>() {});

    assertThat(list.getItems())
        .extracting(r -> r.unreadableSpec().isPresent())
        .containsExactly(false, true, false);
  }

  private static String objectOf(String event) {
    String json = event.strip();
    return json.substring(json.indexOf("\"object\":") + "\"object\":".length(), json.length() - 1);
  }

  @Test
  void theReasonNamesTheFieldAndIsShort() {
    String key = "a".repeat(60_000);
    assertThat(problem(runWith("{\"" + key + "\":1}")))
        .isEqualTo(
            "the name %s... of a field has more than 10000 characters".formatted("a".repeat(60)));
    assertThat(problem(runWith(nested(1_100)))).isEqualTo("it is nested deeper than 100 levels");
    assertThat(problem(RUN.replace("\"acme\"", "{\"a\":[]}"))).endsWith(" at spec.client");
    assertThat(problem(runWith("{\"a\":\"" + "x".repeat(400_001) + "\",\"b\":1}")))
        .isEqualTo("it has more than 400000 characters");
  }

  /** It is rejected with a reason of its own, if its request is larger than what is stored. */
  @Test
  void aRunThatIsOnlyLargeIsReadWhole() {
    String json = runWith("{\"a\":\"" + "x".repeat(399_000) + "\"}");

    PipelineRun run = (PipelineRun) event(json).getObject();

    assertThat(run.unreadableSpec()).isEmpty();
    assertThat(run.getSpec().pipeline().podTemplate().get("a").toString()).hasSize(399_000);
    assertThat(run.getStatus().phase()).isEqualTo(Phase.Running);
  }

  private String problem(String json) {
    return ((PipelineRun) event(json).getObject()).unreadableSpec().orElseThrow();
  }

  @Test
  void theSameObjectsAreReadInAnEventAndInAList() {
    String json = runWith(nested(LenientDeserializer.MAX_DEPTH - 3));

    PipelineRun watched = (PipelineRun) event(json).getObject();
    PipelineRun listed = api.unmarshal(objectOf(json), PipelineRun.class);

    assertThat(watched.unreadableSpec()).isEmpty();
    assertThat(listed.unreadableSpec()).isEmpty();
    assertThat(watched.getSpec()).isEqualTo(listed.getSpec());
  }

  @Test
  void managedFieldsAreNotBounded() {
    String json =
        RUN.replace(
            "\"name\":\"r\"",
            "\"name\":\"r\",\"managedFields\":[{\"fieldsV1\":%s,\"x\":{\"%s\":{}}}]"
                .formatted(nested(1_100), "k".repeat(60_000)));
    assertThat(((PipelineRun) event(json).getObject()).getSpec()).isNotNull();
  }

  @Test
  void aPodThatCannotBeReadIsOneThatMayBeRunning() {
    String json =
        POD.replace(
            "\"terminationGracePeriodSeconds\":30", "\"nodeName\":\"n1\",\"hostNetwork\":[]");
    ObservedPod pod = Observation.pod((Pod) event(json).getObject());

    assertThat(pod.uid()).isEqualTo("u");
    assertThat(pod.gated()).isFalse();
    assertThat(pod.terminal()).isFalse();
    assertThat(pod.node()).contains("n1");
    assertThat(pod.ending()).isEmpty();
  }

  @Test
  void aJobThatCannotBeReadKeepsItsStatus() {
    String json = JOB.replace("\"backoffLimit\":0", "\"backoffLimit\":[]");
    Job job = (Job) event(json).getObject();

    assertThat(job.getMetadata().getAnnotations()).containsEntry("k", "v");
    assertThat(job.getStatus().getSucceeded()).isEqualTo(1);
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
