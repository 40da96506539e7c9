/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import io.luigioperator.reconcile.RunReconciler;
import java.util.Set;
import org.slf4j.LoggerFactory;

/**
 * Listens to what the product says while a story is played on this thread: its effects are counted,
 * and an alarm ends the story. So nothing that the product catches and only reports, a run that
 * cannot be driven or takes no end, goes unnoticed.
 */
final class SimLog extends UnsynchronizedAppenderBase<ILoggingEvent> {

  private static final Logger PRODUCT = (Logger) LoggerFactory.getLogger("io.luigioperator");
  private static final Logger DRIVER = (Logger) LoggerFactory.getLogger(RunReconciler.class);

  /** Alarms about what the stories do on purpose. */
  private static final Set<String> DESERVED =
      Set.of("the API server refuses the PipelineRun; run held");

  private final ThreadLocal<FaultCounts> tally = new ThreadLocal<>();

  /** From now on nothing of the product is printed: every fault of every story would be told. */
  static SimLog listening() {
    SimLog log = new SimLog();
    log.start();
    PRODUCT.setAdditive(false);
    PRODUCT.setLevel(Level.ERROR);
    DRIVER.setLevel(Level.DEBUG);
    PRODUCT.addAppender(log);
    return log;
  }

  void close() {
    PRODUCT.detachAppender(this);
    DRIVER.setLevel(null);
    PRODUCT.setLevel(null);
    PRODUCT.setAdditive(true);
    stop();
  }

  /** What is said on this thread is about the story with this tally. */
  void listenFor(FaultCounts story) {
    tally.set(story);
  }

  @Override
  protected void append(ILoggingEvent event) {
    if (event.getLevel() == Level.ERROR && !DESERVED.contains(event.getMessage())) {
      AssertionError alarm =
          new AssertionError("alarm: " + event.getMessage() + " " + event.getKeyValuePairs());
      if (event.getThrowableProxy() instanceof ch.qos.logback.classic.spi.ThrowableProxy t) {
        alarm.initCause(t.getThrowable());
      }
      throw alarm;
    }
    if (event.getMessage().equals("effect")) {
      event.getKeyValuePairs().stream()
          .filter(pair -> pair.key.equals("effect"))
          .forEach(pair -> tally.get().effects.merge(String.valueOf(pair.value), 1, Integer::sum));
    }
  }
}
