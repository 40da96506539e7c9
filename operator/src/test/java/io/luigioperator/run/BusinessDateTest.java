/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BusinessDateTest {

  @ParameterizedTest
  @ValueSource(
      strings = {"2013-01", "2013-01-15", "2012-02-29", "2013-01-15T07", "2013-01-15T2359"})
  void acceptsDatesOfTheCalendar(String date) {
    assertThat(BusinessDate.exists(date)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"2013-13", "2013-02-29", "2013-1-5", "2013-01-15T24", "2013-01-15T2360", "", "x"})
  void refusesOtherDates(String date) {
    assertThat(BusinessDate.exists(date)).isFalse();
  }
}
