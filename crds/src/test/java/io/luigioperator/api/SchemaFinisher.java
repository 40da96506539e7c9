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

/** Adds to a generated schema what the generator cannot express, by walking it beside the types. */
final class SchemaFinisher {
  private static final int LONGEST_TIME = 64;
  private static final int LONGEST_QUANTITY = 32;

  private SchemaFinisher() {}

  static void finish(JSONSchemaProps root, Class<? extends CustomResource<?, ?>> type) {
    var parts = ((ParameterizedType) type.getGenericSuperclass()).getActualTypeArguments();
    root.setDescription(description(type));
    root.setRequired(List.of("spec"));
    record(root.getProperties().get("spec"), (Class<?>) parts[0]);
    record(root.getProperties().get("status"), (Class<?>) parts[1]);
    root.getProperties().get("spec").setDescription(description((Class<?>) parts[0]));
    root.getProperties().get("status").setDescription(description((Class<?>) parts[1]));
    root.getProperties().get("status").setDefault(unseen((Class<?>) parts[1]));
  }

  /** Without this kstatus takes a new object for finished before the operator has seen it. */
  private static ObjectNode unseen(Class<?> status) {
    ObjectNode unseen = JsonNodeFactory.instance.objectNode().put("observedGeneration", -1);
    return status == PipelineRunStatus.class ? unseen.put("phase", "Pending") : unseen;
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
    // an annotation of a component lands on its field and on its accessor, and the generator reads
    // both
    property.setXKubernetesValidations(
        property.getXKubernetesValidations().stream().distinct().toList());
    if (type == List.class) {
      list(property, owner, component);
    } else if (component.getName().equals("podTemplate")) {
      return fragment("pod-template", property.getDescription());
    } else if (type == Map.class) {
      property.getAdditionalProperties().setSchema(quantity(null, LONGEST_QUANTITY));
    } else if (type == Instant.class) {
      if (property.getMaxLength() == null) {
        property.setMaxLength((long) LONGEST_TIME);
      }
      if (!property.getXKubernetesValidations().isEmpty()) {
        // the rule checks the text, with a better message than the format has
        property.setFormat(null);
      }
    } else if (type == Integer.class || type == Long.class) {
      property.setFormat(type == Integer.class ? "int32" : "int64");
    } else if (field(owner, component).isAnnotationPresent(AsQuantity.class)) {
      return quantity(property, LONGEST_QUANTITY);
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

  /** The generator's annotations and ours sit on the field of a component. */
  private static Field field(Class<?> owner, RecordComponent component) {
    try {
      return owner.getDeclaredField(component.getName());
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(e);
    }
  }
}
