/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.luigioperator.manifest.ClientListReader;
import io.luigioperator.run.ClientList;
import io.luigioperator.run.ClientSource;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.Sha256;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The lists of clients in the ConfigMaps that a watch reports. Of a ConfigMap only the parsed list
 * is kept, also after it was deleted or has become unreadable.
 *
 * <p>The lists that were not used for the longest time are dropped when all of them need more than
 * {@link #KEPT}, and then read from the API server when they are used: a user who fills a namespace
 * with large ConfigMaps makes the others slower, and nothing else. Thread-safe.
 */
final class ClientLists {

  private static final Logger LOG = LoggerFactory.getLogger(ClientLists.class);

  /** Heap of all lists in bytes, of about 300 MB by default. */
  private static final long KEPT = 48L * 1024 * 1024;

  /** Heap of what is kept without a list, in bytes. */
  private static final long SOURCE = 1_000;

  /** Of an existing ConfigMap with the label. */
  private record Present(String uid, long version, String hash) {}

  private record Kept(ClientSource source, long weight) {}

  private final Function<RunKey, Optional<ConfigMap>> live;
  private final long maxWeight;
  private final Map<RunKey, Present> present = new HashMap<>();
  private final Map<RunKey, Kept> kept = new LinkedHashMap<>(16, 0.75f, true);
  private long weight;

  /**
   * @param live reads a ConfigMap from the API server
   */
  ClientLists(Function<RunKey, Optional<ConfigMap>> live) {
    this(live, KEPT);
  }

  ClientLists(Function<RunKey, Optional<ConfigMap>> live, long maxWeight) {
    this.live = live;
    this.maxWeight = maxWeight;
  }

  /**
   * A watch has shown the ConfigMap.
   *
   * @return whether what is known of its list has changed
   */
  boolean update(ConfigMap configMap) {
    RunKey key = CustomResources.key(configMap.getMetadata());
    Optional<String> text = text(configMap);
    Present now =
        new Present(
            configMap.getMetadata().getUid(),
            ClusterView.version(configMap),
            text.map(Sha256::hex).orElse(""));
    ClientSource before;
    synchronized (this) {
      Present last = present.put(key, now);
      if (last != null && last.hash().equals(now.hash())) {
        return false;
      }
      before = known(key);
    }
    ClientSource after = ClientListReader.read(before, text); // takes long for a large one
    after.problem().ifPresent(problem -> warn(key, problem));
    synchronized (this) {
      keep(key, after);
    }
    return true;
  }

  private static Optional<String> text(ConfigMap configMap) {
    return Optional.ofNullable(configMap.getData())
        .flatMap(data -> Optional.ofNullable(data.get(ClientListReader.KEY)));
  }

  private static void warn(RunKey key, String problem) {
    LOG.atWarn()
        .addKeyValue("configMap", key)
        .addKeyValue("error", problem)
        .log("a list of clients cannot be read");
  }

  /**
   * It was deleted, or has lost its label.
   *
   * @return whether what is known of its list has changed
   */
  synchronized boolean remove(ConfigMap configMap) {
    RunKey key = CustomResources.key(configMap.getMetadata());
    Present last = present.get(key);
    if (last == null || !last.uid().equals(configMap.getMetadata().getUid())) {
      return false; // it was created again
    }
    present.remove(key);
    ClientSource source = known(key).missing();
    if (source.list().isPresent()) {
      keep(key, source);
    } else {
      drop(key);
    }
    return true;
  }

  /**
   * The schedule with what its ConfigMaps list now.
   *
   * @throws KubeUnavailable if one has to be read and the server does not respond
   */
  ScheduleObject fill(ScheduleObject schedule) {
    if (schedule.sources().isEmpty()) {
      return schedule;
    }
    List<ClientSource> sources = new ArrayList<>();
    for (ClientSource source : schedule.sources()) {
      sources.add(source(new RunKey(schedule.namespace(), source.configMap())));
    }
    return schedule.withSources(sources);
  }

  private ClientSource source(RunKey key) {
    synchronized (this) {
      if (kept.containsKey(key) || !present.containsKey(key)) {
        return known(key);
      }
    }
    Optional<ConfigMap> read = live.apply(key).filter(ClientLists::isSelected);
    if (read.isEmpty()) {
      return ClientSource.unknown(key.name()); // the watch will report it
    }
    ClientSource source = ClientListReader.read(ClientSource.unknown(key.name()), text(read.get()));
    synchronized (this) {
      Present last = present.get(key);
      // a watch may have shown a newer version meanwhile
      if (last != null && last.version() <= ClusterView.version(read.get())) {
        keep(key, source);
      }
    }
    return source;
  }

  private static boolean isSelected(ConfigMap configMap) {
    Map<String, String> labels = configMap.getMetadata().getLabels();
    return labels != null && "true".equals(labels.get(Labels.CLIENTS));
  }

  private ClientSource known(RunKey key) {
    Kept last = kept.get(key);
    return last == null ? ClientSource.unknown(key.name()) : last.source();
  }

  private void keep(RunKey key, ClientSource source) {
    drop(key);
    Kept now = new Kept(source, SOURCE + source.list().map(ClientList::weight).orElse(0L));
    kept.put(key, now);
    weight += now.weight();
    while (weight > maxWeight && kept.size() > 1) {
      drop(kept.keySet().iterator().next());
    }
  }

  private void drop(RunKey key) {
    Kept last = kept.remove(key);
    weight -= last == null ? 0 : last.weight();
  }
}
