/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import static io.luigioperator.sim.Invariants.require;

import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.Loaded;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The clients of operators for the ledger and the cluster, with faults: an operator is killed
 * before or after a call, other operators and controllers act between two calls, and calls fail,
 * arrive late, or arrive twice.
 */
final class FaultyClients {

  /** Thrown when the operator is killed. */
  static final class Crash extends Error {
    private static final long serialVersionUID = 1L;

    Crash() {
      super("crash", null, false, false);
    }
  }

  /** The state of one operator process. */
  static final class OperatorProcess {
    /** Tokens of live attempts of which one of its threads has read {@code cancel}. */
    private final Set<String> canceled = new HashSet<>();

    /** The same for its other threads, which act between two calls of the first. */
    private final Set<String> canceledByOtherThreads = new HashSet<>();

    private boolean over;

    /** It is killed: its next call throws. */
    void end() {
      over = true;
    }
  }

  private static final Set<String> KUBE_WRITES =
      Set.of(
          "createRun",
          "deleteRun",
          "writeStatus",
          "createJob",
          "openGate",
          "deletePod",
          "deleteJob");

  /** Calls that a scenario makes seldom: at one in ten of them the operator is killed. */
  private static final Set<String> RARE_CALLS =
      Set.of(
          "cancel",
          "deleteJob",
          "deleteRun",
          "deleted",
          "disown",
          "endedRuns",
          "forgetObject",
          "objectRefused",
          "scheduleExists",
          "schedulesServedSince",
          "markForStop",
          "hold",
          "release",
          "restoreOutcome",
          "markPodMissing",
          "lastWarning",
          "podsWithToken");

  private final SimEnvironment env;
  private final Runnable step;
  private final List<Runnable> requestsInFlight = new ArrayList<>();
  private boolean faults = true;
  private boolean interleaving;

  /**
   * @param step what happens between two calls of an operator: an action of another operator, of
   *     another of its threads, or of a controller
   */
  FaultyClients(SimEnvironment env, Runnable step) {
    this.env = env;
    this.step = step;
  }

  /** From now on every call succeeds. */
  void stopFaults() {
    faults = false;
    requestsInFlight.clear();
  }

  void dropRequestsInFlight() {
    requestsInFlight.clear();
  }

  /** Delivers one of the requests that are in flight. */
  void deliver() {
    if (!requestsInFlight.isEmpty()) {
      requestsInFlight.remove(env.random.nextInt(requestsInFlight.size())).run();
    }
  }

  void deliverLater(Runnable request) {
    requestsInFlight.add(request);
  }

  // ---- the two clients of one operator

  Ledger ledger(OperatorProcess process) {
    return LedgerProxy.of(
        env.ledger, (role, method, args) -> called(true, role, method, args, process));
  }

  Kube kube(SimKube kube, OperatorProcess process) {
    return (Kube)
        Proxy.newProxyInstance(
            Kube.class.getClassLoader(),
            new Class<?>[] {Kube.class},
            (proxy, method, args) -> called(false, kube, method, args, process));
  }

  private Object called(
      boolean toLedger, Object target, Method method, Object[] args, OperatorProcess process)
      throws Throwable {
    Set<String> canceled = interleaving ? process.canceledByOtherThreads : process.canceled;
    if (method.getName().equals("openGate") && args[0] instanceof ObservedPod pod) {
      require(
          !canceled.contains(pod.token()),
          () -> "I7: opens a gate after it has read cancel: " + pod);
    }
    Object answer = call(toLedger, target, method, args, process);
    if (answer instanceof Loaded loaded) {
      loaded.runs().values().stream()
          .filter(r -> r.run().cancel())
          .flatMap(r -> r.attempts().stream())
          .filter(Attempt::isLive)
          .forEach(a -> canceled.add(a.token()));
    }
    return answer;
  }

  private Object call(
      boolean toLedger, Object target, Method method, Object[] args, OperatorProcess process)
      throws Throwable {
    if (!faults) {
      return LedgerProxy.invoke(target, method, args);
    }
    if (!interleaving && env.oneIn(6)) {
      interleave();
    }
    if (process.over) {
      throw new Crash(); // killed in the meantime
    }
    int oneIn = killedOneIn(method.getName());
    if (env.oneIn(oneIn)) {
      env.counts.crashesBefore.merge(method.getName(), 1, Integer::sum);
      throw crash();
    }
    Object answer = toLedger ? ledgerCall(target, method, args) : kubeCall(target, method, args);
    if (env.oneIn(oneIn)) {
      env.counts.crashesAfter.merge(method.getName(), 1, Integer::sum);
      throw crash();
    }
    return answer;
  }

  private void interleave() {
    env.counts.count(Fault.INTERLEAVED);
    interleaving = true;
    try {
      for (int i = env.random.nextInt(4); i >= 0; i--) {
        step.run();
      }
    } finally {
      interleaving = false;
    }
  }

  private Crash crash() {
    env.counts.count(Fault.CRASH);
    return new Crash();
  }

  private Object ledgerCall(Object target, Method method, Object[] args) throws Throwable {
    int roll = env.random.nextInt(100);
    if (roll == 0) {
      env.counts.count(Fault.LEDGER_ROLLED_BACK);
      throw new LedgerUnavailable("rolled back", new IllegalStateException());
    }
    Object answer = LedgerProxy.invoke(target, method, args);
    if (roll == 1) {
      env.counts.count(Fault.LEDGER_APPLIED_BUT_ERROR);
      throw new LedgerUnavailable("committed, but the answer is lost", new IllegalStateException());
    }
    return answer;
  }

  /** A lost pod seldom comes back before its key is free. */
  private static int killedOneIn(String call) {
    if (call.equals("clearPodMissing")) {
      return 2;
    }
    return RARE_CALLS.contains(call) ? 10 : 160;
  }

  private Object kubeCall(Object target, Method method, Object[] args) throws Throwable {
    int roll = env.random.nextInt(60);
    if (!KUBE_WRITES.contains(method.getName())) {
      if (roll == 0) {
        throw unavailable(Fault.READ_FAILED);
      }
      return LedgerProxy.invoke(target, method, args);
    }
    switch (roll) {
      case 0 -> throw unavailable(Fault.REQUEST_LOST);
      case 1, 2 -> {
        requestsInFlight.add(() -> deliver(target, method, args));
        throw unavailable(Fault.REQUEST_LATE);
      }
      case 3, 4 -> {
        env.counts.count(Fault.REQUEST_DUPLICATED);
        requestsInFlight.add(() -> deliver(target, method, args));
        return LedgerProxy.invoke(target, method, args);
      }
      case 5 -> {
        env.counts.count(Fault.REQUEST_REFUSED);
        throw new KubeRefused("refused for this object", new IllegalStateException());
      }
      default -> {
        return LedgerProxy.invoke(target, method, args);
      }
    }
  }

  private KubeUnavailable unavailable(Fault fault) {
    env.counts.count(fault);
    return new KubeUnavailable(fault.name(), new IllegalStateException());
  }

  private static void deliver(Object target, Method method, Object[] args) {
    try {
      LedgerProxy.invoke(target, method, args);
    } catch (KubeRefused e) {
      // the caller does not read the answer
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
