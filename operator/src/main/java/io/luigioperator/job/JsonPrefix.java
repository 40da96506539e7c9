/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads a JSON object of which the end may be missing, because the kubelet divides 12 KiB among the
 * termination messages of all containers of a pod and cuts the longer ones.
 *
 * @param object the values that were read completely; objects and arrays as far as they were read
 * @param complete whether the whole text is one JSON object
 */
record JsonPrefix(ObjectNode object, boolean complete) {

  private static final JsonFactory JSON = new JsonFactory();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** Empty if the text does not begin as a JSON object. */
  static Optional<JsonPrefix> of(String text) {
    ObjectNode object = NODES.objectNode();
    try (JsonParser parser = JSON.createParser(text)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return Optional.empty();
      }
      Reader reader = new Reader(parser, text.length());
      boolean complete = reader.fill(object) && parser.nextToken() == null;
      return Optional.of(new JsonPrefix(object, complete));
    } catch (IOException e) {
      return object.isEmpty() ? Optional.empty() : Optional.of(new JsonPrefix(object, false));
    }
  }

  private record Reader(JsonParser parser, int length) {

    /**
     * @return false if the text ends within the object
     */
    boolean fill(ObjectNode object) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonNode container = container(parser.nextToken());
        if (container != null) {
          object.set(name, container);
          if (!fill(container)) {
            return false;
          }
        } else if (isWhole()) {
          object.set(name, scalar());
        }
      }
      return parser.currentToken() == JsonToken.END_OBJECT;
    }

    private boolean fill(JsonNode container) throws IOException {
      return container instanceof ObjectNode object ? fill(object) : fill((ArrayNode) container);
    }

    private boolean fill(ArrayNode array) throws IOException {
      for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
        if (t == null) {
          return false;
        }
        JsonNode container = container(t);
        if (container != null) {
          array.add(container);
          if (!fill(container)) {
            return false;
          }
        } else if (isWhole()) {
          array.add(scalar());
        }
      }
      return true;
    }

    private static @Nullable JsonNode container(@Nullable JsonToken token) {
      return token == JsonToken.START_OBJECT
          ? NODES.objectNode()
          : token == JsonToken.START_ARRAY ? NODES.arrayNode() : null;
    }

    /** Of a number at the end of the text more digits may be missing. */
    private boolean isWhole() {
      JsonToken token = parser.currentToken();
      return token != null
          && (!token.isNumeric() || parser.currentLocation().getCharOffset() < length);
    }

    private JsonNode scalar() throws IOException {
      return switch (parser.currentToken()) {
        case VALUE_TRUE -> NODES.booleanNode(true);
        case VALUE_FALSE -> NODES.booleanNode(false);
        case VALUE_NUMBER_INT ->
            parser.getNumberType() == JsonParser.NumberType.INT
                ? NODES.numberNode(parser.getIntValue())
                : NODES.numberNode(parser.getBigIntegerValue());
        case VALUE_NUMBER_FLOAT -> NODES.numberNode(parser.getDoubleValue());
        case VALUE_STRING -> NODES.textNode(parser.getText());
        case null, default -> NODES.nullNode();
      };
    }
  }
}
