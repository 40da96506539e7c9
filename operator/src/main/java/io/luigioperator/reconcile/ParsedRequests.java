/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A cache of parsed requests of the runs that were reconciled last, because a run is reconciled
 * many times in short order. Thread-safe.
 */
final class ParsedRequests {

  private static final int REMEMBERED = 500;

  /** A longer request is not remembered: 500 of the largest ones would fill the heap. */
  private static final int REMEMBERED_CHARS = 16 * 1024;

  private record Parsed(String json, Request request) {}

  private final Map<RunKey, Parsed> recent =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<RunKey, Parsed> eldest) {
          return size() > REMEMBERED;
        }
      };

  /** The request of a run; empty once its history was purged. */
  synchronized Optional<Request> of(Run run) {
    String json = run.definition().request();
    if (json.isEmpty()) {
      return Optional.empty();
    }
    if (json.length() > REMEMBERED_CHARS) {
      return Optional.of(RequestJson.read(json));
    }
    Parsed parsed = recent.get(run.key());
    if (parsed == null || !parsed.json().equals(json)) {
      parsed = new Parsed(json, RequestJson.read(json));
      recent.put(run.key(), parsed);
    }
    return Optional.of(parsed.request());
  }
}
