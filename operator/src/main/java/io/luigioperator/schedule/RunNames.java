/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.run.Sha256;
import java.math.BigInteger;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Names of the PipelineRuns of a schedule: {@code <schedule>-<client>-<date>}, in lower case, and
 * for a backfill that runs dates again {@code <schedule>-<client>-<date>-<backfill>}. At most
 * {@link #MAX_LENGTH} characters, and DNS labels.
 *
 * <p>The name ends with a hash of its parts unless no other parts give the same name. That is the
 * case if it is short enough and:
 *
 * <ul>
 *   <li>the schedule consists of a-z, 0-9 and -,
 *   <li>the client consists of a-z and 0-9: with a - in it, schedule {@code a} and client {@code
 *       b-c} give the name of schedule {@code a-b} and client {@code c},
 *   <li>the backfill, if any, consists of a letter and up to four letters or digits, and so is
 *       neither a part of a date nor a hash.
 * </ul>
 */
public final class RunNames {

  /** Longest name; names of Jobs and pods are derived from it. */
  public static final int MAX_LENGTH = 52;

  /** Usual number of characters of the hash, each of five bits. */
  public static final int HASH_LENGTH = 6;

  /** Most characters of the hash. */
  public static final int MAX_HASH_LENGTH = 20;

  private static final Pattern SCHEDULE = Pattern.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?");
  private static final Pattern CLIENT = Pattern.compile("[a-z0-9]+");
  private static final Pattern BACKFILL = Pattern.compile("(?:[a-z][a-z0-9]{0,4})?");
  private static final Pattern DATE = Pattern.compile("\\d{4}-\\d\\d(-\\d\\d(T\\d\\d(\\d\\d)?)?)?");
  private static final Pattern OTHER = Pattern.compile("[^-a-z0-9]");

  /** Characters of a backfill that a name with a hash shows. */
  private static final int BACKFILL_SHOWN = 10;

  private static final String DIGITS = "abcdefghijklmnopqrstuvwxyz234567";

  private RunNames() {}

  /** The name of the run of a tick, or of a backfill that shares the runs of the ticks. */
  public static String of(String schedule, String client, String date) {
    return of(schedule, client, date, "");
  }

  /** The name of a run of a backfill that runs dates again. */
  public static String of(String schedule, String client, String date, String backfill) {
    String plain = plain(schedule, client, date, backfill);
    boolean unique =
        plain.length() <= MAX_LENGTH
            && SCHEDULE.matcher(schedule).matches()
            && CLIENT.matcher(client).matches()
            && BACKFILL.matcher(backfill).matches();
    return unique ? plain : hashed(schedule, client, date, backfill, HASH_LENGTH);
  }

  /** A name for a run whose usual name belongs to another run. */
  public static String of(String schedule, String client, String date, int hashLength) {
    return of(schedule, client, date, "", hashLength);
  }

  /**
   * A name for a run whose usual name belongs to another run.
   *
   * @param hashLength characters of the hash, from 8 to {@link #MAX_HASH_LENGTH}
   */
  public static String of(
      String schedule, String client, String date, String backfill, int hashLength) {
    if (hashLength < 8 || hashLength > MAX_HASH_LENGTH) {
      // seven characters could be the time of a date
      throw new IllegalArgumentException("hash of " + hashLength + " characters");
    }
    return hashed(schedule, client, date, backfill, hashLength);
  }

  private static String plain(String schedule, String client, String date, String backfill) {
    if (!DATE.matcher(date).matches()) {
      throw new IllegalArgumentException("no business date: " + date);
    }
    String name = schedule + "-" + client + "-" + date.toLowerCase(Locale.ROOT);
    return backfill.isEmpty() ? name : name + "-" + backfill;
  }

  private static String hashed(
      String schedule, String client, String date, String backfill, int hashLength) {
    String shown = backfill.substring(0, Math.min(backfill.length(), BACKFILL_SHOWN));
    String end =
        label("-" + date + (shown.isEmpty() ? "" : "-" + shown))
            + "-"
            + hash(schedule, client, date, backfill, hashLength);
    String start = label(schedule + "-" + client);
    return start.substring(0, Math.min(start.length(), MAX_LENGTH - end.length())) + end;
  }

  /** Replaces what a DNS label must not contain. */
  private static String label(String text) {
    return OTHER.matcher(text.toLowerCase(Locale.ROOT)).replaceAll("-");
  }

  private static String hash(
      String schedule, String client, String date, String backfill, int length) {
    BigInteger rest =
        new BigInteger(Sha256.hex(String.join("\n", schedule, client, date, backfill)), 16);
    StringBuilder text = new StringBuilder(length);
    for (int i = 0; i < length; i++) {
      text.append(DIGITS.charAt(rest.intValue() & 31));
      rest = rest.shiftRight(5);
    }
    return text.toString();
  }
}
