/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.BackfillOrder;
import io.luigioperator.api.DateUnit;
import io.luigioperator.schedule.BackfillCursor.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class BackfillCursorTest {

  private static final BackfillDates DATES =
      BackfillDates.of(
          BackfillDatesTest.backfill("2026-01-01", "2026-01-03", BackfillOrder.NewestFirst),
          DateUnit.Day);

  private static List<String> rest(List<String> clients, String date, String client) {
    return rest(new BackfillCursor(DATES, clients, Optional.of(new Position(date, client))));
  }

  private static List<String> rest(BackfillCursor cursor) {
    List<String> rest = new ArrayList<>();
    while (cursor.hasNext()) {
      assertThat(cursor.peek()).isEqualTo(cursor.peek());
      Position next = cursor.next();
      rest.add(next.date().substring(8) + next.client());
    }
    assertThat(cursor.remaining()).isZero();
    return rest;
  }

  @Test
  void givesEachDateToAllClientsBeforeTheNextDate() {
    assertThat(rest(new BackfillCursor(DATES, List.of("a", "b"), Optional.empty())))
        .containsExactly("03a", "03b", "02a", "02b", "01a", "01b");
  }

  @Test
  void goesOnAfterAnyPosition() {
    assertThat(rest(List.of("a", "b"), "2026-01-03", "a"))
        .containsExactly("03b", "02a", "02b", "01a", "01b");
    assertThat(rest(List.of("a", "b"), "2026-01-03", "b"))
        .containsExactly("02a", "02b", "01a", "01b");
    assertThat(rest(List.of("a", "b"), "2026-01-01", "b")).isEmpty();
  }

  @Test
  void goesOnWithOtherClients() {
    assertThat(rest(List.of("a", "c"), "2026-01-02", "b")).containsExactly("02c", "01a", "01c");
    assertThat(rest(List.of("a"), "2026-01-02", "b")).containsExactly("01a");
    assertThat(rest(List.of(), "2026-01-02", "b")).isEmpty();
  }

  @Test
  void knowsHowManyAreLeft() {
    BackfillCursor cursor =
        new BackfillCursor(
            DATES, List.of("a", "b", "c"), Optional.of(new Position("2026-01-03", "b")));
    assertThat(cursor.remaining()).isEqualTo(7);
    cursor.next();
    assertThat(cursor.remaining()).isEqualTo(6);
  }
}
