/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.SnapshotBuilder.KEY;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.run.Resolver.Resolution;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a run inherits, what it may set, and the message when it may not. */
class ResolverTest {

  private static final String NIGHTLY =
      """
      pipeline:
        image: flights:1
        task: {module: flights.pipeline, family: CarrierReport}
        clientParameter: carrier
        parameters: [{name: min_delay, value: "15"}, {name: unit, value: min}]
        allow: {parameters: [min_delay], clientParameters: [unit, region]}
      clients:
      - {id: UA, parameters: [{name: unit, value: s}, {name: region, value: us}]}
      - {id: DL}
      """;

  private static final String RUN = "{scheduleRef: {name: nightly}, client: UA, date: '2013-01-15'";

  @Test
  void parametersComeFromPipelineClientAndRunInRisingPrecedence() {
    Resolution r = resolve(RUN + ", parameters: [{name: min_delay, value: '30'}]}");

    assertThat(((Resolution.Resolved) r).request().parameters())
        .containsExactly(
            Map.entry("carrier", "UA"),
            Map.entry("date", "2013-01-15"),
            Map.entry("min_delay", "30"),
            Map.entry("region", "us"),
            Map.entry("unit", "s"));
  }

  @Test
  void runsOfAClientAndMutexGroupShareAKey() {
    NewRun run = ((Resolution.Resolved) resolve(RUN + "}")).run();

    assertThat(run.mutexKey().value()).isEqualTo("flights/UA/default");
    assertThat(run.schedule()).isEqualTo("nightly");
    assertThat(run.maxAttempts()).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource({
    // of the run, of the schedule (absent: a pipeline of its own), resolved
    "    ,       , Normal",
    "High,       , High",
    "    , Normal, Normal",
    "    , Low,    Low",
    "    , High,   High",
    "Normal, High, Normal",
    "Low, Critical, Low",
    "Critical, Low, Critical",
  })
  void priorityComesFromTheRunThenTheScheduleThenNormal(
      @Nullable Priority ofRun, @Nullable Priority ofSchedule, Priority resolved) {
    RunObject object = object(ofRun, ofSchedule != null, 1);
    Optional<ScheduleObject> schedule = Optional.ofNullable(ofSchedule).map(p -> schedule(p, 3));

    Resolution.Resolved r = (Resolution.Resolved) Resolver.resolve(object, schedule);

    assertThat(r.run().priority()).isEqualTo(resolved);
    Request stored = RequestJson.read(r.run().request());
    assertThat(Resolver.desired(object, stored).priority()).isEqualTo(resolved);
    assertThat(stored.asked().priority()).isEqualTo(ofRun);
  }

  @Test
  void removedPriorityFallsBackToTheScheduleAtAcceptance() {
    Resolution r = Resolver.resolve(object(Priority.Low, true, 1), of(Priority.High));
    Request stored = RequestJson.read(((Resolution.Resolved) r).run().request());

    assertThat(Resolver.desired(object(null, true, 2), stored).priority()).isEqualTo(Priority.High);
    assertThat(Resolver.desired(object(Priority.Critical, true, 3), stored).priority())
        .isEqualTo(Priority.Critical);
  }

  @Test
  void storedRequestWithoutADefaultPriorityMeansNormal() {
    Resolution r = Resolver.resolve(object(null, true, 1), of(Priority.High));
    String json = ((Resolution.Resolved) r).run().request();
    String without = json.replace("\"defaultPriority\":\"High\",", "");

    assertThat(without).isNotEqualTo(json);
    assertThat(RequestJson.read(without).defaultPriority()).isEqualTo(Priority.Normal);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{scheduleRef: {name: other}, client: UA, date: '2013-01-15'} | ScheduleNotFound | true | once you create it",
        "{scheduleRef: {name: nightly}, client: AA, date: '2013-01-15'} | ClientNotAllowed | true | unlistedClients",
        "{scheduleRef: {name: nightly}, client: UA, date: '2013-01-15', parameters: [{name: unit, value: h}]} | ParameterNotAllowed | true | allow.parameters",
        "{scheduleRef: {name: nightly}, client: UA, date: '2013-02-30'} | InvalidDate | false | not exist in the calendar",
        "{scheduleRef: {name: nightly}, client: UA} | InvalidDate | false | dateParameter",
      })
  void refusalSaysWhatToDo(String spec, String reason, boolean fixable, String message) {
    Resolution.Refused refused = (Resolution.Refused) resolve(spec);

    assertThat(refused.reason()).isEqualTo(reason);
    assertThat(refused.fixable()).isEqualTo(fixable);
    assertThat(refused.message()).contains(message);
  }

