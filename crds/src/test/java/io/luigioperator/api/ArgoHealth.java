/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.luaj.vm2.Globals;
import org.luaj.vm2.LoadState;
import org.luaj.vm2.LuaTable;
import org.luaj.vm2.LuaValue;
import org.luaj.vm2.compiler.LuaC;
import org.luaj.vm2.lib.PackageLib;
import org.luaj.vm2.lib.TableLib;
import org.luaj.vm2.lib.jse.JseBaseLib;

/**
 * The health checks for Argo CD, run as Argo CD runs them: the script gets the object as the global
 * {@code obj}, has the basic library and that of tables only, and returns a table.
 */
record ArgoHealth(Map<String, String> scripts) {

  private static final String KEY = "resource.customizations.health.luigi-operator.io_";

  private static final Set<String> STATUSES =
      Set.of("Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown");

  /** What a script returns. */
  record Health(String status, String message) {}

  static ArgoHealth read() {
    try {
      JsonNode patch =
          new YAMLMapper().readTree(Repository.path("docs/gitops/argocd-cm.yaml").toFile());
      return new ArgoHealth(
          patch.get("data").properties().stream()
              .collect(
                  Collectors.toMap(
                      e -> e.getKey().substring(KEY.length()), e -> e.getValue().asText())));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Health of(JsonNode object) {
    var globals = new Globals();
    globals.load(new JseBaseLib());
    globals.load(new PackageLib());
    globals.load(new TableLib());
    LoadState.install(globals);
    LuaC.install(globals);
    globals.set("obj", value(object));
    LuaTable health = globals.load(scripts.get(object.get("kind").asText())).call().checktable();
    String status = health.get("status").checkjstring();
    if (!STATUSES.contains(status)) {
      throw new IllegalStateException("not a status of Argo CD: " + status);
    }
    return new Health(status, health.get("message").checkjstring());
  }

  private static LuaValue value(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT -> {
        var table = new LuaTable();
        node.properties().forEach(e -> table.set(e.getKey(), value(e.getValue())));
        yield table;
      }
      case ARRAY -> {
        var table = new LuaTable();
        for (int i = 0; i < node.size(); i++) {
          table.set(i + 1, value(node.get(i)));
        }
        yield table;
      }
      case NUMBER -> LuaValue.valueOf(node.asDouble());
      case BOOLEAN -> LuaValue.valueOf(node.asBoolean());
      case STRING -> LuaValue.valueOf(node.asText());
      default -> LuaValue.NIL;
    };
  }
}
