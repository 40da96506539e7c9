/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Merges {@code pipeline.podTemplate} into the pod template of the operator: objects field by
 * field, lists of named elements by name; other values replace those of the operator.
 *
 * <p>Fields that the operator needs, and fields that the pipeline has itself, are refused with a
 * message that says which field to use instead. They are never ignored.
 */
final class PodOverlay {

  /** Lists that are merged by name, and the field that identifies an element. */
  private static final Map<String, String> KEY_OF_LIST =
      Map.of(
          "containers", "name",
          "volumes", "name",
          "volumeMounts", "mountPath",
          "topologySpreadConstraints", "topologyKey");

  private static final Map<String, String> NOT_IN_SPEC =
      Map.ofEntries(
          Map.entry(
              "restartPolicy",
              "it is always Never, because an attempt does not restart its containers"),
          Map.entry("nodeName", "use nodeSelector or affinity"),
          Map.entry("schedulingGates", "the operator sets and removes its own gate"),
          Map.entry("activeDeadlineSeconds", "set pipeline.timeouts.activeSeconds"),
          Map.entry("terminationGracePeriodSeconds", "set pipeline.timeouts.graceSeconds"),
          Map.entry("serviceAccountName", "set pipeline.serviceAccountName"),
          Map.entry("serviceAccount", "set pipeline.serviceAccountName"));

  private static final Map<String, String> NOT_IN_LUIGI =
      Map.ofEntries(
          Map.entry("image", "set pipeline.image"),
          Map.entry("command", "the entrypoint of the image runs pipeline.task"),
          Map.entry("args", "the entrypoint of the image runs pipeline.task"),
          Map.entry("env", "set pipeline.env"),
          Map.entry("envFrom", "set pipeline.envFrom"),
          Map.entry("resources", "set pipeline.resources"),
          Map.entry("restartPolicy", "an attempt does not restart its containers"),
          Map.entry("restartPolicyRules", "an attempt does not restart its containers"),
          Map.entry("terminationMessagePath", "the operator reads the verdict from there"),
          Map.entry("terminationMessagePolicy", "the operator reads the verdict from there"));

  /** The same patterns as for {@code pipeline.env}: literal values are stored in the database. */
  private static final Pattern SECRET_NAME =
      Pattern.compile(
          "passw|passphrase|secret|credential|api_?key|access_?key|token$"
              + "|(^|[-._])(pwd|pass|key)$",
          Pattern.CASE_INSENSITIVE);

  private static final Pattern SECRET_REFERENCE =
      Pattern.compile("[-._](file|path|dir|name|arn|url|uri|id|ref)$", Pattern.CASE_INSENSITIVE);

  private final List<String> problems = new ArrayList<>();

  private PodOverlay() {}

  /**
   * @param base the template of the operator as JSON
   * @param overlay the template of the user
   * @param volumes names of volumes that the overlay may not define
   * @param mountPaths paths in the container that the overlay may not mount
   * @throws PodTemplateInvalid naming every problem
   */
  static Map<String, Object> merge(
      Map<String, Object> base,
      Map<String, Object> overlay,
      Set<String> volumes,
      Set<String> mountPaths) {
    PodOverlay check = new PodOverlay();
    check.template(overlay, volumes, mountPaths);
    if (!check.problems.isEmpty()) {
      throw new PodTemplateInvalid(check.problems);
    }
    return merged(base, overlay);
  }

  private void template(Map<String, Object> overlay, Set<String> volumes, Set<String> mountPaths) {
    overlay
        .keySet()
        .forEach(
            key -> {
              if (!key.equals("metadata") && !key.equals("spec")) {
                refuse(key, "a pod template has only metadata and spec");
              }
            });
    Map<?, ?> metadata = object("metadata", overlay.get("metadata"));
    metadata
        .keySet()
        .forEach(
            key -> {
              if (!key.equals("labels") && !key.equals("annotations")) {
                refuse("metadata." + key, "only labels and annotations can be added");
              }
            });
    for (String kind : List.of("labels", "annotations")) {
      for (Object key : object("metadata." + kind, metadata.get(kind)).keySet()) {
        if (Labels.isReserved(key.toString())) {
          refuse(
              "metadata." + kind + "." + key,
              "this key is reserved for the operator; choose another one");
        }
      }
    }
    Map<?, ?> spec = object("spec", overlay.get("spec"));
    refuseAny("spec", spec, NOT_IN_SPEC);
    for (Map<?, ?> volume : objects("spec.volumes", spec.get("volumes"))) {
      if (volumes.contains(String.valueOf(volume.get("name")))) {
        refuse(
            "spec.volumes[" + volume.get("name") + "]",
            "pipeline.volumes or the operator defines a volume of this name; choose another name");
      }
    }
    for (String list : List.of("containers", "initContainers")) {
      for (Map<?, ?> container : objects("spec." + list, spec.get(list))) {
        container("spec." + list, container, mountPaths);
      }
    }
  }