  /**
   * Whoever may change the schedule may change its clients, but only a user with the right to
   * create pods may change its pipeline, and with it the names that clients may set.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}                                                | min_delay",
        "{parameters: [min_delay]}                         | unit",
        "{parameters: [min_delay], clientParameters: [unit]} | region",
        "{parameters: [min_delay, unit, region]}           |",
        "{clientParameters: [min_delay, unit, region]}     |",
      })
  void parametersOfClientsMustBeAllowedByThePipeline(String allow, @Nullable String refused) {
    String schedule =
        NIGHTLY
            .replace("{parameters: [min_delay], clientParameters: [unit, region]}", allow)
            .replace(
                "[{name: unit, value: s}",
                "[{name: min_delay, value: '9'}, {name: unit, value: s}");
    Resolution r = resolve(RUN + "}", schedule);

    if (refused == null) {
      assertThat(r).isInstanceOf(Resolution.Resolved.class);
      return;
    }
    assertThat(((Resolution.Refused) r).reason()).isEqualTo("ParameterNotAllowed");
    assertThat(((Resolution.Refused) r).fixable()).isTrue();
    assertThat(((Resolution.Refused) r).message())
        .contains("PipelineSchedule nightly", "client UA", refused, "allow.clientParameters");
  }

  @Test
  void runsMayNotSetParametersThatOnlyClientsMaySet() {
    Resolution r = resolve(RUN + ", parameters: [{name: unit, value: h}]}");

    assertThat(((Resolution.Refused) r).reason()).isEqualTo("ParameterNotAllowed");
  }

  // ---- limits of the schedule

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "priorities: [Normal, Low] | priority: Critical             | Critical",
        "maxAttempts: 5            | maxAttempts: 6                 | allow.maxAttempts 5",
        "activeSeconds: 20000      | activeDeadlineSeconds: 20001   | allow.activeSeconds 20000",
        "maxAttempts: 5            | activeDeadlineSeconds: 14401   | timeouts.activeSeconds 14400",
      })
  void fieldsBeyondTheLimitsOfTheScheduleAreRefused(String allow, String field, String message) {
    Resolution r = resolve(RUN + ", " + field + "}", limited(allow));

    assertThat(((Resolution.Refused) r).reason()).isEqualTo("LimitExceeded");
    assertThat(((Resolution.Refused) r).fixable()).isTrue();
    assertThat(((Resolution.Refused) r).message()).contains("PipelineSchedule nightly", message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "priorities: [Normal, Low] | priority: Low",
        "maxAttempts: 5            | maxAttempts: 5",
        "activeSeconds: 20000      | activeDeadlineSeconds: 20000",
        "maxAttempts: 5            | activeDeadlineSeconds: 14400",
        "activeSeconds: 60         | client: UA",
        "priorities: [Low]         | client: UA",
        "maxAttempts: 1            | client: UA",
        "unlistedClients: false    | priority: Critical",
        "unlistedClients: false    | maxAttempts: 100",
      })
  void fieldsWithinTheLimitsAndInheritedOnesAreAccepted(String allow, String field) {
    String run = field.startsWith("client") ? RUN : RUN + ", " + field;

    assertThat(resolve(run + "}", limited(allow))).isInstanceOf(Resolution.Resolved.class);
  }

  @Test
  void limitsDoNotApplyToAnInlinePipeline() {
    Resolution r =
        resolve(
            "{pipeline: {image: i, task: {module: m, family: F}, allow: {priorities: [Low],"
                + " maxAttempts: 1, activeSeconds: 1}}, client: UA, date: '2013-01-15', priority:"
                + " Critical, maxAttempts: 9, activeDeadlineSeconds: 99999}");

    NewRun run = ((Resolution.Resolved) r).run();
    assertThat(run.priority()).isEqualTo(Priority.Critical);
    assertThat(run.maxAttempts()).isEqualTo(9);
  }

  /** The limits are those of the stored request, because the run is accepted already. */
  @Test
  void laterChangesTakeEffectUpToTheLimits() {
    String allow = "priorities: [Normal, Low], maxAttempts: 5, activeSeconds: 20000";
    Request stored = ((Resolution.Resolved) resolve(RUN + "}", limited(allow))).request();
    RunObject changed =
        SnapshotBuilder.object(
            spec(RUN + ", priority: Critical, maxAttempts: 50, activeDeadlineSeconds: 86400}"),
            "uid-1",
            2);

    Amendment amendment = Resolver.desired(changed, stored);

    assertThat(amendment.priority()).isEqualTo(Priority.Normal);
    assertThat(amendment.maxAttempts()).isEqualTo(5);
    assertThat(RunLimits.of(stored).activeSeconds(changed.spec())).hasValue(20000);
    assertThat(RunLimits.of(stored).exceeded(changed.spec()))
        .containsExactly(
            "spec.priority Critical is not in allow.priorities [Normal, Low]",
            "spec.maxAttempts 50 is more than allow.maxAttempts 5",
            "spec.activeDeadlineSeconds 86400 is more than allow.activeSeconds 20000");
  }

