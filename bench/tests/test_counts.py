# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The counts of a few runs against the limits in benchmark/goals.py. Times are never asserted."""

from __future__ import annotations

import json
import subprocess

import pytest

from benchmark import places
from benchmark.goals import COUNTS


@pytest.fixture(scope="module")
def measured():
    """Figures by lane; bench/run prints them with goals and limits."""
    subprocess.run([places.BENCH / "run", "counts"], check=True)
    lanes = json.loads((places.RESULTS / "results.json").read_text())["lanes"]
    return {lane: repetitions[0] for lane, repetitions in lanes.items()}


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: f"{row.lane}-{row.figure}")
def test_counts(row, measured):
    assert measured[row.lane][row.figure] <= row.limit, f"{row.text} ({row.lane}); see benchmark/goals.py"


def test_something_was_counted(measured):
    """A count of nothing would keep every limit."""
    for lane in ("counts-single", "counts-burst"):
        for figure in ("statements", "round_trips", "loads", "own_writes", "allocated_mib"):
            assert measured[lane][figure] > 0, f"{lane}: {figure}"
