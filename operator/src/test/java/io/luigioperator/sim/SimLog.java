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
 * Reads the log of the operator code while a scenario runs on this thread: it counts the effects,
 * and it fails the scenario at an error. So an exception that the operator catches and only logs,
 * or a reconciliation without end, is not missed.
 */
final class SimLog extends UnsynchronizedAppenderBase<ILoggingEvent> {

  private static final Logger OPERATOR = (Logger) LoggerFactory.getLogger("io.luigioperator");
  private static final Logger RECONCILER = (Logger) LoggerFactory.getLogger(RunReconciler.class);

  /** Errors that scenarios cause on purpose. */
  private static final Set<String> EXPECTED =
      Set.of(
          "the clock of the database has jumped forward; decisions pause",
          // after a restart, while runs are held because their namespace was created again
          "too many PipelineRuns are missing at once; their runs are held until a person acts");

  private final ThreadLocal<FaultCounts> counts = new ThreadLocal<>();

  /** From now on the log of the operator is not printed: it would report every injected fault. */
  static SimLog install() {
    SimLog log = new SimLog();
    log.start();
    OPERATOR.setAdditive(false);
    OPERATOR.setLevel(Level.ERROR);
    RECONCILER.setLevel(Level.DEBUG);
    OPERATOR.addAppender(log);
    return log;
  }

  void close() {
    OPERATOR.detachAppender(this);
    RECONCILER.setLevel(null);
    OPERATOR.setLevel(null);
    OPERATOR.setAdditive(true);
    stop();
  }

  /** From now on what this thread logs belongs to the scenario with these counts. */
  void countFor(FaultCounts scenario) {
    counts.set(scenario);
  }

  @Override
  protected void append(ILoggingEvent event) {
    if (event.getLevel() == Level.ERROR && !EXPECTED.contains(event.getMessage())) {
      AssertionError error =
          new AssertionError(
              "logged an error: " + event.getMessage() + " " + event.getKeyValuePairs());
      if (event.getThrowableProxy() instanceof ch.qos.logback.classic.spi.ThrowableProxy t) {
        error.initCause(t.getThrowable());
      }
      throw error;
    }
    if (event.getMessage().equals("effect")) {
      event.getKeyValuePairs().stream()
          .filter(pair -> pair.key.equals("effect"))
          .forEach(pair -> counts.get().effects.merge(String.valueOf(pair.value), 1, Integer::sum));
    }
  }
}