  private void container(String list, Map<?, ?> container, Set<String> mountPaths) {
    String name = String.valueOf(container.get("name"));
    String where = list + "[" + name + "]";
    if (!name.equals(JobBlueprint.CONTAINER)) {
      for (Map<?, ?> variable : objects(where + ".env", container.get("env"))) {
        String variableName = String.valueOf(variable.get("name"));
        if (variable.get("value") != null
            && SECRET_NAME.matcher(variableName).find()
            && !SECRET_REFERENCE.matcher(variableName).find()) {
          refuse(
              where + ".env[" + variableName + "].value",
              "its name looks like a password, token or key, and the operator stores literal values"
                  + " in its database; use valueFrom.secretKeyRef");
        }
      }
      return;
    }
    if (list.equals("spec.initContainers")) {
      refuse(where, "this name is reserved for the container of the pipeline; choose another name");
      return;
    }
    refuseAny(where, container, NOT_IN_LUIGI);
    for (Map<?, ?> mount : objects(where + ".volumeMounts", container.get("volumeMounts"))) {
      if (mountPaths.contains(String.valueOf(mount.get("mountPath")))) {
        refuse(
            where + ".volumeMounts[" + mount.get("mountPath") + "]",
            "pipeline.volumeMounts or the operator mounts a volume there; choose another path");
      }
    }
  }

  private void refuseAny(String where, Map<?, ?> object, Map<String, String> refused) {
    for (Object key : object.keySet()) {
      String advice = refused.get(key.toString());
      if (advice != null) {
        refuse(where + "." + key, advice);
      }
    }
  }

  private void refuse(String path, String advice) {
    problems.add("podTemplate may not set " + path + ": " + advice);
  }

  private Map<?, ?> object(String path, @Nullable Object value) {
    return switch (value) {
      case Map<?, ?> map -> map;
      case null -> Map.of();
      default -> {
        problems.add("podTemplate." + path + " must be an object");
        yield Map.of();
      }
    };
  }

  private List<Map<?, ?>> objects(String path, @Nullable Object value) {
    List<Map<?, ?>> result = new ArrayList<>();
    switch (value) {
      case List<?> list -> list.forEach(item -> result.add(object(path + "[]", item)));
      case null -> {}
      default -> problems.add("podTemplate." + path + " must be a list");
    }
    return result;
  }

  private static Map<String, Object> merged(Map<?, ?> base, Map<?, ?> overlay) {
    Map<String, Object> result = new LinkedHashMap<>();
    base.forEach((key, value) -> result.put(key.toString(), value));
    overlay.forEach(
        (key, value) -> {
          if (value != null) {
            result.merge(
                key.toString(), value, (ours, theirs) -> merged(key.toString(), ours, theirs));
          }
        });
    return result;
  }

  private static Object merged(String field, Object base, Object overlay) {
    if (base instanceof Map<?, ?> a && overlay instanceof Map<?, ?> b) {
      return merged(a, b);
    }
    String key = KEY_OF_LIST.get(field);
    if (key != null && base instanceof List<?> a && overlay instanceof List<?> b) {
      Map<Object, Object> byKey = new LinkedHashMap<>();
      for (List<?> list : List.of(a, b)) {
        for (Object item : list) {
          Object id = item instanceof Map<?, ?> map ? map.get(key) : null;
          byKey.merge(id == null ? item : id, item, (x, y) -> merged("", x, y));
        }
      }
      return List.copyOf(byKey.values());
    }
    return overlay;
  }
}
