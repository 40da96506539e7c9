/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.luigioperator.run.Message;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.Sha256;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes Events: at most one per reason, object and minute. The name of an Event is derived from
 * these three, so that the API server refuses a second one, also from another replica. The names of
 * recent Events are remembered to save the request.
 */
final class EventWriter {

  private static final Logger LOG = LoggerFactory.getLogger(EventWriter.class);

  private static final int REMEMBERED = 1_000;

  private final KubernetesClient client;
  private final InstantSource clock;
  private final Map<String, Boolean> sent = new LinkedHashMap<>();

  EventWriter(KubernetesClient client, InstantSource clock) {
    this.client = client;
    this.clock = clock;
  }

  /** Best effort: an Event that cannot be written is lost, without further consequences. */
  void warn(RunObject object, String reason, String message) {
    Instant now = clock.instant();
    String name =
        object.key().name()
            + "."
            + Sha256.hex(object.uid() + "/" + reason + "/" + now.truncatedTo(ChronoUnit.MINUTES))
                .substring(0, 16);
    if (!isNew(name)) {
      return;
    }
    try {
      client.resource(event(object, name, reason, message, now)).create();
    } catch (KubernetesClientException e) {
      if (!ApiErrors.isConflict(e)) {
        LOG.atInfo()
            .addKeyValue("run", object.key())
            .addKeyValue("reason", reason)
            .addKeyValue("error", ApiErrors.message(e))
            .log("Event not written");
      }
    }
  }

  private synchronized boolean isNew(String name) {
    boolean isNew = sent.put(name, Boolean.TRUE) == null;
    if (sent.size() > REMEMBERED) {
      sent.remove(sent.keySet().iterator().next());
    }
    return isNew;
  }

  private static Event event(
      RunObject object, String name, String reason, String message, Instant now) {
    String time = now.truncatedTo(ChronoUnit.SECONDS).toString();
    return new EventBuilder()
        .withNewMetadata()
        .withNamespace(object.key().namespace())
        .withName(name)
        .endMetadata()
        .withNewInvolvedObject()
        .withApiVersion("luigi-operator.io/v1beta1")
        .withKind("PipelineRun")
        .withNamespace(object.key().namespace())
        .withName(object.key().name())
        .withUid(object.uid())
        .endInvolvedObject()
        .withType("Warning")
        .withReason(reason)
        .withMessage(Message.bounded(message))
        .withFirstTimestamp(time)
        .withLastTimestamp(time)
        .withCount(1)
        .withNewSource()
        .withComponent(Labels.OPERATOR)
        .endSource()
        .withReportingComponent(Labels.OPERATOR)
        .build();
  }
}
