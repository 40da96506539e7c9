/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.DeserializationConfig;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.deser.BeanDeserializerModifier;
import com.fasterxml.jackson.databind.deser.std.DelegatingDeserializer;
import com.fasterxml.jackson.databind.util.TokenBuffer;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobSpec;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatus;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineSchedule;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads an object of a watched kind, whatever the API server has stored. If one object of a list or
 * of a watch made the whole response unreadable, every user who may create such an object could
 * stop the operator.
 *
 * <p>Of an object that cannot be read, the metadata and, if possible, the status remain. A
 * PipelineRun or PipelineSchedule says why its spec is missing. JSON that is not well-formed stays
 * an error, because then the response is incomplete.
 */
final class LenientDeserializer extends DelegatingDeserializer {

  private static final long serialVersionUID = 1L;

  private static final Logger LOG = LoggerFactory.getLogger(LenientDeserializer.class);

  /**
   * The deepest nesting of an object that is read, in levels of JSON; a pod has about 15. The API
   * server stores up to 10,000 levels, more than the stack of a thread holds.
   */
  static final int MAX_DEPTH = 100;

  /** The longest name of a field or key that is read, in characters. */
  static final int MAX_NAME = 10_000;

  /**
   * The largest spec of a PipelineRun that is read, in characters without punctuation. A run with
   * half of it is rejected, because the resolved request is too large. A megabyte of short strings
   * would take ten times as much heap.
   */
  static final int MAX_RUN_SPEC = 400_000;

  /** Name of the node of a pod whose spec is not an object. */
  private static final String UNKNOWN_NODE = "unknown";

  /** The most characters of a name, and of the message of Jackson, that are shown. */
  private static final int SHOWN = 60;

  private static final int MESSAGE = 300;

  private LenientDeserializer(JsonDeserializer<?> delegate) {
    super(delegate);
  }

  /** Has the objects of the watched kinds read by this class. */
  static final class Modifier extends BeanDeserializerModifier {
    private static final long serialVersionUID = 1L;

    @Override
    public JsonDeserializer<?> modifyDeserializer(
        DeserializationConfig config, BeanDescription type, JsonDeserializer<?> deserializer) {
      Class<?> kind = type.getBeanClass();
      return kind == PipelineRun.class
              || kind == PipelineSchedule.class
              || kind == Job.class
              || kind == Pod.class
          ? new LenientDeserializer(deserializer)
          : deserializer;
    }
  }

  @Override
  protected JsonDeserializer<?> newDelegatingInstance(JsonDeserializer<?> delegate) {
    return new LenientDeserializer(delegate);
  }

  @Override
  public Object deserialize(JsonParser parser, DeserializationContext context) throws IOException {
    if (!parser.hasToken(JsonToken.START_OBJECT)) {
      return super.deserialize(parser, context);
    }
    TokenBuffer object = new TokenBuffer(parser, context);
    Optional<String> problem = new BoundedCopy(parser, object, maxSpec()).run();
    if (problem.isEmpty()) {
      try (JsonParser copy = object.asParserOnFirstToken()) {
        return super.deserialize(copy, context);
      } catch (IOException e) {
        problem = Optional.of(message(e));
      }
    }
    try (JsonParser copy = object.asParserOnFirstToken()) {
      return withoutSpec(context.readTree(copy), problem.get(), context);
    }
  }

  private int maxSpec() {
    return handledType() == PipelineRun.class ? MAX_RUN_SPEC : Integer.MAX_VALUE;
  }

  private static String message(IOException e) {
    String what =
        e instanceof JsonProcessingException p ? p.getOriginalMessage() : String.valueOf(e);
    String where =
        e instanceof JsonMappingException m && !m.getPath().isEmpty() ? " at " + path(m) : "";
    String line = what.lines().findFirst().orElse("");
    return (line.length() <= MESSAGE ? line : line.substring(0, MESSAGE) + "...") + where;
  }

  private static String path(JsonMappingException e) {
    StringBuilder path = new StringBuilder();
    for (JsonMappingException.Reference step : e.getPath()) {
      if (step.getFieldName() == null) {
        path.append('[').append(step.getIndex()).append(']');
      } else {
        path.append(path.isEmpty() ? "" : ".").append(shortened(step.getFieldName()));
      }
    }
    return path.toString();
  }

  private static String shortened(String name) {
    return name.length() <= SHOWN ? name : name.substring(0, SHOWN) + "...";
  }

