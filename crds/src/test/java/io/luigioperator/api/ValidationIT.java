/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.api.SchemaTree.Property;
import io.luigioperator.api.ServerValidation.Violation;
import io.luigioperator.testing.ApiServer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Sends every test case in src/test/resources to a real API server, then checks against the schema
 * that the cases reach every property and every rule, with valid and with invalid values.
 */
class ValidationIT {
  private static final List<String> VALID =
      List.of(
          "run-inline.yaml", "run-by-reference.yaml", "schedule.yaml", "schedule-shortest.yaml");
  private static final List<String> CASES =
      List.of(
          "run.yaml",
          "run-by-reference.yaml",
          "schedule.yaml",
          "pipeline.yaml",
          "pod-template.yaml");

  private static KubernetesClient client;
  private static ServerValidation server;

  /** Results that differ from those in the cases. */
  private static final List<String> unexpected = new ArrayList<>();

  /** Kind and path of every property that an accepted document sets; for enums also the value. */
  private static final Set<String> accepted = new TreeSet<>();

  /** Kind and path of every property for which a case has an invalid value. */
  private static final Set<String> refused = new TreeSet<>();

  /** Kind, path and message of every violation that a case expects. */
  private static final Set<String> violations = new TreeSet<>();

  /** Kind and path of every accepted change. */
  private static final Set<String> changed = new TreeSet<>();

  private static int validCases;
  private static int invalidCases;

  @BeforeAll
  static void runAllCases() throws IOException, InterruptedException {
    client = ApiServer.shared().client();
    server = new ServerValidation(client);
    for (var name : VALID) {
      tryValidDocument(name);
    }
    for (var name : CASES) {
      JsonNode file = Documents.read("cases/" + name);
      for (var base : file.get("bases")) {
        runCases(base.asText(), file.path("under").asText(), file.get("cases"));
      }
    }
    for (var group : Documents.read("changes.yaml")) {
      for (var change : group.get("cases")) {
        runChange(group.get("base").asText(), change);
      }
    }
  }

  @AfterAll
  static void close() {
    client.close();
  }

  @Test
  void everyCaseHasTheExpectedResult() {
    assertThat(unexpected).isEmpty();
  }

  @Test
  void everyPropertyIsSetByAValidCase() throws IOException {
    assertThat(properties(p -> !p.schema().path("description").asText().startsWith("Not allowed")))
        .filteredOn(property -> !accepted.contains(property))
        .as("set these in a document under src/test/resources/valid")
        .isEmpty();
  }

  @Test
  void everyPropertyHasAnInvalidCase() throws IOException {
    assertThat(properties(p -> true))
        .filteredOn(property -> !refused.contains(property))
        .as("add an invalid case for these under src/test/resources/cases")
        .isEmpty();
  }

  @Test
  void everyEnumValueIsSetByAValidCase() throws IOException {
    var values = new ArrayList<String>();
    for (var tree : SchemaTree.all()) {
      for (var property : tree.properties()) {
        property
            .schema()
            .path("enum")
            .forEach(v -> values.add(tree.kind() + " " + property + "=" + v.asText()));
      }
    }
    assertThat(values).isNotEmpty().filteredOn(value -> !accepted.contains(value)).isEmpty();
  }

  @Test
  void everyRuleRefusesACase() throws IOException {
    var rules = rules();
    assertThat(rules)
        .isNotEmpty()
        .filteredOn(rule -> violations.stream().noneMatch(rule::caused))
        .as("add an invalid case or a change for these rules")
        .isEmpty();
    System.out.printf(
        "validation: %d properties, %d rules, %d valid and %d invalid cases%n",
        properties(p -> true).size(), rules.size(), validCases, invalidCases);
  }

  /** A transition rule that refuses every change would pass the other test. */
  @Test
  void everyTransitionRuleAcceptsAChange() throws IOException {
    assertThat(rules().stream().filter(Rule::isTransitionRule))
        .isNotEmpty()
        .filteredOn(rule -> changed.stream().noneMatch(rule::allows))
        .as("add a change that these rules accept to changes.yaml")
        .isEmpty();
  }

  private static void tryValidDocument(String name) throws IOException {
    var document = Documents.valid(name);
    expectNothing(name, server.tryToCreate(document), document);
    if (document.has("status")) {
      var stored = server.store(document);
      stored.set("status", document.get("status"));
      expectNothing(name + " status", server.tryToUpdateStatus(stored), stored);
    }
  }

  private static void runCases(String base, String under, JsonNode cases) throws IOException {
    var stored = server.store(Documents.valid(base));
    for (var test : cases) {
      String path = join(under, test.get("path").asText());
      for (var value : test.path("valid")) {
        runValid(base, stored, path, value);
      }
      for (var value : test.path("invalid")) {
        runInvalid(base, stored, path, value);
      }
    }
  }

  private static void runValid(String base, ObjectNode stored, String path, JsonNode value)
      throws IOException {
    var document = Documents.valid(base);
    Documents.set(document, path, Optional.of(value));
    expectNothing(base + " " + path + "=" + value, attempt(document, stored, path), document);
  }

  private static void runInvalid(String base, ObjectNode stored, String path, JsonNode test)
      throws IOException {
    var document = Documents.valid(base);
    String where = Documents.set(document, path, value(test));
    var found = attempt(document, stored, path);
    expectViolation(base + " " + path + " " + abbreviated(test), found, where, test, document);
    refused.add(document.get("kind").asText() + " " + path);
  }

