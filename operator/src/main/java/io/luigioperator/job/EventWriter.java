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
import io.luigioperator.run.ScheduleObject;
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

  /** The object that an Event is about. */
  record Subject(String kind, String namespace, String name, String uid) {

    static Subject of(RunObject run) {
      return new Subject("PipelineRun", run.key().namespace(), run.key().name(), run.uid());
    }

    static Subject of(ScheduleObject schedule) {
      return new Subject("PipelineSchedule", schedule.namespace(), schedule.name(), schedule.uid());
    }

    @Override
    public String toString() {
      return kind + " " + namespace + "/" + name;
    }
  }

  private final KubernetesClient client;
  private final InstantSource clock;
  private final Map<String, Boolean> sent = new LinkedHashMap<>();

  EventWriter(KubernetesClient client, InstantSource clock) {
    this.client = client;
    this.clock = clock;
  }

  /** Best effort: an Event that cannot be written is lost, without further consequences. */
  void warn(Subject subject, String reason, String message) {
    Instant now = clock.instant();
    String name =
        subject.name()
            + "."
            + Sha256.hex(subject.uid() + "/" + reason + "/" + now.truncatedTo(ChronoUnit.MINUTES))
                .substring(0, 16);
    if (!isNew(name)) {
      return;
    }
    try {
      client.resource(event(subject, name, reason, message, now)).create();
    } catch (KubernetesClientException e) {
      if (!ApiErrors.isConflict(e)) {
        LOG.atInfo()
            .addKeyValue("object", subject)
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
      Subject subject, String name, String reason, String message, Instant now) {
    String time = now.truncatedTo(ChronoUnit.SECONDS).toString();
    return new EventBuilder()
        .withNewMetadata()
        .withNamespace(subject.namespace())
        .withName(name)
        .endMetadata()
        .withNewInvolvedObject()
        .withApiVersion("luigi-operator.io/v1beta1")
        .withKind(subject.kind())
        .withNamespace(subject.namespace())
        .withName(subject.name())
        .withUid(subject.uid())
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
