/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.deser.DeserializationProblemHandler;
import com.fasterxml.jackson.databind.deser.ValueInstantiator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the status of an object and ignores each value that it cannot read, such as a phase of a
 * later version or a time in another format. Without it one such value in one object would make a
 * whole list unreadable and end a watch. Each ignored value is logged.
 *
 * <p>The spec is read strictly: a value ignored there would change what the user asks for.
 */
final class LenientStatus {

  private static final Logger LOG = LoggerFactory.getLogger(LenientStatus.class);

  private static final ObjectMapper MAPPER = mapper();

  private LenientStatus() {}

  private static ObjectMapper mapper() {
    ObjectMapper mapper =
        JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
            .addHandler(new IgnoreValue())
            .build();
    mapper
        .configOverride(List.class)
        .setSetterInfo(JsonSetter.Value.forContentNulls(Nulls.SKIP)); // an ignored element is null
    return mapper;
  }

  /**
   * @param of the object, for the log; its metadata is known if it came before the status, as the
   *     API server sends it
   * @return null if there is no status, or none that can be read
   */
  static <S> @Nullable S read(JsonNode status, Class<S> type, HasMetadata of) {
    try {
      return MAPPER.readerFor(type).withAttribute(IgnoreValue.OBJECT, of).readValue(status);
    } catch (IOException e) {
      LOG.atWarn()
          .addKeyValue("object", name(of))
          .addKeyValue("error", e.getMessage())
          .log("unreadable status ignored");
      return null;
    }
  }

  private static String name(HasMetadata object) {
    ObjectMeta metadata = object.getMetadata();
    return object.getKind() + " " + metadata.getNamespace() + "/" + metadata.getName();
  }

  /** Answers each problem with null. */
  private static final class IgnoreValue extends DeserializationProblemHandler {

    static final String OBJECT = "object";

    private static @Nullable Object ignored(
        DeserializationContext context, Object value, String error) {
      LOG.atWarn()
          .addKeyValue("object", name((HasMetadata) context.getAttribute(OBJECT)))
          .addKeyValue("field", context.getParser().getParsingContext().pathAsPointer())
          .addKeyValue("value", value)
          .addKeyValue("error", error)
          .log("unreadable value in status ignored");
      return null;
    }

    @Override
    public @Nullable Object handleWeirdStringValue(
        DeserializationContext context, Class<?> type, String value, String error) {
      return ignored(context, value, error);
    }

    @Override
    public @Nullable Object handleWeirdNumberValue(
        DeserializationContext context, Class<?> type, Number value, String error) {
      return ignored(context, value, error);
    }

    @Override
    public @Nullable Object handleUnexpectedToken(
        DeserializationContext context,
        JavaType type,
        JsonToken token,
        JsonParser parser,
        @Nullable String error)
        throws IOException {
      parser.skipChildren();
      return ignored(context, token, String.valueOf(error));
    }

    @Override
    public @Nullable Object handleMissingInstantiator(
        DeserializationContext context,
        Class<?> type,
        ValueInstantiator instantiator,
        JsonParser parser,
        String error)
        throws IOException {
      parser.skipChildren();
      return ignored(context, parser.currentToken(), error);
    }

    @Override
    public @Nullable Object handleInstantiationProblem(
        DeserializationContext context, Class<?> type, Object argument, Throwable cause) {
      return ignored(context, type.getSimpleName(), String.valueOf(cause));
    }
  }
}
