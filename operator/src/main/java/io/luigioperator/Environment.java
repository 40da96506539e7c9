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
 * Queries typed values from environment variables and collects every problem instead of stopping at
 * the first. Empty means unset. Messages name the variable and the cure, never a required value,
 * which may be a secret.
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

  String required(String key, Pattern shape, String meaning) {
    Optional<String> value = optional(key);
    if (value.isEmpty()) {
      problem(key, "is not set: give " + meaning);
      return "";
    }
    if (!shape.matcher(value.get()).matches()) {
      problem(key, "has the wrong shape: give " + meaning);
    }
    return value.get();
  }

  String optional(String key, Pattern shape, String otherwise, String meaning) {
    return optional(key).isEmpty() ? otherwise : required(key, shape, meaning);
  }

  List<String> list(String key, Pattern shape, String meaning) {
    List<String> items =
        optional(key).stream()
            .flatMap(text -> Arrays.stream(text.split(",", -1)))
            .map(String::strip)
            .toList();
    for (String item : items) {
      if (!shape.matcher(item).matches()) {
        problem(key, "cannot read \"" + item + "\": give " + meaning);
      }
    }
    return items.stream().distinct().toList();
  }

  int number(String key, int otherwise, int least, int most) {
    return (int) whole(key, otherwise, least, most);
  }

  Duration seconds(String key, long otherwise, long least, long most) {
    return Duration.ofSeconds(whole(key, otherwise, least, most));
  }

  private long whole(String key, long otherwise, long least, long most) {
    Optional<String> text = optional(key);
    if (text.isEmpty()) {
      return otherwise;
    }
    if (isLinkAddress(text.get())) {
      problem(
          key,
          "holds the address of a Service of the same name: set enableServiceLinks: false on the"
              + " pod, or set this variable");
      return otherwise;
    }
    if (text.get().matches("[0-9]{1,9}")) {
      long value = Long.parseLong(text.get());
      if (value >= least && value <= most) {
        return value;
      }
    }
    problem(key, "is \"" + text.get() + "\": give a whole number from " + least + " to " + most);
    return otherwise;
  }

  <E extends Enum<E>> E choice(String key, E otherwise) {
    Optional<String> text = optional(key);
    List<E> all = List.of(otherwise.getDeclaringClass().getEnumConstants());
    if (text.isEmpty()) {
      return otherwise;
    }
    Optional<E> chosen = all.stream().filter(e -> e.name().equals(text.get())).findFirst();
    if (chosen.isEmpty()) {
      problem(
          key,
          "is \""
              + text.get()
              + "\": give one of "
              + all.stream().map(Enum::name).collect(Collectors.joining(", ")));
    }
    return chosen.orElse(otherwise);
  }

  /** To be called last: every variable with our prefix must have been asked for. */
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
                  .orElse("remove it; known are " + prefix + String.join(", ", known));
          problem(key, "is not a setting: " + hint);
        });
  }

  /** Whether Kubernetes made the variable for a Service, and not a person. */
  private static boolean isServiceLink(String key, String value) {
    return key.matches("(.*_)?SERVICE_HOST|(.*_)?SERVICE_PORT(_.*)?")
        || key.matches("(.*_)?PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
        || key.matches("(.*_)?PORT") && isLinkAddress(value);
  }

  private static boolean isLinkAddress(String value) {
    return value.matches("(tcp|udp|sctp)://.*");
  }

  /** How many letters must be put in, taken out or changed to get from one word to the other. */
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
