/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.luigioperator.run.ClientSource;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is kept of the ConfigMaps that a watch reports, and what is read again. */
class ClientListsTest {

  private static final String NAMESPACE = "flights";

  /** Enough for about ten lists of one client. */
  private static final long SMALL = 14_000;

  /** What the API server has stored, by name. */
  private final Map<String, ConfigMap> stored = new HashMap<>();

  private final List<String> reads = new ArrayList<>();
  private final ClientLists lists = new ClientLists(this::live, SMALL);
  private Runnable duringRead = () -> {};

  private Optional<ConfigMap> live(RunKey key) {
    reads.add(key.name());
    Optional<ConfigMap> found = Optional.ofNullable(stored.get(key.name()));
    duringRead.run();
    return found;
  }

  private static ConfigMap configMap(String name, int version, String text) {
    return new ConfigMapBuilder()
        .withNewMetadata()
        .withNamespace(NAMESPACE)
        .withName(name)
        .withUid("uid-" + name)
        .withResourceVersion("" + version)
        .addToLabels("luigi-operator.io/clients", "true")
        .endMetadata()
        .addToData("clients.yaml", text)
        .addToData("other", "x")
        .build();
  }

  /** The watch reports what is stored. */
  private boolean write(String name, int version, String text) {
    stored.put(name, configMap(name, version, text));
    return lists.update(stored.get(name));
  }

  private ClientSource source(String name) {
    ScheduleObject schedule =
        new ScheduleObject(
            new ScheduleKey(NAMESPACE, "s"),
            "uid",
            Instant.EPOCH,
            1,
            new ParsedSpec.Omitted<>(Optional.empty()),
            Optional.empty(),
            List.of(ClientSource.unknown(name)));
    return lists.fill(schedule).sources().getFirst();
  }

  private Set<String> clients(String name) {
    return source(name).list().map(list -> list.entries().keySet()).orElse(Set.of("unknown"));
  }

  @Test
  void aListFollowsItsConfigMap() {
    assertThat(source("eu")).isEqualTo(ClientSource.unknown("eu"));
    assertThat(write("eu", 1, "- id: acme")).isTrue();
    assertThat(clients("eu")).containsExactly("acme");
    assertThat(write("eu", 2, "- id: globex")).isTrue();
    assertThat(clients("eu")).containsExactly("globex");
    assertThat(reads).as("all from the watch").isEmpty();
  }

  @Test
  void anotherChangeOfTheConfigMapIsNone() {
    write("eu", 1, "- id: acme");
    ConfigMap relabelled = configMap("eu", 2, "- id: acme");
    relabelled.getMetadata().getLabels().put("team", "flights");
    relabelled.getData().put("other", "y");
    assertThat(lists.update(relabelled)).isFalse();
  }

  @Test
  void theLastListRemainsWhileTheConfigMapIsUnreadableOrMissing() {
    write("eu", 1, "- id: acme");
    assertThat(write("eu", 2, "- id: [")).isTrue();
    assertThat(clients("eu")).containsExactly("acme");
    assertThat(source("eu").problem().orElseThrow()).startsWith("cannot be read");
    assertThat(lists.remove(configMap("eu", 3, ""))).isTrue();
    assertThat(clients("eu")).containsExactly("acme");
    assertThat(source("eu").problem().orElseThrow()).startsWith("does not exist");
    write("eu", 4, "- id: acme");
    assertThat(source("eu").problem()).isEmpty();
  }

  @Test
  void aConfigMapWithoutTheKeySaysSo() {
    ConfigMap without = configMap("eu", 1, "");
    without.setData(null);
    assertThat(lists.update(without)).isTrue();
    assertThat(source("eu").problem().orElseThrow()).startsWith("has no key clients.yaml");
  }

  /** After a broken watch, the new object may be reported before the end of the old one. */
  @Test
  void theDeletionOfAnEarlierConfigMapOfTheNameIsIgnored() {
    write("eu", 1, "- id: acme");
    ConfigMap again = configMap("eu", 2, "- id: globex");
    again.getMetadata().setUid("another");
    lists.update(again);
    assertThat(lists.remove(configMap("eu", 1, ""))).isFalse();
    assertThat(source("eu").problem()).isEmpty();
  }

  // ---- more than is kept

  private void writeMany() {
    for (int i = 0; i < 30; i++) {
      write("m" + i, 1, "- id: c" + i);
    }
  }

  @Test
  void whatDoesNotFitIsReadWhenItIsUsed() {
    writeMany();
    for (int i = 0; i < 30; i++) {
      assertThat(clients("m" + i)).containsExactly("c" + i);
    }
    assertThat(reads).hasSizeBetween(20, 30);
    reads.clear();
    clients("m29");
    clients("m28");
    assertThat(reads).as("used last").isEmpty();
  }

  @Test
  void ofWhatWasDroppedAChangeIsNoticedAndNothingElse() {
    writeMany();
    assertThat(lists.update(configMap("m0", 2, "- id: c0"))).isFalse();
    assertThat(lists.update(configMap("m0", 3, "- id: new"))).isTrue();
    assertThat(clients("m0")).containsExactly("new");
    assertThat(reads).isEmpty();
  }

  @Test
  void aDroppedListThatWasDeletedIsMissing() {
    writeMany();
    stored.remove("m0");
    assertThat(source("m0")).as("before the event").isEqualTo(ClientSource.unknown("m0"));
    assertThat(lists.remove(configMap("m0", 2, ""))).isTrue();
    assertThat(source("m0")).isEqualTo(ClientSource.unknown("m0"));
    assertThat(reads).containsExactly("m0");
  }

  @Test
  void aDroppedListWithoutItsLabelIsMissing() {
    writeMany();
    stored.get("m0").getMetadata().setLabels(null);
    assertThat(source("m0")).isEqualTo(ClientSource.unknown("m0"));
  }

  /** Otherwise the older text would apply until the next change. */
  @Test
  void aReadThatTheWatchOvertakesIsNotKept() {
    writeMany();
    duringRead = () -> lists.update(configMap("m0", 2, "- id: new"));
    clients("m0");
    duringRead = () -> {};
    assertThat(clients("m0")).containsExactly("new");
  }

  /** The watch reports it later, and the schedule must be applied then. */
  @Test
  void aReadThatIsAheadOfTheWatchDoesNotHideTheChange() {
    writeMany();
    stored.put("m0", configMap("m0", 2, "- id: new"));
    assertThat(clients("m0")).containsExactly("new");
    assertThat(lists.update(stored.get("m0"))).isTrue();
  }

  @Test
  void deletedConfigMapsAreKeptUpToTheBound() {
    writeMany();
    for (int i = 0; i < 30; i++) {
      lists.remove(configMap("m" + i, 2, ""));
    }
    long known = 0;
    for (int i = 0; i < 30; i++) {
      known += source("m" + i).list().isPresent() ? 1 : 0;
    }
    assertThat(known).isBetween(5L, 15L);
  }
}
