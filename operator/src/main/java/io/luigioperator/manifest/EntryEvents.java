/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.manifest;

import java.util.ArrayDeque;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.DumperOptions.ScalarStyle;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.composer.Composer;
import org.yaml.snakeyaml.error.Mark;
import org.yaml.snakeyaml.events.AliasEvent;
import org.yaml.snakeyaml.events.DocumentEndEvent;
import org.yaml.snakeyaml.events.DocumentStartEvent;
import org.yaml.snakeyaml.events.Event;
import org.yaml.snakeyaml.events.ImplicitTuple;
import org.yaml.snakeyaml.events.ScalarEvent;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.parser.Parser;
import org.yaml.snakeyaml.resolver.Resolver;

/** The events of one element of a list in YAML, up to a bound, as a document of its own. */
final class EntryEvents implements Parser {

  /** A client has four levels. */
  static final int MAX_DEPTH = 10;

  /** Events of one entry; the largest client has less than 100. */
  private static final int MAX_EVENTS = 1_000;

  /** Characters of one value; the longest one of a client has 4096. */
  private static final int MAX_VALUE = 10_000;

  private final Queue<Event> events = new ArrayDeque<>();
  private final Mark start;
  private Optional<String> problem = Optional.empty();
  private boolean tooDeep;
  private boolean cut;

  private EntryEvents(Mark start) {
    this.start = start;
  }

  /** Takes the events of the next element from the parser, all of them unless it is too deep. */
  static EntryEvents next(Parser parser) {
    EntryEvents entry = new EntryEvents(parser.peekEvent().getStartMark());
    entry.events.add(new DocumentStartEvent(entry.start, entry.start, false, null, Map.of()));
    int depth = 0;
    do {
      Event event = parser.getEvent();
      switch (event.getEventId()) {
        case SequenceStart, MappingStart -> depth++;
        case SequenceEnd, MappingEnd -> depth--;
        default -> {}
      }
      entry.tooDeep = depth > MAX_DEPTH;
      entry.add(event);
    } while (depth > 0 && !entry.tooDeep);
    entry.events.add(new DocumentEndEvent(entry.start, entry.start, false));
    return entry;
  }

  private void add(Event event) {
    if (cut) {
      return;
    }
    switch (event) {
      case AliasEvent alias -> {
        found("the alias *%s is not allowed; write the value itself".formatted(alias.getAnchor()));
        events.add(nullInstead(alias));
      }
      case ScalarEvent scalar when scalar.getValue().length() > MAX_VALUE ->
          cut("a value has more than %d characters".formatted(MAX_VALUE));
      default -> events.add(event);
    }
    if (events.size() > MAX_EVENTS) {
      cut("it has more than %d values".formatted(MAX_EVENTS));
    }
  }

  private static Event nullInstead(AliasEvent alias) {
    return new ScalarEvent(
        null,
        null,
        new ImplicitTuple(true, false),
        "",
        alias.getStartMark(),
        alias.getEndMark(),
        ScalarStyle.PLAIN);
  }

  private void found(String what) {
    problem = problem.or(() -> Optional.of(what));
  }

  /** It is left out as a whole, because a part of it cannot be composed. */
  private void cut(String why) {
    found(why);
    cut = true;
    events.clear();
  }

  /** Of the beginning, from 1 on. */
  int line() {
    return start.getLine() + 1;
  }

  boolean isTooDeep() {
    return tooDeep;
  }

  /** Why it is invalid, whatever its values are. */
  Optional<String> problem() {
    return problem;
  }

  /** Whether it was too large to be kept. */
  boolean isCut() {
    return cut;
  }

  /** Can be called once, for an entry that was kept. */
  Node compose() {
    return new Composer(this, new Resolver(), new LoaderOptions()).getNode();
  }

  // ---- for the composer

  @Override
  public boolean checkEvent(Event.ID choice) {
    return !events.isEmpty() && events.element().is(choice);
  }

  @Override
  public @Nullable Event peekEvent() {
    return events.peek();
  }

  @Override
  public Event getEvent() {
    return events.remove();
  }
}
