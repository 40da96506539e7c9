/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.luigioperator.job.Fabric8Kube;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.HttpProbe;
import java.io.PrintStream;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The front door: what the process was asked for, and with which code it ends. */
public final class Main {
  static final int OK = 0;
  static final int FAILED = 1;
  static final int WRONG_USE = 2;

  private static final String USAGE =
      """
      usage: luigi-operator            run the operator, set up by LUIGI_OPERATOR_… variables
             luigi-operator --version  print version and commit
             luigi-operator probe URL  GET the URL; exit 0 when it answers 200
      """;

  private static final Logger LOG = LoggerFactory.getLogger(Main.class);
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(25);

  private Main() {}

  public static void main(String[] args) {
    System.exit(run(args, System.getenv(), System.out, System.err));
  }

  /** Returns the exit code, after everything it began has ended. */
  static int run(String[] args, Map<String, String> environment, PrintStream out, PrintStream err) {
    return switch (String.join(" ", args).strip().split(" ", -1)) {
      case String[] words when words.length == 1 && words[0].isEmpty() -> operate(environment, err);
      case String[] words when words.length == 1 && words[0].equals("--version") -> {
        out.println(BuildInfo.current());
        yield OK;
      }
      case String[] words when words.length == 2 && words[0].equals("probe") -> {
        HttpProbe.Result result = HttpProbe.get(words[1]);
        (result.ok() ? out : err).println(result.words());
        yield result.ok() ? OK : FAILED;
      }
      default -> {
        err.print(USAGE);
        yield WRONG_USE;
      }
    };
  }

  private static int operate(Map<String, String> environment, PrintStream err) {
    OperatorConfig config;
    try {
      config = OperatorConfig.from(environment);
    } catch (OperatorConfig.Invalid e) {
      err.println("luigi-operator cannot start with this configuration:");
      e.problems().forEach(problem -> err.println("  " + problem));
      return WRONG_USE;
    }
    LuigiOperator operator = new LuigiOperator(config, Clock.systemUTC());
    AtomicInteger code = new AtomicInteger(FAILED);
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> onSignal(operator, ended, code)));
    try {
      operator.start(client(), BuildInfo.current());
      code.set(operator.awaitStopRequest().isEmpty() ? OK : FAILED);
    } catch (Exception e) {
      LOG.atError().setCause(e).log("the operator cannot start");
    } finally {
      operator.stop();
      ended.countDown();
    }
    return code.get();
  }

  /**
   * SIGTERM, or the exit after a failure: has the main thread stop everything in order, and ends
   * the process with its code, at the latest shortly before the kubelet would kill it.
   */
  private static void onSignal(LuigiOperator operator, CountDownLatch ended, AtomicInteger code) {
    operator.requestStop();
    try {
      if (ended.await(STOP_PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        Runtime.getRuntime().halt(code.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    LOG.atError().log("not stopped in time");
    Runtime.getRuntime().halt(FAILED);
  }

  private static KubernetesClient client() {
    return new KubernetesClientBuilder()
        .withConfig(Fabric8Kube.bounded(Config.autoConfigure(null)))
        .build();
  }
}
