/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.RerunMode;
import io.luigioperator.api.TaskRef;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.DryRun;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AttemptSeen;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.Limits;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.sim.SimLedger;
import java.lang.reflect.Proxy;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When a drive looks again, and how soon. */
class DriveStepsTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  private static final RunKey KEY = new RunKey("data", "run");
  private static final AdmitKey ADMIT_KEY = AdmitKey.ofClient("data", "acme", "default");
  private static final PipelineRunSpec SPEC =
      new PipelineRunSpec(
          null,
          PipelineSpec.ofDefaults("image:1", new TaskRef("m", "F")),
          "acme",
          "2013-01-15",
          List.of(),
          null,
          Priority.Normal,
          DesiredState.Running,
          null,
          null,
          null,
          null,
          null);

  private Instant now = T0;
  private int dryRuns;
  private int looks;
  private int writesLost;
  private int writes;
  private final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  private final Kube kube =
      (Kube)
          Proxy.newProxyInstance(
              Kube.class.getClassLoader(),
              new Class<?>[] {Kube.class},
              (proxy, method, args) ->
                  switch (method.getName()) {
                    case "run" -> {
                      looks++;
                      yield Optional.of(
                          new RunObject(KEY, "uid", 1, T0, false, false, SPEC, Optional.empty()));
                    }
                    case "attempt" ->
                        new AttemptSeen(
                            Optional.of(new JobSeen("data", "run-a1", "job", "token", T0, false)),
                            List.of(),
                            false);
                    case "dryRun" -> {
                      dryRuns++;
                      yield new DryRun.Allowed();
                    }
                    case "writeStatus" -> ++writes > writesLost;
                    case "warn" -> null;
                    default -> throw new AssertionError("not expected: " + method);
                  });
  private final RunDriver driver =
      new RunDriver(ledger, kube, "here", Limits.DEFAULT, () -> now, () -> {});

  @BeforeEach
  void accept() {
    ledger.accept(
        new NewRun(
            KEY,
            "acme",
            "2013-01-15",
            "",
            ADMIT_KEY,
            DesiredState.Running,
            Priority.Normal,
            Optional.empty(),
            OptionalLong.empty(),
            3,
            3,
            RequestJson.write(
                new Request(
                    SPEC,
                    SPEC.pipeline(),
                    new TreeMap<>(),
                    0,
                    RerunMode.Incomplete,
                    Priority.Normal)),
            RequestJson.hash(SPEC),
            RequestJson.HASH_VERSION),
        new ObjectRecord("here", "uid", 1));
  }

  @Test
  void whoLosesTheRaceForAStatusLooksAgain() {
    now = T0.plusSeconds(60); // a run that waits for moments only says nothing
    writesLost = 1;

    driver.drive(KEY);

    assertThat(writes).isEqualTo(2);
    assertThat(looks).as("decided anew").isEqualTo(2);
  }

  @Test
  void theRaceForAStatusIsNotRunForEver() {
    now = T0.plusSeconds(60);
    writesLost = Integer.MAX_VALUE;

    assertThat(driver.drive(KEY)).isPresent();
    assertThat(writes).isBetween(2, 20);
  }

  @Test
  void aSlowJobControllerIsNotAskedAboutAtEveryLook() {
    ledger.claim(ADMIT_KEY, KEY, "token", "here").orElseThrow();
    now = T0.plus(Limits.DEFAULT.claimTtl());

    assertThat(driver.drive(KEY)).contains(Limits.DEFAULT.claimTtl());
    assertThat(dryRuns).isEqualTo(1);
    assertThat(writes).as("that it waits for its pod is said").isEqualTo(1);
  }
}
