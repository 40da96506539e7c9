# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from benchmark import figures
from benchmark.run_times import RunTimes


def times_of(*spans, submitted=0.0):
    """Runs named 0, 1, ... that start and end at the given times."""
    times = RunTimes()
    for number, (start, end) in enumerate(spans):
        run = str(number)
        times.submitted[run] = submitted
        times.allowed[run] = start
        times.running[run] = start + 0.1
        times.ended[run] = end
    return times


def test_percentile():
    values = [5, 1, 4, 2, 3]
    assert figures.percentile(values, 0) == 1
    assert figures.percentile(values, 0.5) == 3
    assert figures.percentile(values, 0.99) == 5
    assert figures.percentile([7], 0.5) == 7


def test_efficiency_is_one_when_no_time_is_lost():
    perfect = times_of((0, 5), (0, 5), (5, 10), (5, 10))
    assert figures.efficiency(perfect, slots=2, pod_seconds=5) == pytest.approx(1)
    late = times_of((0, 5), (0, 5), (10, 15), (15, 20))
    assert figures.efficiency(late, slots=2, pod_seconds=5) == pytest.approx(0.5)


def test_a_turnaround_is_how_long_a_freed_slot_stays_empty():
    times = times_of((0, 5), (0, 6), (5.5, 10), (8, 12))
    assert figures.turnarounds(times, 2, times.allowed) == pytest.approx([0.5, 2])


def test_most_at_once():
    assert figures.most_at_once(times_of((0, 5), (1, 6), (5, 9))) == 2
    assert figures.most_at_once(times_of((0, 5), (1, 6), (2, 9))) == 3


def test_busy_slots():
    times = times_of((0.9, 2), (0.9, 3.5))
    assert figures.busy_slots(times, 1) == [0, 2, 1, 1, 0]


def test_handovers_are_between_runs_of_one_client():
    times = times_of((0, 2), (0, 2), (2.5, 4), (1.5, 4))
    assert sorted(figures.handovers(times, lambda run: str(int(run) % 2))) == pytest.approx([-0.5, 0.5])
    of_mutex = figures.of_mutex(times, 2, 2, lambda run: str(int(run) % 2))
    assert of_mutex["overlaps"] == 1


def test_first_starts_are_those_of_the_runs_that_start_first():
    times = times_of((4, 5), (1, 2), (2, 3))
    assert sorted(figures.first_starts(times, 2)) == [1, 2]


def test_rate_leaves_out_the_first():
    assert figures.rate([0, 0, 0, 1, 2, 3], skip=3) == pytest.approx(1)


def test_figures_of_the_lanes():
    times = times_of((0, 5), (0, 5), (5.2, 10), (5.4, 10))
    burst = figures.of_burst(times, 2, 5)
    assert burst["turnaround_p50"] == pytest.approx(0.2)
    assert burst["to_running_p99"] == pytest.approx(0.5)
    assert burst["first_starts_p50"] == 0
    assert burst["most_at_once"] == 2


def test_figures_of_single_runs():
    times = times_of((0.1, 5), (0.3, 5), (0.2, 5))
    times.bound = {run: moment + 0.5 for run, moment in times.allowed.items()}
    single = figures.of_single(times)
    assert single == {
        "to_start_p50": pytest.approx(0.2),
        "to_start_p99": pytest.approx(0.3),
        "to_bound_p50": pytest.approx(0.7),
    }
