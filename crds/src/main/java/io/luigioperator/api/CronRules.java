/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Rules of the schema for crons and time zones, which a schedule and its clients share. */
final class CronRules {
  private CronRules() {}

  static final String CRONS =
      "self.all(cron, cron.matches('^(@(hourly|daily|weekly|monthly)|[0-9A-Za-z*/,-]+( +[0-9A-Za-z*/,-]+){4})$'))";

  static final String CRONS_MESSAGE =
      "Each cron must have five fields (minute, hour, day of month, month, day of week), such as \"0 2 * * *\", or be @hourly, @daily, @weekly or @monthly. Set the time zone in timeZone.";

  static final String ZONE =
      "self != 'Local' && self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$')";

  static final String ZONE_MESSAGE =
      "timeZone must be the name of a time zone of the tz database, such as Europe/Berlin or Etc/UTC.";
}
