/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.ScheduleClient;

/** What a list of clients says about one client. */
public sealed interface ClientEntry {

  record Valid(ScheduleClient client) implements ClientEntry {}

  /**
   * @param why for people, with the place of the entry and what to do
   */
  record Invalid(String why) implements ClientEntry {}
}
