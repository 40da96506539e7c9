/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaPropsBuilder;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Adds to a generated schema what the generator does not support, by walking the schema and the
 * types.
 */
final class SchemaFinisher {
  private static final int MAX_TIME_LENGTH = 64;
  private static final int MAX_QUANTITY_LENGTH = 32;

  private SchemaFinisher() {}

  static void finish(JSONSchemaProps root, Class<? extends CustomResource<?, ?>> type) {
    var parts = ((ParameterizedType) type.getGenericSuperclass()).getActualTypeArguments();
    root.setDescription(description(type));
    root.setRequired(List.of("spec"));
    record(root.getProperties().get("spec"), (Class<?>) parts[0]);
    record(root.getProperties().get("status"), (Class<?>) parts[1]);
    root.getProperties().get("spec").setDescription(description((Class<?>) parts[0]));
    root.getProperties().get("status").setDescription(description((Class<?>) parts[1]));
    root.getProperties().get("status").setDefault(unobserved((Class<?>) parts[1]));
  }

  /**
   * Without this default, kstatus treats a new object as current before the operator has processed
   * it.
   */
  private static ObjectNode unobserved(Class<?> status) {
    ObjectNode unobserved = JsonNodeFactory.instance.objectNode().put("observedGeneration", -1);
    return status == PipelineRunStatus.class ? unobserved.put("phase", "Pending") : unobserved;
  }

  private static String description(Class<?> type) {
    return type.getAnnotation(JsonClassDescription.class).value();
  }

  private static void record(JSONSchemaProps schema, Class<?> type) {
    for (var component : type.getRecordComponents()) {
      var property = schema.getProperties().get(component.getName());
      schema.getProperties().put(component.getName(), property(property, type, component));
    }
  }

  private static JSONSchemaProps property(
      JSONSchemaProps property, Class<?> owner, RecordComponent component) {
    var type = component.getType();
    // an annotation of a component applies to its field and its accessor; the generator reads both
    property.setXKubernetesValidations(
        property.getXKubernetesValidations().stream().distinct().toList());
    if (type == List.class) {
      list(property, owner, component);
    } else if (component.getName().equals("podTemplate")) {
      return fragment("pod-template", property.getDescription());
    } else if (type == Map.class) {
      property.getAdditionalProperties().setSchema(quantity(null, MAX_QUANTITY_LENGTH));
    } else if (type == Instant.class) {
      if (property.getMaxLength() == null) {
        property.setMaxLength((long) MAX_TIME_LENGTH);
      }
      if (!property.getXKubernetesValidations().isEmpty()) {
        // the rule checks the string and has a better message than the format
        property.setFormat(null);
      }
    } else if (type == Integer.class || type == Long.class) {
      property.setFormat(type == Integer.class ? "int32" : "int64");
    } else if (field(owner, component).isAnnotationPresent(AsQuantity.class)) {
      return quantity(property, MAX_QUANTITY_LENGTH);
    } else if (type.isRecord()) {
      record(property, type);
    }
    return property;
  }

  private static void list(JSONSchemaProps list, Class<?> owner, RecordComponent component) {
    var field = field(owner, component);
    var key = field.getAnnotation(KeyedBy.class);
    if (key != null) {
      list.setXKubernetesListType("map");
      list.setXKubernetesListMapKeys(List.of(key.value()));
    } else {
      list.setXKubernetesListType(field.isAnnotationPresent(UniqueItems.class) ? "set" : "atomic");
    }
    Type item = ((ParameterizedType) component.getGenericType()).getActualTypeArguments()[0];
    if (item == Condition.class) {
      list.getItems().setSchema(fragment("condition", null));
    } else if (item instanceof Class<?> type && type.isRecord()) {
      record(list.getItems().getSchema(), type);
    }
  }

  private static JSONSchemaProps quantity(@Nullable JSONSchemaProps text, long maxLength) {
    var schema = text == null ? new JSONSchemaProps() : text;
    schema.setType(null);
    schema.setMaxLength(maxLength);
    schema.setXKubernetesIntOrString(true);
    schema.setAnyOf(
        List.of(
            new JSONSchemaPropsBuilder().withType("integer").build(),
            new JSONSchemaPropsBuilder().withType("string").build()));
    return schema;
  }

  private static JSONSchemaProps fragment(String name, @Nullable String description) {
    try (var file = SchemaFinisher.class.getResourceAsStream("/schema/" + name + ".yaml")) {
      var schema = Serialization.unmarshal(file, JSONSchemaProps.class);
      schema.setDescription(description);
      return schema;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The field of a record component, which has its annotations. */
  private static Field field(Class<?> owner, RecordComponent component) {
    try {
      return owner.getDeclaredField(component.getName());
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(e);
    }
  }
}
