# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Figures from the times of runs. All functions are pure; times are in seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from .run_times import RunTimes

PLOT_STEP = 0.5


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which the share (0 to 1) of the values lies; the nearest that occurs."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def of_burst(times: RunTimes, slots: int, pod_seconds: float) -> dict[str, Any]:
    """The figures of many runs at once."""
    to_start = turnarounds(times, slots, times.allowed)
    to_running = turnarounds(times, slots, times.running)
    first = first_starts(times, slots)
    return {
        "efficiency": efficiency(times, slots, pod_seconds),
        "makespan": makespan(times),
        "turnaround_p50": percentile(to_start, 0.5),
        "turnaround_p99": percentile(to_start, 0.99),
        "to_running_p50": percentile(to_running, 0.5),
        "to_running_p99": percentile(to_running, 0.99),
        "first_starts_p50": percentile(first, 0.5),
        "most_at_once": most_at_once(times),
        "busy_slots": busy_slots(times, PLOT_STEP),
    }


def of_mutex(times: RunTimes, clients: int, pod_seconds: float, client_of: Callable[[str], str]) -> dict[str, float]:
    """The figures of runs of which each client may have one at a time."""
    gaps = handovers(times, client_of)
    return {
        "efficiency": efficiency(times, clients, pod_seconds),
        "makespan": makespan(times),
        "handover_p50": percentile(gaps, 0.5),
        "handover_p99": percentile(gaps, 0.99),
        "overlaps": sum(gap < 0 for gap in gaps),
    }


def of_single(times: RunTimes) -> dict[str, float]:
    """The figures of runs that come one after the other."""
    to_start = from_submission(times, times.allowed)
    return {
        "to_start_p50": percentile(to_start, 0.5),
        "to_start_p99": percentile(to_start, 0.99),
        "to_bound_p50": percentile(from_submission(times, times.bound), 0.5),
    }


def makespan(times: RunTimes) -> float:
    """From the first submission to the end of the last pod."""
    return max(times.ended.values()) - min(times.submitted.values())


def efficiency(times: RunTimes, slots: int, pod_seconds: float) -> float:
    """How long the pods alone would take in the slots, as a share of how long it took."""
    return len(times.submitted) * pod_seconds / slots / makespan(times)


def turnarounds(times: RunTimes, slots: int, starts: dict[str, float]) -> list[float]:
    """How long each freed slot stayed empty: from the k-th end of a pod to the start number k + slots."""
    ends = sorted(times.ended.values())
    later_starts = sorted(starts.values())[slots:]
    return [start - end for end, start in zip(ends, later_starts, strict=False)]


def first_starts(times: RunTimes, count: int) -> list[float]:
    """From submission to start, for those that start first."""
    first = sorted(times.allowed, key=lambda run: times.allowed[run])[:count]
    return [times.allowed[run] - times.submitted[run] for run in first]


def from_submission(times: RunTimes, event: dict[str, float]) -> list[float]:
    """From submission to an event, for each run to which it happened."""
    return [moment - times.submitted[run] for run, moment in event.items() if run in times.submitted]


def most_at_once(times: RunTimes) -> int:
    """The largest number of runs that were between start and end at the same time."""
    changes = sorted(
        [(moment, 1) for moment in times.allowed.values()] + [(moment, -1) for moment in times.ended.values()]
    )
    current = most = 0
    for _, change in changes:
        current += change
        most = max(most, current)
    return most


def busy_slots(times: RunTimes, step: float) -> list[int]:
    """How many pods run, from the first submission on, at intervals of step seconds."""
    began = min(times.submitted.values())
    moments = [began + step * number for number in range(int(makespan(times) / step) + 2)]
    started = sorted(times.running.values())
    ended = sorted(times.ended.values())
    return [bisect_right(started, moment) - bisect_right(ended, moment) for moment in moments]


def handovers(times: RunTimes, client_of: Callable[[str], str]) -> list[float]:
    """From the end of each client's pod to the start of its next one; negative when they overlap."""
    by_client: dict[str, list[tuple[float, float]]] = {}
    for run, end in times.ended.items():
        by_client.setdefault(client_of(run), []).append((times.allowed[run], end))
    return [
        start - previous_end
        for spans in by_client.values()
        for (_, previous_end), (start, _) in zip(sorted(spans), sorted(spans)[1:], strict=False)
    ]


def rate(moments: Sequence[float], skip: int) -> float:
    """Events per second, without the first ones."""
    later = sorted(moments)[skip - 1 :]
    return (len(later) - 1) / (later[-1] - later[0])


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, lowest and highest."""
    return median(values), min(values), max(values)
