/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.StringReader;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;
import org.yaml.snakeyaml.reader.ReaderException;

/**
 * Reads YAML or JSON like kubectl, which follows YAML 1.1: {@code no}, {@code on} and {@code y} are
 * booleans. Remembers the lines.
 */
final class YamlReader {

  /** Aliases can make a small file large. */
  private static final int MAX_VALUES = 1_000_000;

  private static final int MAX_DEPTH = 100;

  private static final Set<String> TRUE = Set.of("true", "yes", "on", "y");
  private static final Pattern ONE_LETTER_BOOLEAN = Pattern.compile("[yYnN]");

  private final Problems problems;
  private final List<YamlDocument> documents = new ArrayList<>();
  private Map<String, Integer> lines = new HashMap<>();
  private Map<String, String> plainText = new HashMap<>();
  private int values;

  private YamlReader(Problems problems) {
    this.problems = problems;
  }

  /**
   * The objects of all documents, also those in lists of objects. What follows after a syntax error
   * is left out.
   */
  static List<YamlDocument> read(String text, Problems problems) {
    YamlReader reader = new YamlReader(problems);
    LoaderOptions options = new LoaderOptions();
    options.setMaxAliasesForCollections(MAX_VALUES); // the values are counted here instead
    Yaml yaml = new Yaml(new SafeConstructor(options));
    try {
      for (Node root : yaml.composeAll(new StringReader(text))) {
        reader.document(root);
      }
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      problems.add(line, "not valid YAML: " + e.getProblem());
    } catch (ReaderException e) {
      int line = (int) text.codePoints().limit(e.getPosition()).filter(c -> c == '\n').count() + 1;
      problems.add(line, "not valid YAML: the character U+%04X".formatted(e.getCodePoint()));
    } catch (YAMLException e) {
      problems.add(1, "not valid YAML: " + e.getMessage());
    } catch (TooLarge e) {
      problems.add(e.line, String.valueOf(e.getMessage()));
    }
    return reader.documents;
  }

  private void document(Node root) {
    if (root.getTag().equals(Tag.NULL)) {
      return;
    }
    lines = new HashMap<>();
    plainText = new HashMap<>();
    JsonNode content = value(root, "", 0);
    if (!content.isObject()) {
      problems.add(line(root), "a Kubernetes object is expected, with apiVersion and kind");
      return;
    }
    if (content.path("kind").asText().equals("List") && content.path("items").isArray()) {
      items(content.path("items"));
    } else {
      documents.add(new YamlDocument(line(root), content, lines, plainText));
    }
  }

  private void items(JsonNode items) {
    for (int i = 0; i < items.size(); i++) {
      String prefix = "items[" + i + "]";
      documents.add(
          new YamlDocument(
              lines.getOrDefault(prefix, 1),
              items.get(i),
              below(prefix + ".", lines),
              below(prefix + ".", plainText)));
    }
  }

  private static <T> Map<String, T> below(String prefix, Map<String, T> all) {
    Map<String, T> result = new HashMap<>();
    all.forEach(
        (path, value) -> {
          if (path.startsWith(prefix)) {
            result.put(path.substring(prefix.length()), value);
          }
        });
    return result;
  }

  private JsonNode value(Node node, String path, int depth) {
    if (++values > MAX_VALUES) {
      throw new TooLarge(line(node), "more than %d values".formatted(MAX_VALUES));
    }
    if (depth > MAX_DEPTH) {
      throw new TooLarge(line(node), "nested deeper than %d levels".formatted(MAX_DEPTH));
    }
    return switch (node) {
      case MappingNode mapping -> {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        fields(mapping, path, depth, object);
        yield object;
      }
      case SequenceNode sequence -> {
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        for (Node item : sequence.getValue()) {
          String itemPath = path + "[" + array.size() + "]";
          lines.put(itemPath, line(item));
          array.add(value(item, itemPath, depth + 1));
        }
        yield array;
      }
      case ScalarNode scalar -> {
        if (scalar.isPlain()) {
          plainText.put(path, scalar.getValue());
        }
        yield scalar(scalar);
      }
      default -> throw new TooLarge(line(node), "an anchor that refers to itself");
    };
  }

  private void fields(MappingNode mapping, String path, int depth, ObjectNode object) {
    for (NodeTuple field : mapping.getValue()) {
      if (field.getKeyNode().getTag().equals(Tag.MERGE)) {
        merge(field.getValueNode(), path, depth, object);
      }
    }
    Map<String, Integer> own = new HashMap<>();
    for (NodeTuple field : mapping.getValue()) {
      if (!(field.getKeyNode() instanceof ScalarNode key)) {
        problems.add(line(field.getKeyNode()), "the name of a field is no text");
      } else if (!key.getTag().equals(Tag.MERGE)) {
        String name = key.getValue();
        String fieldPath = path.isEmpty() ? name : path + "." + name;
        Integer first = own.putIfAbsent(name, line(key));
        if (first != null) {
          problems.add(
              line(key), "%s is set twice; the first time in line %d".formatted(fieldPath, first));
        }
        lines.put(fieldPath, line(key));
        object.set(name, value(field.getValueNode(), fieldPath, depth + 1));
      }
    }
  }

  /** The merge key {@code <<} adds the fields of other mappings; own fields override them. */
  private void merge(Node from, String path, int depth, ObjectNode object) {
    List<Node> sources = from instanceof SequenceNode list ? list.getValue() : List.of(from);
    for (Node source : sources.reversed()) {
      if (source instanceof MappingNode mapping) {
        JsonNode fields = value(mapping, path, depth + 1);
        fields.properties().forEach(f -> object.set(f.getKey(), f.getValue()));
      }
    }
  }

  private static JsonNode scalar(ScalarNode scalar) {
    String text = scalar.getValue();
    Tag tag = scalar.getTag();
    JsonNodeFactory json = JsonNodeFactory.instance;
    if (scalar.isPlain() && (tag.equals(Tag.BOOL) || ONE_LETTER_BOOLEAN.matcher(text).matches())) {
      return json.booleanNode(TRUE.contains(text.toLowerCase(Locale.ROOT)));
    }
    if (tag.equals(Tag.NULL)) {
      return json.nullNode();
    }
    try {
      if (tag.equals(Tag.INT) && !text.contains(":")) {
        return json.numberNode(integer(text.replace("_", "")));
      }
      if (tag.equals(Tag.FLOAT) && !text.contains(":")) {
        return json.numberNode(Double.parseDouble(text.replace("_", "")));
      }
    } catch (NumberFormatException e) {
      return json.textNode(text); // such as .inf, which no field accepts
    }
    return json.textNode(text);
  }

  private static BigInteger integer(String text) {
    boolean signed = text.startsWith("-") || text.startsWith("+");
    String sign = text.startsWith("-") ? "-" : "";
    String digits = signed ? text.substring(1) : text;
    if (digits.startsWith("0x")) {
      return new BigInteger(sign + digits.substring(2), 16);
    }
    if (digits.startsWith("0b")) {
      return new BigInteger(sign + digits.substring(2), 2);
    }
    boolean octal = digits.length() > 1 && digits.startsWith("0");
    return new BigInteger(sign + digits, octal ? 8 : 10);
  }

  private static int line(Node node) {
    return node.getStartMark().getLine() + 1;
  }

  private static final class TooLarge extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final int line;

    TooLarge(int line, String message) {
      super(message);
      this.line = line;
    }
  }
}