  private static List<Violation> attempt(ObjectNode document, ObjectNode stored, String path) {
    if (!path.startsWith("status")) {
      return server.tryToCreate(document);
    }
    var reported = stored.deepCopy();
    reported.set("status", document.get("status"));
    return server.tryToUpdateStatus(reported);
  }

  private static void runChange(String base, JsonNode test) throws IOException {
    String path = test.get("path").asText();
    var document = Documents.valid(base);
    document.remove("status");
    if (test.has("from")) {
      Documents.set(document, path, orAbsent(test.get("from")));
    }
    var stored = server.store(document);
    if (test.has("started")) {
      ((ObjectNode) stored.get("status")).put("startTime", "2013-01-16T04:00:01Z");
      stored = server.updateStatus(stored);
    }
    document = stored.deepCopy();
    String where = Documents.set(document, path, orAbsent(test.get("to")));
    var found = server.tryToUpdate(document);
    if (test.has("says")) {
      expectViolation(base + " " + test, found, where, test, document);
    } else {
      expectNothing(base + " " + test, found, document);
      if (found.isEmpty()) {
        changed.add(document.get("kind").asText() + " " + path);
      }
    }
  }

  private static void expectNothing(String what, List<Violation> found, ObjectNode document)
      throws IOException {
    validCases++;
    if (!found.isEmpty()) {
      unexpected.add(what + " should be accepted, but has violations: " + found);
      return;
    }
    for (var tree : SchemaTree.all()) {
      String kind = document.get("kind").asText();
      if (tree.kind().equals(kind)) {
        Documents.paths(document, tree).forEach(path -> accepted.add(kind + " " + path));
      }
    }
  }

  private static void expectViolation(
      String what, List<Violation> found, String where, JsonNode test, ObjectNode document) {
    invalidCases++;
    String says = test.get("says").asText();
    var expected =
        found.stream()
            .filter(violation -> violation.message().contains(says))
            .filter(violation -> concerns(violation.where(), where))
            .toList();
    if (expected.isEmpty()) {
      unexpected.add(what + " should be refused at " + where + ", but has violations: " + found);
    }
    String kind = document.get("kind").asText();
    expected.forEach(
        violation -> violations.add(kind + " " + violation.path() + ": " + violation.message()));
  }

  /**
   * The path of a violation is that of the value, of an object above it, or of an item of the list.
   */
  private static boolean concerns(String violation, String place) {
    return violation.isEmpty() || place.startsWith(violation) || violation.startsWith(place);
  }

  private static Optional<JsonNode> value(JsonNode test) {
    if (test.has("absent")) {
      return Optional.empty();
    }
    return Optional.of(test.has("repeat") ? repeated(test.get("repeat")) : test.get("value"));
  }

  private static Optional<JsonNode> orAbsent(JsonNode value) {
    return value.asText().equals("absent") ? Optional.empty() : Optional.of(value);
  }

  private static JsonNode repeated(JsonNode repeat) {
    int times = repeat.get("times").asInt();
    if (repeat.has("text")) {
      return JsonNodeFactory.instance.textNode(repeat.get("text").asText().repeat(times));
    }
    ArrayNode list = JsonNodeFactory.instance.arrayNode();
    if (repeat.get("item").isTextual()) {
      for (int i = 1; i <= times; i++) {
        list.add(repeat.get("item").asText() + i);
      }
      return list;
    }
    String unique = repeat.get("unique").asText();
    for (int i = 1; i <= times; i++) {
      ObjectNode item = repeat.get("item").deepCopy();
      if (item.get(unique).isNumber()) {
        item.put(unique, i);
      } else {
        item.put(unique, item.get(unique).asText() + i);
      }
      list.add(item);
    }
    return list;
  }

  private static List<String> properties(Predicate<Property> which) throws IOException {
    var found = new ArrayList<String>();
    for (var tree : SchemaTree.all()) {
      tree.properties().stream()
          .filter(Property::isNamed)
          .filter(which)
          .forEach(p -> found.add(tree.kind() + " " + p.path()));
    }
    return found;
  }

  /** A CEL rule with the path of its violations. */
  record Rule(String kind, String place, String expression, String message) {
    boolean isTransitionRule() {
      return expression.contains("oldSelf");
    }

    /**
     * Whether the rule was evaluated for this change; a rule for an immutable field, for changes of
     * its siblings.
     */
    boolean allows(String change) {
      boolean immutable = expression.equals("self == oldSelf");
      String where = kind + " " + (immutable ? place.replaceFirst("[.][^.]*$", "") : place);
      return change.equals(where) || change.startsWith(where + ".");
    }

    /** The server may put the refused value before the message. */
    boolean caused(String violation) {
      return violation.startsWith(kind + " " + place + ": ") && violation.endsWith(message);
    }
  }

  private static List<Rule> rules() throws IOException {
    var found = new ArrayList<Rule>();
    for (var tree : SchemaTree.all()) {
      addRules(tree, new Property("", tree.root()), found);
      tree.properties().forEach(property -> addRules(tree, property, found));
    }
    return found;
  }

  private static void addRules(SchemaTree tree, Property property, List<Rule> found) {
    for (var rule : property.schema().path("x-kubernetes-validations")) {
      String place = property.path() + rule.path("fieldPath").asText();
      found.add(
          new Rule(
              tree.kind(),
              place.replaceFirst("^[.]", ""),
              rule.get("rule").asText(),
              rule.get("message").asText()));
    }
  }

  private static String join(String under, String path) {
    if (under.isEmpty() || path.isEmpty()) {
      return under + path;
    }
    return under + "." + path;
  }

  private static String abbreviated(JsonNode test) {
    String text = test.toString();
    return text.length() > 200 ? text.substring(0, 200) + "…" : text;
  }
}
