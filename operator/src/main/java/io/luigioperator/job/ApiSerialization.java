/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import io.fabric8.kubernetes.api.model.KubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Status;
import io.fabric8.kubernetes.api.model.WatchEvent;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineSchedule;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes the JSON of the Kubernetes API, at the least cost for what the operator watches:
 * a run causes about 17 watch events, and reading them is a large part of what it costs.
 *
 * <ul>
 *   <li>An event is read in one pass. The library reads it into a tree and then the tree into the
 *       object, because it learns the kind of the object only from its fields.
 *   <li>{@code managedFields}, which the operator does not use, are skipped.
 *   <li>Only the watched kinds are registered, and not the several hundred kinds of the library.
 * </ul>
 *
 * <p>An object that cannot be read does not make the list or the event that contains it unreadable
 * (see {@link LenientDeserializer}).
 *
 * <p>Thread-safe.
 */
final class ApiSerialization extends KubernetesSerialization {

  /** What a watch can send: the kinds that the operator watches, and its errors. */
  private static final List<Class<? extends KubernetesResource>> WATCHED =
      List.of(PipelineRun.class, PipelineSchedule.class, Job.class, Pod.class, Status.class);

  /** More than the API server stores; what is read of it is bounded for each object. */
  private static final StreamReadConstraints ANY_OBJECT =
      StreamReadConstraints.builder()
          .maxNestingDepth(20_000)
          .maxNameLength(16 * 1024 * 1024)
          .maxStringLength(Integer.MAX_VALUE)
          .maxNumberLength(10_000)
          .build();

  /** The bounds of an object that can be read, which is one level below its event. */
  private static final StreamReadConstraints READABLE_OBJECT =
      ANY_OBJECT
          .rebuild()
          .maxNestingDepth(1 + LenientDeserializer.MAX_DEPTH)
          .maxNameLength(LenientDeserializer.MAX_NAME)
          .build();

  /** Reads events in one pass, and fails if an object is not within its bounds. */
  private final ObjectMapper eventMapper = new ObjectMapper(factory(READABLE_OBJECT));

  @JsonIgnoreProperties("managedFields")
  private abstract static class WithoutManagedFields {}

  ApiSerialization() {
    this(new ObjectMapper(factory(ANY_OBJECT)));
  }

  private ApiSerialization(ObjectMapper mapper) {
    super(mapper, false);
    configureMapper(eventMapper);
    eventMapper.addMixIn(ObjectMeta.class, WithoutManagedFields.class);
    mapper.addMixIn(ObjectMeta.class, WithoutManagedFields.class);
    mapper.registerModule(
        new SimpleModule("lenient").setDeserializerModifier(new LenientDeserializer.Modifier()));
    WATCHED.forEach(this::registerKubernetesResource);
  }

  /**
   * The names of managed fields contain UIDs. A table of all names would be copied for each new
   * one, which costs more than it saves.
   */
  private static JsonFactory factory(StreamReadConstraints constraints) {
    return new JsonFactoryBuilder()
        .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
        .streamReadConstraints(constraints)
        .build();
  }

  @Override
  public <T> T unmarshal(String json, Class<T> type) {
    if (type == WatchEvent.class) {
      Optional<WatchEvent> event = event(json);
      if (event.isPresent()) {
        return type.cast(event.get());
      }
    }
    return super.unmarshal(json, type);
  }

  /**
   * @return empty if the fields are other ones than the API server sends, or in another order, or
   *     the object is of an unknown kind or cannot be read: then the library reads it as a tree
   */
  private Optional<WatchEvent> event(String json) {
    if (json.length() > LenientDeserializer.MAX_RUN_SPEC) {
      return Optional.empty(); // it may be larger than what is read of an object
    }
    try (JsonParser parser = eventMapper.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT || !"type".equals(parser.nextFieldName())) {
        return Optional.empty();
      }
      String type = parser.nextTextValue();
      if (type == null
          || !"object".equals(parser.nextFieldName())
          || parser.nextToken() != JsonToken.START_OBJECT) {
        return Optional.empty();
      }
      Class<?> kind = kind(parser);
      if (kind == null) {
        return Optional.empty();
      }
      Object object = eventMapper.readerFor(kind).readValue(parser);
      return parser.nextToken() == JsonToken.END_OBJECT
          ? Optional.of(new WatchEvent(object, type))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Reads the first two fields of an object, which say what it is: {@code kind} and {@code
   * apiVersion}, for custom resources the other way round.
   *
   * @return null if these are not the first fields, or name an unknown kind. Otherwise the parser
   *     is at the name of the third field, where the rest of the object can be read: the class
   *     implies the values of the first two
   */
  private @Nullable Class<?> kind(JsonParser parser) throws IOException {
    String first = parser.nextFieldName();
    String firstValue = parser.nextTextValue();
    String second = parser.nextFieldName();
    String secondValue = parser.nextTextValue();
    parser.nextToken();
    if ("kind".equals(first) && "apiVersion".equals(second)) {
      return getRegisteredKubernetesResource(secondValue, firstValue);
    }
    if ("apiVersion".equals(first) && "kind".equals(second)) {
      return getRegisteredKubernetesResource(firstValue, secondValue);
    }
    return null;
  }
}
