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
 * Lays {@code pipeline.podTemplate} over the pod template of the operator: objects field by field,
 * lists of named things by their names, anything else replaced.
 *
 * <p>What the operator needs for itself, and what has a field in the pipeline, is refused with the
 * name of that field and never dropped in silence.
 */
final class PodOverlay {

  /** The lists that the operator's own template has, and that a user may add to. */
  private static final Map<String, String> KEY_OF_LIST =
      Map.of(
          "containers", "name",
          "volumes", "name",
          "volumeMounts", "mountPath",
          "topologySpreadConstraints", "topologyKey");

  private static final Map<String, String> NOT_IN_SPEC =
      Map.ofEntries(
          Map.entry("restartPolicy", "an attempt is one try, so it is always Never"),
          Map.entry("nodeName", "use nodeSelector or affinity"),
          Map.entry("schedulingGates", "the operator opens the pod itself"),
          Map.entry("activeDeadlineSeconds", "set pipeline.timeouts.activeSeconds"),
          Map.entry("terminationGracePeriodSeconds", "set pipeline.timeouts.graceSeconds"),
          Map.entry("serviceAccountName", "set pipeline.serviceAccountName"),
          Map.entry("serviceAccount", "set pipeline.serviceAccountName"));

  private static final Map<String, String> NOT_IN_LUIGI =
      Map.ofEntries(
          Map.entry("image", "set pipeline.image"),
          Map.entry("command", "the runner of the image is started, with pipeline.task"),
          Map.entry("args", "the runner of the image is started, with pipeline.task"),
          Map.entry("env", "set pipeline.env"),
          Map.entry("envFrom", "set pipeline.envFrom"),
          Map.entry("resources", "set pipeline.resources"),
          Map.entry("restartPolicy", "an attempt is one try"),
          Map.entry("restartPolicyRules", "an attempt is one try"),
          Map.entry("terminationMessagePath", "the verdict is read from there"),
          Map.entry("terminationMessagePolicy", "the verdict is read from there"));

  /** The same names as for {@code pipeline.env}: literal values are stored in the database. */
  private static final Pattern SECRET_NAME =
      Pattern.compile(
          "passw|passphrase|secret|credential|api_?key|access_?key|token$"
              + "|(^|[-._])(pwd|pass|key)$",
          Pattern.CASE_INSENSITIVE);

  private static final Pattern SECRET_PLACE =
      Pattern.compile("[-._](file|path|dir|name|arn|url|uri|id|ref)$", Pattern.CASE_INSENSITIVE);

  private final List<String> problems = new ArrayList<>();

  private PodOverlay() {}

  /**
   * @param base the operator's template as JSON
   * @param overlay the user's
   * @param volumes names of volumes the overlay may not touch
   * @param mountPaths places in the container the overlay may not touch
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
                refuse(key, "only metadata and spec belong into a pod template");
              }
            });
    Map<?, ?> metadata = object("metadata", overlay.get("metadata"));
    metadata
        .keySet()
        .forEach(
            key -> {
              if (!key.equals("labels") && !key.equals("annotations")) {
                refuse("metadata." + key, "only labels and annotations may be added");
              }
            });
    for (String kind : List.of("labels", "annotations")) {
      for (Object key : object("metadata." + kind, metadata.get(kind)).keySet()) {
        if (Labels.isReserved(key.toString())) {
          refuse("metadata." + kind + "." + key, "the operator sets it; choose another key");
        }
      }
    }
    Map<?, ?> spec = object("spec", overlay.get("spec"));
    refuseAny("spec", spec, NOT_IN_SPEC);
    for (Map<?, ?> volume : objects("spec.volumes", spec.get("volumes"))) {
      if (volumes.contains(String.valueOf(volume.get("name")))) {
        refuse(
            "spec.volumes[" + volume.get("name") + "]",
            "pipeline.volumes or the operator has a volume of this name; choose another");
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
            && !SECRET_PLACE.matcher(variableName).find()) {
          refuse(
              where + ".env[" + variableName + "].value",
              "it looks like a password, token or key, and literal values are stored in the"
                  + " database; use valueFrom.secretKeyRef");
        }
      }
      return;
    }
    if (list.equals("spec.initContainers")) {
      refuse(where, "the container of the pipeline is in spec.containers; choose another name");
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
