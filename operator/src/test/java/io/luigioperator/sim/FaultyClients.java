/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import static io.luigioperator.sim.Invariants.require;

import io.luigioperator.job.Kube;
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
 * The clients of operators to the ledger and to their cluster, and what happens there during a
 * storm: an operator is killed before or after any call, the rest of the world moves between any
 * two, and calls fail, come late, or come twice.
 */
final class FaultyClients {

  /** An operator is killed. */
  static final class Crash extends Error {
    private static final long serialVersionUID = 1L;

    Crash() {
      super("crash", null, false, false);
    }
  }

  /** Of one operator process. */
  static final class Life {
    /** Tokens of live attempts that one thread of it has read {@code cancel} of. */
    private final Set<String> canceled = new HashSet<>();

    /** The same of the other threads, which move between two calls of the first. */
    private final Set<String> canceledToo = new HashSet<>();

    private boolean over;

    /** Whatever it is doing ends at its next call. */
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

  /** Calls of which a story has few: one of them in ten is not survived. */
  private static final Set<String> SELDOM =
      Set.of(
          "cancel",
          "deleteJob",
          "deleteRun",
          "markForStop",
          "hold",
          "clearPodMissing",
          "release",
          "markPodMissing");

  private final SimEnvironment world;
  private final Runnable step;
  private final List<Runnable> network = new ArrayList<>();
  private boolean storm = true;
  private boolean interleaving;

  /**
   * @param step what the rest of the world does between two calls of an operator, the others and
   *     its other threads included
   */
  FaultyClients(SimEnvironment world, Runnable step) {
    this.world = world;
    this.step = step;
  }

  /** From now on every call is answered. */
  void calm() {
    storm = false;
    network.clear();
  }

  /** Lets one of the requests that are on their way arrive. */
  void deliver() {
    if (!network.isEmpty()) {
      network.remove(world.random.nextInt(network.size())).run();
    }
  }

  void deliverLater(Runnable request) {
    network.add(request);
  }

  // ---- one operator's pair of clients

  Ledger ledger(Life life) {
    return LedgerProxy.of(
        world.ledger, (role, method, args) -> called(true, role, method, args, life));
  }

  Kube kube(SimKube kube, Life life) {
    return (Kube)
        Proxy.newProxyInstance(
            Kube.class.getClassLoader(),
            new Class<?>[] {Kube.class},
            (proxy, method, args) -> called(false, kube, method, args, life));
  }

  private Object called(boolean toLedger, Object target, Method method, Object[] args, Life life)
      throws Throwable {
    Set<String> canceled = interleaving ? life.canceledToo : life.canceled;
    if (method.getName().equals("openGate") && args[0] instanceof ObservedPod pod) {
      require(
          !canceled.contains(pod.token()), () -> "I7: opens a gate after it read cancel: " + pod);
    }
    Object answer = call(toLedger, target, method, args, life);
    if (answer instanceof Loaded loaded) {
      loaded.runs().values().stream()
          .filter(r -> r.run().cancel())
          .flatMap(r -> r.attempts().stream())
          .filter(Attempt::isLive)
          .forEach(a -> canceled.add(a.token()));
    }
    return answer;
  }

  private Object call(boolean toLedger, Object target, Method method, Object[] args, Life life)
      throws Throwable {
    if (!storm) {
      return LedgerProxy.invoke(target, method, args);
    }
    if (!interleaving && world.oneIn(6)) {
      interleave();
    }
    if (life.over) {
      throw new Crash(); // meanwhile, in another thread of the same process
    }
    int oneIn = SELDOM.contains(method.getName()) ? 10 : 160;
    if (world.oneIn(oneIn)) {
      world.tally.crashesBefore.merge(method.getName(), 1, Integer::sum);
      throw crash();
    }
    Object answer = toLedger ? ledgerCall(target, method, args) : kubeCall(target, method, args);
    if (world.oneIn(oneIn)) {
      world.tally.crashesAfter.merge(method.getName(), 1, Integer::sum);
      throw crash();
    }
    return answer;
  }

  private void interleave() {
    world.tally.count(Fault.INTERLEAVED);
    interleaving = true;
    try {
      for (int i = world.random.nextInt(4); i >= 0; i--) {
        step.run();
      }
    } finally {
      interleaving = false;
    }
  }

  private Crash crash() {
    world.tally.count(Fault.CRASH);
    return new Crash();
  }

  private Object ledgerCall(Object target, Method method, Object[] args) throws Throwable {
    int dice = world.random.nextInt(100);
    if (dice == 0) {
      world.tally.count(Fault.LEDGER_ROLLED_BACK);
      throw new LedgerUnavailable("rolled back", new IllegalStateException());
    }
    Object answer = LedgerProxy.invoke(target, method, args);
    if (dice == 1) {
      world.tally.count(Fault.LEDGER_APPLIED_BUT_ERROR);
      throw new LedgerUnavailable(
          "the commit went through, its answer did not", new IllegalStateException());
    }
    return answer;
  }

  private Object kubeCall(Object target, Method method, Object[] args) throws Throwable {
    int dice = world.random.nextInt(60);
    if (!KUBE_WRITES.contains(method.getName())) {
      if (dice == 0) {
        throw unavailable(Fault.READ_FAILED);
      }
      return LedgerProxy.invoke(target, method, args);
    }
    switch (dice) {
      case 0 -> throw unavailable(Fault.REQUEST_LOST);
      case 1, 2 -> {
        network.add(() -> deliver(target, method, args));
        throw unavailable(Fault.REQUEST_LATE);
      }
      case 3, 4 -> {
        world.tally.count(Fault.REQUEST_DOUBLED);
        network.add(() -> deliver(target, method, args));
        return LedgerProxy.invoke(target, method, args);
      }
      default -> {
        return LedgerProxy.invoke(target, method, args);
      }
    }
  }

  private KubeUnavailable unavailable(Fault fault) {
    world.tally.count(fault);
    return new KubeUnavailable(fault.name(), new IllegalStateException());
  }

  private static void deliver(Object target, Method method, Object[] args) {
    try {
      LedgerProxy.invoke(target, method, args);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
