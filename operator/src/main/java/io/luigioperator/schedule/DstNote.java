/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

/** What a change of the clock does to a tick. The names appear in the output of the preview. */
public enum DstNote {
  /** The local time exists once. */
  None,
  /** The local time does not exist on this date; the tick is at the end of the gap. */
  MovedOutOfGap,
  /** The local time does not exist on this date; no run starts. */
  SkippedInGap,
  /** The local time exists twice; this is the first occurrence. */
  FirstOccurrence,
  /** The local time exists twice; this is the second occurrence. */
  SecondOccurrence
}
