# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The table with its goals, and the plot."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from benchmark import goals
from benchmark.goals import COUNTS, ROWS, Row
from benchmark.plot import draw
from benchmark.table import number, render

BURST = [
    {"efficiency": 0.70, "turnaround_p50": 0.8, "turnaround_p99": 5.6},
    {"efficiency": 0.58, "turnaround_p50": 0.9, "turnaround_p99": 11.0},
    {"efficiency": 0.59, "turnaround_p50": 1.5, "turnaround_p99": 15.0},
]
BURST_ROWS = [row for row in goals.burst_rows("burst-cold") if row.figure in BURST[0]]


def cells(table):
    """The cells of each line, which are separated by at least two blanks."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.splitlines()]


def test_the_table():
    table = cells(render({"burst-cold": BURST, "bare-burst": [{"efficiency": 0.95}]}, BURST_ROWS))
    assert table[0] == ["what", "measured", "goal", "met?", "ratio to baseline"]
    assert table[1] == ["burst-cold, 3 times: median (lowest to highest)"]
    assert table[2] == ["drain efficiency", "59.0% (58.0% to 70.0%)", ">= 85.5%", "NO", "0.62"]
    assert table[3] == ["slot turnaround p50", "900 ms (800 ms to 1,500 ms)"]
    assert table[4] == ["slot turnaround p99", "11,000 ms (5,600 ms to 15,000 ms)", "<= 2,700 ms", "NO"]


def test_a_goal_without_baseline_is_undecided():
    table = cells(render({"burst-cold": BURST[:1]}, BURST_ROWS))
    assert table[2] == ["drain efficiency", "70.0%", "needs the baseline", "?"]


def test_the_floor_of_a_share():
    goal = goals.share_of_baseline(0.9, "efficiency", 0.77)
    assert goal.bound({}, {"efficiency": 0.8}) == 0.77
    assert goal.met(0.78, {}, {"efficiency": 0.8})
    assert not goal.met(0.78, {}, {"efficiency": 0.9})


def test_rows_without_results_are_left_out():
    assert len(cells(render({}, ROWS))) == 1


@pytest.mark.parametrize(
    ("value", "figure", "unit", "text"),
    [
        (0.0123, "to_start_p50", "ms", "12.3 ms"),
        (123.4, "operator_cpu_ms", "ms", "123 ms"),
        (0.34, "idle_cpu", "% of a core", "34.0% of a core"),
        (837.4, "statements_per_second", "/s", "837/s"),
        (4, "own_writes", "", "4"),
        (1.234, "cpu_ratio", "", "1.23"),
        (1234.5, "resident_mib", "MiB", "1,234 MiB"),
    ],
)
def test_numbers(value, figure, unit, text):
    assert number(value, Row("lane", figure, "", unit)) == text


def test_limits_are_not_below_their_goals():
    for row in COUNTS:
        assert row.limit is not None
        assert row.goal is not None
        assert not row.goal.at_least
        assert row.limit >= row.goal.bound({}, {})


def test_no_row_stands_twice():
    assert len({(row.lane, row.figure) for row in ROWS}) == len(ROWS)


def test_the_plot_is_svg_with_a_line_and_a_bar_for_each_burst():
    burst = {"busy_slots": [0, 50, 50, 3], "cpu_ms_per_run": {"etcd": 10.0, "kube-apiserver <1>": 90.0}}
    svg = ElementTree.fromstring(draw({"burst-cold": [burst, burst], "bare-burst": [burst]}))
    names = [element.tag.rpartition("}")[2] for element in svg.iter()]
    assert names.count("polyline") == 3
    # The background, a box for each entry of the two legends, and two programs in each bar.
    assert names.count("rect") == 1 + 3 + 2 + 2 * 3
    ElementTree.fromstring(draw({}))
