/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.luigioperator.api.Parameter;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The cached PipelineRuns that the operator created, by schedule and client. */
class CreatedRunsTest {

  private static final ScheduleKey NIGHTLY = new ScheduleKey("data", "nightly");

  private final ClusterView view = new ClusterView(Clock.systemUTC());
  private int version;

  private PipelineRun run(String name, String schedule, String client) {
    PipelineRun run =
        CustomResources.manifest(
            new io.luigioperator.run.RunKey("data", name), spec(schedule, client, 1));
    run.getMetadata().setUid("uid-" + name);
    return newer(run);
  }

  private static PipelineRunSpec spec(String schedule, String client, int characters) {
    return new PipelineRunSpec(
        new ScheduleRef(schedule),
        null,
        client,
        "2026-03-01",
        List.of(new Parameter("p", "x".repeat(characters))),
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null);
  }

  private PipelineRun newer(PipelineRun run) {
    run.getMetadata().setResourceVersion(String.valueOf(++version));
    run.getMetadata().setGeneration(1L);
    return run;
  }

  private List<String> created(String client) {
    return view.createdRuns(NIGHTLY, client).stream().map(RunObject::uid).sorted().toList();
  }

  @Test
  void theyAreFoundByScheduleAndClient() {
    view.update(run("a1", "nightly", "acme"));
    view.update(run("a2", "nightly", "acme"));
    view.update(run("g1", "nightly", "globex"));
    view.update(run("w1", "weekly", "acme"));

    assertThat(created("acme")).containsExactly("uid-a1", "uid-a2");
    assertThat(created("globex")).containsExactly("uid-g1");
    assertThat(created("initech")).isEmpty();
    assertThat(view.createdRuns(new ScheduleKey("other", "nightly"), "acme")).isEmpty();
  }

  @Test
  void thoseOfUsersAreLeftOut() {
    PipelineRun ofUser = run("u", "nightly", "acme");
    ofUser.getMetadata().setLabels(Map.of(Labels.SCHEDULE, "nightly"));
    view.update(ofUser);
    view.update(run("a", "nightly", "acme"));
    assertThat(created("acme")).containsExactly("uid-a");

    PipelineRun adopted = run("a", "nightly", "acme");
    adopted.getMetadata().setLabels(Map.of());
    view.update(adopted);
    assertThat(created("acme")).as("a user has removed the label").isEmpty();
  }

  @Test
  void aDeletedOneIsNotFoundAnyMore() {
    PipelineRun run = run("a", "nightly", "acme");
    view.update(run);
    view.remove(newer(run));
    assertThat(created("acme")).isEmpty();
  }

  /** The watch of a kind may report the deletion of the old object late. */
  @Test
  void anotherObjectOfTheNameTakesItsPlace() {
    PipelineRun old = run("a", "nightly", "acme");
    view.update(old);
    PipelineRun anew = run("a", "nightly", "globex");
    anew.getMetadata().setUid("uid-new");
    view.update(anew);
    view.remove(old);

    assertThat(created("acme")).isEmpty();
    assertThat(created("globex")).containsExactly("uid-new");
  }

  @Test
  void aLargeOneIsFoundToo() {
    PipelineRun large = run("a", "nightly", "acme");
    large.setSpec(spec("nightly", "acme", ClusterView.KEPT_RUN));
    view.update(large);
    assertThat(view.createdRuns(NIGHTLY, "acme"))
        .singleElement()
        .matches(run -> run.parsedSpec().isOmitted());
    PipelineRun afterwards = newer(large);
    afterwards.setMetadata(
        new ObjectMetaBuilder(large.getMetadata()).addToAnnotations("a", "b").build());
    view.update(afterwards);
    assertThat(created("acme")).containsExactly("uid-a");
  }
}