  @Test
  void theConditionAcceptedNamesWhatIsNotApplied() {
    PipelineScheduleSpec limited =
        read(limited("priorities: [Normal, Low]"), PipelineScheduleSpec.class);
    RunObject changed = SnapshotBuilder.object(spec(RUN + ", priority: High}"), "uid-1", 2);
    RunSnapshot s =
        SnapshotBuilder.ready()
            .accepted(
                SnapshotBuilder.object(spec(RUN + "}"), "uid-1", 1),
                ScheduleFixture.schedule(KEY.namespace(), "nightly", 3, limited))
            .object(changed)
            .snapshot();

    assertThat(
            StatusFields.conditions(s, changed, s.row().orElseThrow(), SnapshotBuilder.T0).list())
        .singleElement()
        .satisfies(
            c ->
                assertThat(c.getMessage())
                    .contains(
                        "not applied, because of the limits of the schedule",
                        "spec.priority High is not in allow.priorities [Normal, Low]"));
  }

  private static String limited(String allow) {
    return NIGHTLY.replace("allow: {", "allow: {" + allow + ", ");
  }

  @Test
  void refusesAParameterThatTheDateSets() {
    Resolution r =
        resolve(
            "{pipeline: {image: i, task: {module: m, family: F}, parameters: [{name: date, value:"
                + " x}]}, client: UA, date: '2013-01-15'}");

    assertThat(((Resolution.Refused) r).message()).contains("parameter date is set from spec.date");
    // an inline pipeline cannot be changed
    assertThat(((Resolution.Refused) r).fixable()).isFalse();
  }

  @Test
  void refusesATooLargeRequestPermanently() {
    String big = "x".repeat(4096);
    StringBuilder parameters = new StringBuilder();
    for (int i = 0; i < 60; i++) {
      parameters.append("{name: p%d, value: %s}, ".formatted(i, big));
    }
    Resolution r =
        resolve(
            "{pipeline: {image: i, task: {module: m, family: F}, dateParameter: '', parameters: ["
                + parameters
                + "]}, client: UA}");

    assertThat(((Resolution.Refused) r).reason()).isEqualTo("RequestTooLarge");
    assertThat(((Resolution.Refused) r).fixable()).isFalse();
  }

  @Test
  void storedRequestIsReadAsWritten() {
    Request request = ((Resolution.Resolved) resolve(RUN + "}")).request();

    assertThat(RequestJson.read(RequestJson.write(request))).isEqualTo(request);
  }

  private static Resolution resolve(String run) {
    return resolve(run, NIGHTLY);
  }

  private static Resolution resolve(String run, String schedule) {
    PipelineScheduleSpec spec = read(schedule, PipelineScheduleSpec.class);
    return Resolver.resolve(
        SnapshotBuilder.object(spec(run), "uid-1", 1),
        Optional.of(ScheduleFixture.schedule(KEY.namespace(), "nightly", 3, spec))
            .filter(s -> !run.contains("other")));
  }

  private static RunObject object(@Nullable Priority p, boolean byReference, long generation) {
    String inline =
        "{pipeline: {image: i, task: {module: m, family: F}}, client: UA, date: '2013-01-15'";
    String priority = p == null ? "}" : ", priority: " + p + "}";
    return SnapshotBuilder.object(
        spec((byReference ? RUN : inline) + priority), "uid-1", generation);
  }

  private static Optional<ScheduleObject> of(Priority p) {
    return Optional.of(schedule(p, 3));
  }

  private static ScheduleObject schedule(Priority p, long generation) {
    PipelineScheduleSpec s = schedule();
    return ScheduleFixture.schedule(
        KEY.namespace(), "nightly", generation, ScheduleFixture.spec(s.pipeline(), p, s.clients()));
  }

  private static PipelineRunSpec spec(String yaml) {
    return read(yaml, PipelineRunSpec.class);
  }

  private static PipelineScheduleSpec schedule() {
    return read(NIGHTLY, PipelineScheduleSpec.class);
  }

  private static <T> T read(String yaml, Class<T> type) {
    try {
      return new YAMLMapper().registerModule(new JavaTimeModule()).readValue(yaml, type);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(yaml, e);
    }
  }
}
