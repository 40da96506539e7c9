/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Reads typed values from environment variables and collects all problems instead of stopping at
 * the first. An empty variable counts as unset. A message names the variable and what to do; it
 * never contains the value of a required variable, which may be a secret.
 */
final class Environment {
  private static final int NEAR_MISS = 3;

  private final String prefix;
  private final Map<String, String> values;
  private final TreeSet<String> known = new TreeSet<>();
  private final List<String> problems = new ArrayList<>();

  Environment(String prefix, Map<String, String> values) {
    this.prefix = prefix;
    this.values = new TreeMap<>(values);
  }

  List<String> problems() {
    return List.copyOf(problems);
  }

  List<String> known() {
    return List.copyOf(known);
  }

  void problem(String key, String what) {
    problems.add(prefix + key + ": " + what);
  }

  Optional<String> optional(String key) {
    known.add(key);
    return Optional.ofNullable(values.get(prefix + key)).filter(v -> !v.isBlank());
  }

  String required(String key, Pattern format, String meaning) {
    Optional<String> value = optional(key);
    if (value.isEmpty()) {
      problem(key, "is not set: set it to " + meaning);
      return "";
    }
    if (!format.matcher(value.get()).matches()) {
      problem(key, "is invalid: set it to " + meaning);
    }
    return value.get();
  }

  String optional(String key, Pattern format, String defaultValue, String meaning) {
    return optional(key).isEmpty() ? defaultValue : required(key, format, meaning);
  }

  List<String> list(String key, Pattern format, String meaning) {
    List<String> items =
        optional(key).stream()
            .flatMap(text -> Arrays.stream(text.split(",", -1)))
            .map(String::strip)
            .toList();
    for (String item : items) {
      if (!format.matcher(item).matches()) {
        problem(key, "contains \"" + item + "\": set it to " + meaning);
      }
    }
    return items.stream().distinct().toList();
  }

  int number(String key, int defaultValue, int min, int max) {
    return (int) whole(key, defaultValue, min, max);
  }

  Duration seconds(String key, long defaultValue, long min, long max) {
    return Duration.ofSeconds(whole(key, defaultValue, min, max));
  }

  private long whole(String key, long defaultValue, long min, long max) {
    Optional<String> text = optional(key);
    if (text.isEmpty()) {
      return defaultValue;
    }
    if (isLinkAddress(text.get())) {
      problem(
          key,
          "contains the address of a Service of the same name: set enableServiceLinks: false in the"
              + " pod, or set this variable");
      return defaultValue;
    }
    if (text.get().matches("[0-9]{1,9}")) {
      long value = Long.parseLong(text.get());
      if (value >= min && value <= max) {
        return value;
      }
    }
    problem(key, "is \"" + text.get() + "\": set it to a whole number from " + min + " to " + max);
    return defaultValue;
  }

  boolean flag(String key, boolean defaultValue) {
    Optional<String> text = optional(key);
    if (text.filter(t -> !t.equals("true") && !t.equals("false")).isPresent()) {
      problem(key, "is \"" + text.get() + "\": set it to true or false");
    }
    return text.map(Boolean::parseBoolean).orElse(defaultValue);
  }

  <E extends Enum<E>> E choice(String key, E defaultValue) {
    Optional<String> text = optional(key);
    List<E> all = List.of(defaultValue.getDeclaringClass().getEnumConstants());
    if (text.isEmpty()) {
      return defaultValue;
    }
    Optional<E> chosen = all.stream().filter(e -> e.name().equals(text.get())).findFirst();
    if (chosen.isEmpty()) {
      problem(
          key,
          "is \""
              + text.get()
              + "\": set it to one of "
              + all.stream().map(Enum::name).collect(Collectors.joining(", ")));
    }
    return chosen.orElse(defaultValue);
  }

  /** To be called last: reports each variable with the prefix that was not read before. */
  void rejectUnknown() {
    values.forEach(
        (name, value) -> {
          if (!name.startsWith(prefix)) {
            return;
          }
          String key = name.substring(prefix.length());
          if (known.contains(key) || isServiceLink(key, value)) {
            return;
          }
          String hint =
              known.stream()
                  .min(Comparator.comparingInt((String k) -> distance(k, key)))
                  .filter(k -> distance(k, key) <= NEAR_MISS)
                  .map(k -> "did you mean " + prefix + k + "?")
                  .orElse("remove it; settings are " + prefix + String.join(", ", known));
          problem(key, "is not a setting: " + hint);
        });
  }

  /** Whether Kubernetes set the variable because of a Service. */
  private static boolean isServiceLink(String key, String value) {
    return key.matches("(.*_)?SERVICE_HOST|(.*_)?SERVICE_PORT(_.*)?")
        || key.matches("(.*_)?PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
        || key.matches("(.*_)?PORT") && isLinkAddress(value);
  }

  private static boolean isLinkAddress(String value) {
    return value.matches("(tcp|udp|sctp)://.*");
  }

  /** The Levenshtein distance of two texts. */
  static int distance(String a, String b) {
    int[] last = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      last[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int[] row = new int[b.length() + 1];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int change = last[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(change, 1 + Math.min(last[j], row[j - 1]));
      }
      last = row;
    }
    return last[b.length()];
  }
}
