/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.manifest;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.run.ClientEntry;
import io.luigioperator.run.ClientList;
import io.luigioperator.run.ClientSource;
import io.luigioperator.run.ScheduleClients;
import io.luigioperator.run.Sha256;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.events.Event;
import org.yaml.snakeyaml.parser.ParserImpl;
import org.yaml.snakeyaml.reader.StreamReader;

/**
 * Reads the list of clients in a ConfigMap, strictly and entry by entry: an entry that does not
 * satisfy the schema of {@code spec.clients} does not affect the others.
 *
 * <p>Anybody who may write the ConfigMap chooses the text. Only one entry at a time is in memory as
 * a tree, of bounded size and depth, and aliases are refused.
 */
public final class ClientListReader {

  /** The key of the ConfigMap that has the list. */
  public static final String KEY = "clients.yaml";

  /** The API server stores no larger ConfigMap. */
  private static final int MAX_BYTES = 1024 * 1024;

  /** The most characters of an error that are shown; it may contain the value. */
  private static final int SHOWN = 300;

  private static final ObjectMapper JSON =
      JsonMapper.builder().addModule(new JavaTimeModule()).build();

  /** The text cannot be read as a whole; why. */
  private static final class Unusable extends Exception {
    private static final long serialVersionUID = 1L;

    Unusable(String why) {
      super(why);
    }
  }

  private final String configMap;
  private final Map<String, ClientEntry> entries = new LinkedHashMap<>();
  private final Map<String, Integer> numbers = new HashMap<>();
  private final List<String> unnamed = new ArrayList<>();
  private final List<String> repeated = new ArrayList<>();

  private ClientListReader(String configMap) {
    this.configMap = configMap;
  }

  /**
   * @param before what was known of the ConfigMap
   * @param text of its key {@link #KEY}; empty if it has none
   * @return what is known now; the list is the one from before if the text cannot be read as a
   *     whole
   */
  public static ClientSource read(ClientSource before, Optional<String> text) {
    if (text.isEmpty()) {
      return before.unusable("has no key " + KEY + "; add it, with a list of clients");
    }
    try {
      return before.listing(new ClientListReader(before.configMap()).list(text.get()));
    } catch (Unusable e) {
      return before.unusable(
          "cannot be read: %s; correct its key %s".formatted(e.getMessage(), KEY));
    }
  }

  private ClientList list(String text) throws Unusable {
    if (text.length() > MAX_BYTES || text.getBytes(UTF_8).length > MAX_BYTES) {
      throw new Unusable("it is larger than 1 MiB");
    }
    try {
      LoaderOptions options = new LoaderOptions();
      options.setCodePointLimit(MAX_BYTES);
      document(new ParserImpl(new StreamReader(text), options));
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      throw new Unusable("line %d is not valid YAML: %s".formatted(line, shown(e.getProblem())));
    } catch (RuntimeException e) { // some texts make the library fail with other ones than its own
      throw new Unusable("it is not valid YAML: " + shown(String.valueOf(e.getMessage())));
    }
    return new ClientList(Sha256.hex(text), entries, unnamed, repeated);
  }

  private void document(ParserImpl parser) throws Unusable {
    parser.getEvent(); // begin of the stream
    if (parser.checkEvent(Event.ID.StreamEnd)) {
      throw new Unusable("it is empty; write [] if there is no client");
    }
    parser.getEvent(); // begin of the document
    if (!parser.checkEvent(Event.ID.SequenceStart)) {
      throw new Unusable("it must be a list of clients, such as \"- id: acme\"");
    }
    parser.getEvent();
    for (int number = 1; !parser.checkEvent(Event.ID.SequenceEnd); number++) {
      if (number > ScheduleClients.MAX) {
        throw new Unusable("it has more than %d entries".formatted(ScheduleClients.MAX));
      }
      EntryEvents events = EntryEvents.next(parser);
      if (events.isTooDeep()) {
        throw new Unusable(
            "line %d is nested deeper than %d levels"
                .formatted(events.line(), EntryEvents.MAX_DEPTH));
      }
      entry(number, events);
    }
    parser.getEvent(); // end of the list
    parser.getEvent(); // end of the document
    if (!parser.checkEvent(Event.ID.StreamEnd)) {
      throw new Unusable("it has more than one document");
    }
  }

  private void entry(int number, EntryEvents events) {
    String place = "entry %d (line %d) of ConfigMap %s".formatted(number, events.line(), configMap);
    if (events.problem().isPresent() && events.isCut()) {
      unnamed.add(invalid(place, events.problem().get()));
      return;
    }
    Problems problems = new Problems();
    YamlDocument entry = YamlReader.read(events.compose(), problems);
    events.problem().ifPresent(problem -> problems.add(events.line(), problem));
    if (entry.content().isNull()) {
      problems.add(events.line(), "it is empty");
    }
    ScheduleSchema.checkClient(entry, problems);
    Optional<ScheduleClient> client = Optional.empty();
    if (problems.size() == 0) {
      try {
        client = Optional.of(JSON.treeToValue(entry.content(), ScheduleClient.class));
      } catch (JsonProcessingException e) {
        problems.add(events.line(), e.getOriginalMessage());
      }
    }
    JsonNode id = entry.content().path("id");
    if (!id.isTextual() || problems.all().stream().anyMatch(p -> p.field().equals("id"))) {
      unnamed.add(invalid(place, first(problems)));
    } else if (numbers.putIfAbsent(id.asText(), number) != null) {
      repeated.add(
          "%s repeats client %s of entry %d, which applies; remove one of them"
              .formatted(place, id.asText(), numbers.get(id.asText())));
    } else {
      entries.put(
          id.asText(),
          client
              .<ClientEntry>map(ClientEntry.Valid::new)
              .orElseGet(
                  () ->
                      new ClientEntry.Invalid(
                          "no run is created for client %s: %s"
                              .formatted(id.asText(), invalid(place, first(problems))))));
    }
  }

  private static String first(Problems problems) {
    Problems.Problem first = problems.all().getFirst();
    return (first.field().isEmpty() ? "" : first.field() + ": ") + first.message();
  }

  private static String invalid(String place, String problem) {
    return "%s is invalid: %s; correct it in the key %s".formatted(place, shown(problem), KEY);
  }

  private static String shown(String text) {
    String line = text.replaceAll("\\s+", " ").strip();
    if (line.length() <= SHOWN) {
      return line;
    }
    int end = Character.isHighSurrogate(line.charAt(SHOWN - 1)) ? SHOWN - 1 : SHOWN;
    return line.substring(0, end) + "...";
  }
}