  private Object withoutSpec(JsonNode object, String problem, DeserializationContext context) {
    ObjectMeta metadata = metadata(object.path("metadata"), context);
    LOG.atWarn()
        .addKeyValue("kind", handledType().getSimpleName())
        .addKeyValue("object", metadata.getNamespace() + "/" + metadata.getName())
        .addKeyValue("error", problem)
        .log("object of the API server cannot be read; its spec is ignored");
    JsonNode status = object.path("status");
    JsonNode spec = object.path("spec");
    Class<?> kind = handledType();
    if (kind == PipelineRun.class) {
      return PipelineRun.unreadable(metadata, status, problem);
    }
    if (kind == PipelineSchedule.class) {
      return PipelineSchedule.unreadable(metadata, status, problem);
    }
    if (kind == Job.class) {
      return named(
          new Job(
              "batch/v1",
              "Job",
              null,
              readable(spec, JobSpec.class, context),
              readable(status, JobStatus.class, context)),
          metadata);
    }
    return named(
        new Pod(
            "v1", "Pod", null, podSpec(spec, context), readable(status, PodStatus.class, context)),
        metadata);
  }

  /**
   * Without a readable spec, the pod counts as one without the operator's scheduling gate, which
   * may be running. Its node is kept: a pod without a node cannot have run.
   */
  private static PodSpec podSpec(JsonNode spec, DeserializationContext context) {
    PodSpec readable = readable(spec, PodSpec.class, context);
    if (readable != null) {
      return readable;
    }
    PodSpec unreadable = new PodSpec();
    unreadable.setNodeName(spec.path("nodeName").asText(UNKNOWN_NODE));
    return unreadable;
  }

  private static HasMetadata named(HasMetadata object, ObjectMeta metadata) {
    object.setMetadata(metadata);
    return object;
  }

  /** The API server checks the fields of metadata; these are the ones that identify an object. */
  private static ObjectMeta metadata(JsonNode node, DeserializationContext context) {
    ObjectMeta metadata = readable(node, ObjectMeta.class, context);
    if (metadata == null) {
      metadata = new ObjectMeta();
      metadata.setNamespace(node.path("namespace").asText());
      metadata.setName(node.path("name").asText());
      metadata.setUid(node.path("uid").asText());
      metadata.setResourceVersion(node.path("resourceVersion").asText());
      metadata.setGeneration(node.path("generation").asLong());
    }
    return metadata;
  }

  private static <T> @Nullable T readable(
      JsonNode node, Class<T> type, DeserializationContext context) {
    if (!node.isObject()) {
      return null;
    }
    try {
      return context.readTreeAsValue(node, type);
    } catch (IOException e) {
      return null;
    }
  }

  /**
   * Copies an object and leaves out what is nested too deeply, has too long a name, or follows
   * after too much text in the spec. It does not recurse, so that the nesting needs no stack.
   */
  private static final class BoundedCopy {
    private final JsonParser from;
    private final TokenBuffer to;
    private final int maxSpec;
    private int depth;
    private boolean inSpec;
    private boolean afterName;
    private long specSize;
    private @Nullable String problem;

    /**
     * @param maxSpec characters of names and values in the spec; each value counts as one more
     */
    BoundedCopy(JsonParser from, TokenBuffer to, int maxSpec) {
      this.from = from;
      this.to = to;
      this.maxSpec = maxSpec;
    }

    /**
     * @return what was left out; empty if the copy is complete
     */
    Optional<String> run() throws IOException {
      JsonToken token = from.currentToken();
      while (true) {
        if (token == null) {
          throw new JsonMappingException(from, "the JSON of an object ends early");
        }
        copy(token);
        if (depth == 0) {
          return Optional.ofNullable(problem);
        }
        token = from.nextToken();
      }
    }

    private void copy(JsonToken token) throws IOException {
      if (token == JsonToken.FIELD_NAME) {
        field(from.currentName());
      } else if (!afterName && !token.isStructEnd() && specIsFull()) {
        from.skipChildren(); // an element of an array
      } else if (token.isStructStart() && depth == MAX_DEPTH) {
        leaveOut("it is nested deeper than %d levels".formatted(MAX_DEPTH));
        to.writeNull();
        from.skipChildren();
      } else {
        depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
        to.copyCurrentEvent(from);
        specSize += inSpec ? 1 + (token.isScalarValue() ? from.getTextLength() : 0) : 0;
      }
      afterName = token == JsonToken.FIELD_NAME && from.currentToken() == JsonToken.FIELD_NAME;
    }

    private boolean specIsFull() {
      if (!inSpec || specSize <= maxSpec) {
        return false;
      }
      leaveOut("it has more than %d characters".formatted(maxSpec));
      return true;
    }

    private void field(String name) throws IOException {
      if (depth == 1) {
        inSpec = name.equals("spec");
      }
      boolean managed = depth == 2 && name.equals("managedFields");
      boolean full = specIsFull();
      if (!managed && !full && name.length() <= MAX_NAME) {
        to.copyCurrentEvent(from);
        specSize += inSpec ? name.length() : 0;
        return;
      }
      if (!managed && !full) {
        leaveOut(
            "the name %s of a field has more than %d characters"
                .formatted(shortened(name), MAX_NAME));
      }
      from.nextToken();
      from.skipChildren();
    }

    private void leaveOut(String what) {
      if (problem == null) {
        problem = what;
      }
    }
  }
}
