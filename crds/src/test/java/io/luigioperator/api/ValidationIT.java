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
import io.luigioperator.api.Validation.Complaint;
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
 * Puts every case under src/test/resources to a real API server, then counts over the schema what
 * the cases reached: a property or a rule that no case of either kind has reached fails the build.
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
  private static Validation server;

  /** What went otherwise than the cases say. */
  private static final List<String> surprises = new ArrayList<>();

  /**
   * Kind and path of every property that an accepted document has set; of enumerations the value
   * too.
   */
  private static final Set<String> accepted = new TreeSet<>();

  /** Kind and path of every property that a case has made invalid. */
  private static final Set<String> refused = new TreeSet<>();

  /** Kind, place and text of every complaint that a case expected. */
  private static final Set<String> complaints = new TreeSet<>();

  /** Kind and path of every change that a case expected to be accepted, and was. */
  private static final Set<String> changed = new TreeSet<>();

  private static int validCases;
  private static int invalidCases;

  @BeforeAll
  static void runAllCases() throws IOException, InterruptedException {
    ApiServer.installDefinitions();
    client = ApiServer.client();
    server = new Validation(client);
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
  void everyCaseEndsAsItSays() {
    assertThat(surprises).isEmpty();
  }

  @Test
  void everyPropertyIsSetByAValidCase() throws IOException {
    assertThat(properties(p -> !p.schema().path("description").asText().startsWith("Not allowed")))
        .filteredOn(property -> !accepted.contains(property))
        .as("set these in a document under src/test/resources/valid")
        .isEmpty();
  }

  @Test
  void everyPropertyIsRefusedByAnInvalidCase() throws IOException {
    assertThat(properties(p -> true))
        .filteredOn(property -> !refused.contains(property))
        .as("add an invalid case for these under src/test/resources/cases")
        .isEmpty();
  }

  @Test
  void everyValueOfAnEnumerationIsSetByAValidCase() throws IOException {
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
  void everyRuleHasComplainedOnce() throws IOException {
    var rules = rules();
    assertThat(rules)
        .isNotEmpty()
        .filteredOn(rule -> complaints.stream().noneMatch(rule::caused))
        .as("add an invalid case or a change for these rules")
        .isEmpty();
    System.out.printf(
        "validation: %d properties, %d rules, %d valid and %d invalid cases%n",
        properties(p -> true).size(), rules.size(), validCases, invalidCases);
  }

  /** A rule about changes that lets none pass would complain as well. */
  @Test
  void everyRuleAboutChangesHasAcceptedOne() throws IOException {
    assertThat(rules().stream().filter(Rule::isAboutChanges))
        .isNotEmpty()
        .filteredOn(rule -> changed.stream().noneMatch(rule::letPass))
        .as("add a change that these rules accept to changes.yaml")
        .isEmpty();
  }

  private static void tryValidDocument(String name) throws IOException {
    var document = Documents.valid(name);
    expectNothing(name, server.tryToCreate(document), document);
    if (document.has("status")) {
      var kept = server.keep(document);
      kept.set("status", document.get("status"));
      expectNothing(name + " status", server.tryToReport(kept), kept);
    }
  }

  private static void runCases(String base, String under, JsonNode cases) throws IOException {
    var kept = server.keep(Documents.valid(base));
    for (var test : cases) {
      String path = join(under, test.get("path").asText());
      for (var value : test.path("valid")) {
        runValid(base, kept, path, value);
      }
      for (var value : test.path("invalid")) {
        runInvalid(base, kept, path, value);
      }
    }
  }

  private static void runValid(String base, ObjectNode kept, String path, JsonNode value)
      throws IOException {
    var document = Documents.valid(base);
    Documents.set(document, path, Optional.of(value));
    expectNothing(base + " " + path + "=" + value, attempt(document, kept, path), document);
  }

  private static void runInvalid(String base, ObjectNode kept, String path, JsonNode test)
      throws IOException {
    var document = Documents.valid(base);
    String where = Documents.set(document, path, value(test));
    var found = attempt(document, kept, path);
    expectComplaint(base + " " + path + " " + abbreviated(test), found, where, test, document);
    refused.add(document.get("kind").asText() + " " + path);
  }

  private static List<Complaint> attempt(ObjectNode document, ObjectNode kept, String path) {
    if (!path.startsWith("status")) {
      return server.tryToCreate(document);
    }
    var reported = kept.deepCopy();
    reported.set("status", document.get("status"));
    return server.tryToReport(reported);
  }

  private static void runChange(String base, JsonNode test) throws IOException {
    String path = test.get("path").asText();
    var document = Documents.valid(base);
    document.remove("status");
    if (test.has("from")) {
      Documents.set(document, path, orAbsent(test.get("from")));
    }
    var kept = server.keep(document);
    if (test.has("started")) {
      ((ObjectNode) kept.get("status")).put("startTime", "2013-01-16T04:00:01Z");
      kept = server.report(kept);
    }
    document = kept.deepCopy();
    String where = Documents.set(document, path, orAbsent(test.get("to")));
    var found = server.tryToChange(document);
    if (test.has("says")) {
      expectComplaint(base + " " + test, found, where, test, document);
    } else {
      expectNothing(base + " " + test, found, document);
      if (found.isEmpty()) {
        changed.add(document.get("kind").asText() + " " + path);
      }
    }
  }

  private static void expectNothing(String what, List<Complaint> found, ObjectNode document)
      throws IOException {
    validCases++;
    if (!found.isEmpty()) {
      surprises.add(what + " should be accepted, but: " + found);
      return;
    }
    for (var tree : SchemaTree.all()) {
      String kind = document.get("kind").asText();
      if (tree.kind().equals(kind)) {
        Documents.paths(document, tree).forEach(path -> accepted.add(kind + " " + path));
      }
    }
  }

  private static void expectComplaint(
      String what, List<Complaint> found, String where, JsonNode test, ObjectNode document) {
    invalidCases++;
    String says = test.get("says").asText();
    var expected =
        found.stream()
            .filter(complaint -> complaint.message().contains(says))
            .filter(complaint -> concerns(complaint.where(), where))
            .toList();
    if (expected.isEmpty()) {
      surprises.add(what + " should be refused at " + where + ", but: " + found);
    }
    String kind = document.get("kind").asText();
    expected.forEach(
        complaint -> complaints.add(kind + " " + complaint.path() + ": " + complaint.message()));
  }

  /**
   * A rule complains at the place of the value or above it, a list at the item, never elsewhere.
   */
  private static boolean concerns(String complaint, String place) {
    return complaint.isEmpty() || place.startsWith(complaint) || complaint.startsWith(place);
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

  /** A rule in CEL, with the place it complains about. */
  record Rule(String kind, String place, String expression, String message) {
    boolean isAboutChanges() {
      return expression.contains("oldSelf");
    }

    /** What may never change lets changes beside it pass. */
    boolean letPass(String change) {
      boolean frozen = expression.equals("self == oldSelf");
      String where = kind + " " + (frozen ? place.replaceFirst("[.][^.]*$", "") : place);
      return change.equals(where) || change.startsWith(where + ".");
    }

    /** The server puts the refused value, if it is a simple one, before the message. */
    boolean caused(String complaint) {
      return complaint.startsWith(kind + " " + place + ": ") && complaint.endsWith(message);
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
