/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.job.Fabric8Kube;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.HttpProbe;
import io.luigioperator.preview.PreviewCommand;
import io.luigioperator.schedule.TimeZones;
import java.io.PrintStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The command line, and the exit code of the process. */
public final class Main {
  static final int OK = 0;
  static final int FAILED = 1;
  static final int USAGE_ERROR = 2;

  private static final String USAGE =
      """
      usage: luigi-operator               run the operator, configured by LUIGI_OPERATOR_… variables
             luigi-operator --version     print version, commit and release of the tz database
             luigi-operator preview FILE  check PipelineSchedules and print their next cron times; see preview --help
             luigi-operator probe URL     send a GET request; exit 0 if the status is 200
      """;

  private static final Logger LOG = LoggerFactory.getLogger(Main.class);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(25);

  private Main() {}

  public static void main(String[] args) {
    System.exit(run(args, System.getenv(), System.out, System.err));
  }

  /** Returns the exit code, after everything has stopped. */
  static int run(String[] args, Map<String, String> environment, PrintStream out, PrintStream err) {
    if (args.length > 0 && args[0].equals("preview")) {
      List<String> rest = List.of(args).subList(1, args.length);
      return PreviewCommand.run(rest, System.in, out, err, Instant.now());
    }
    return switch (String.join(" ", args).strip().split(" ", -1)) {
      case String[] a when a.length == 1 && a[0].isEmpty() -> operate(environment, err);
      case String[] a when a.length == 1 && a[0].equals("--version") -> {
        out.println(BuildInfo.current() + ", tz database " + TimeZones.version());
        yield OK;
      }
      case String[] a when a.length == 2 && a[0].equals("probe") -> {
        HttpProbe.Result result = HttpProbe.get(a[1]);
        (result.ok() ? out : err).println(result.message());
        yield result.ok() ? OK : FAILED;
      }
      default -> {
        err.print(USAGE);
        yield USAGE_ERROR;
      }
    };
  }

  private static int operate(Map<String, String> environment, PrintStream err) {
    OperatorConfig config;
    try {
      config = OperatorConfig.from(environment);
    } catch (OperatorConfig.Invalid e) {
      err.println("luigi-operator: invalid configuration:");
      e.problems().forEach(problem -> err.println("  " + problem));
      return USAGE_ERROR;
    }
    LuigiOperator operator = new LuigiOperator(config, Clock.systemUTC());
    AtomicInteger code = new AtomicInteger(FAILED);
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> onSignal(operator, ended, code)));
    try {
      operator.start(client(), BuildInfo.current());
      code.set(operator.awaitStopRequest().isEmpty() ? OK : FAILED);
    } catch (Exception e) {
      LOG.atError().setCause(e).log("start failed");
    } finally {
      operator.stop();
      ended.countDown();
    }
    return code.get();
  }

  /**
   * On SIGTERM, or the exit after a failure: lets the main thread stop everything in order, and
   * ends the process with its exit code, at the latest shortly before the kubelet would kill it.
   */
  private static void onSignal(LuigiOperator operator, CountDownLatch ended, AtomicInteger code) {
    operator.requestStop();
    try {
      if (ended.await(STOP_TIMEOUT.toSeconds(), TimeUnit.SECONDS)) {
        Runtime.getRuntime().halt(code.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    LOG.atError().log("stop timed out");
    Runtime.getRuntime().halt(FAILED);
  }

  private static KubernetesClient client() {
    return Fabric8Kube.client(Fabric8Kube.bounded(Config.autoConfigure(null)));
  }
}
