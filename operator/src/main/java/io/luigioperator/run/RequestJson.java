/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.luigioperator.api.Parameter;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;

/** A request as JSON, and the hash over the canonical form of what a PipelineRun requests. */
public final class RequestJson {

  /** The version of the canonical form; a change of the form needs a new number. */
  public static final int HASH_VERSION = 1;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModule(new JavaTimeModule())
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
          .defaultPropertyInclusion(
              JsonInclude.Value.construct(
                  JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
          .build();

  private RequestJson() {}

  public static String write(Request request) {
    try {
      return JSON.writeValueAsString(request);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a request is made of records that Jackson can write", e);
    }
  }

  /**
   * @throws IllegalArgumentException if the text was not written by {@link #write}
   */
  public static Request read(String json) {
    try {
      return JSON.readValue(json, Request.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not a stored request: " + e.getOriginalMessage(), e);
    }
  }

  /** Whether the JSON of a record of the API has more bytes than this. */
  public static boolean isLonger(Record content, int bytes) {
    try {
      return JSON.writeValueAsBytes(content).length > bytes;
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("Jackson can write the records of the API", e);
    }
  }

  /**
   * SHA-256, hex, of the fields by which two requests are the same: client, date, parameters, and
   * schedule or pipeline. Fields with their default value are left out, so that setting a default
   * explicitly does not change the hash. Mutable fields are not part of it.
   */
  public static String hash(PipelineRunSpec spec) {
    ObjectNode canonical = JSON.createObjectNode();
    canonical.put("client", spec.client());
    if (spec.date() != null) {
      canonical.put("date", spec.date());
    }
    Map<String, String> parameters = new TreeMap<>();
    for (Parameter p : spec.parameters()) {
      parameters.put(p.name(), p.value());
    }
    if (!parameters.isEmpty()) {
      canonical.set("parameters", JSON.valueToTree(parameters));
    }
    if (spec.scheduleRef() != null) {
      canonical.put("scheduleRef", spec.scheduleRef().name());
    }
    PipelineSpec pipeline = spec.pipeline();
    if (pipeline != null) {
      JsonNode defaults =
          JSON.valueToTree(PipelineSpec.ofDefaults(pipeline.image(), pipeline.task()));
      ObjectNode full = JSON.valueToTree(pipeline);
      prune(full, defaults);
      full.put("image", pipeline.image());
      full.set("task", JSON.valueToTree(pipeline.task()));
      canonical.set("pipeline", full);
    }
    return Sha256.hex(sorted(canonical).toString());
  }

  private static void prune(ObjectNode node, JsonNode defaults) {
    for (Iterator<Map.Entry<String, JsonNode>> it = node.properties().iterator(); it.hasNext(); ) {
      Map.Entry<String, JsonNode> field = it.next();
      JsonNode standard = defaults.path(field.getKey());
      if (field.getValue() instanceof ObjectNode inner && standard.isObject()) {
        prune(inner, standard);
      }
      if (field.getValue().equals(standard)
          || field.getValue() instanceof ObjectNode inner && inner.isEmpty()) {
        it.remove();
      }
    }
  }

  private static JsonNode sorted(ObjectNode node) {
    Map<String, JsonNode> fields = new TreeMap<>();
    node.properties()
        .forEach(
            f ->
                fields.put(
                    f.getKey(),
                    f.getValue() instanceof ObjectNode inner ? sorted(inner) : f.getValue()));
    ObjectNode result = JSON.createObjectNode();
    result.setAll(fields);
    return result;
  }
}
