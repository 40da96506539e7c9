/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * Goes through the dates of a backfill, and through all clients for each date, so that all clients
 * proceed alike. Where it is can be stored and taken up again, also with other clients: a client
 * that was added gets the dates from the present one on.
 */
public final class BackfillCursor implements Iterator<BackfillCursor.Position> {

  /** A business date of a client. */
  public record Position(String date, String client) {}

  private final BackfillDates dates;
  private final List<String> clients;
  private long date;
  private int client;

  /**
   * @param clients ids in ascending order
   * @param after what was processed last; empty at the begin
   */
  public BackfillCursor(BackfillDates dates, List<String> clients, Optional<Position> after) {
    this.dates = dates;
    this.clients = List.copyOf(clients);
    after.ifPresent(
        last -> {
          int found = Collections.binarySearch(this.clients, last.client());
          date = dates.indexOf(last.date());
          client = found < 0 ? -found - 1 : found + 1;
        });
    nextDateIfNeeded();
  }

  /** How many positions are left. */
  public long remaining() {
    return hasNext() ? (dates.count() - date) * clients.size() - client : 0;
  }

  @Override
  public boolean hasNext() {
    return !clients.isEmpty() && date < dates.count();
  }

  /** The next position, without going on. */
  public Position peek() {
    if (!hasNext()) {
      throw new NoSuchElementException("the backfill has no more dates");
    }
    return new Position(dates.at(date), clients.get(client));
  }

  @Override
  public Position next() {
    Position next = peek();
    client++;
    nextDateIfNeeded();
    return next;
  }

  private void nextDateIfNeeded() {
    if (client >= clients.size()) {
      client = 0;
      date++;
    }
  }
}
