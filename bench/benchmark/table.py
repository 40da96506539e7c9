# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The table: what, measured, goal, met?, ratio to the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from .figures import spread
from .goals import Row

# By lane, the figures of each repetition.
Results = Mapping[str, Sequence[Mapping[str, Any]]]

FACTORS = {"%": 100.0, "ms": 1000.0, "% of a core": 100.0}
# The lanes of the baseline are named after those that they are compared with.
BARE = "bare-"

# Figures that are in milliseconds already.
MILLISECONDS = "_ms"

HEADER = ("what", "measured", "goal", "met?", "ratio to baseline")


def render(results: Results, rows: Iterable[Row]) -> str:
    """All rows for which there are results, by lane."""
    lines: list[tuple[str, ...]] = [HEADER]
    lane = ""
    for row in rows:
        repetitions = results.get(row.lane)
        if not repetitions:
            continue
        if row.lane != lane:
            lane = row.lane
            times = f", {len(repetitions)} times: median (lowest to highest)" if len(repetitions) > 1 else ""
            lines.append((f"{lane}{times}",))
        lines.append(_line(row, repetitions, baseline_of(results, lane)))
    widths = [max(len(line[column]) for line in lines if len(line) > 1) for column in range(len(HEADER))]
    return "\n".join(_joined(line, widths) for line in lines)


def number(value: float, row: Row) -> str:
    """The value with its unit; three digits that matter."""
    factor = 1.0 if row.figure.endswith(MILLISECONDS) else FACTORS.get(row.unit, 1.0)
    scaled = value * factor
    counted = isinstance(value, int) and factor == 1
    digits = 0 if counted or abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
    space = "" if row.unit.startswith(("/", "%")) or not row.unit else " "
    return f"{scaled:,.{digits}f}{space}{row.unit}"


def _line(row: Row, repetitions: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any]) -> tuple[str, ...]:
    value, low, high = spread([repetition[row.figure] for repetition in repetitions])
    measured = number(value, row)
    if len(repetitions) > 1:
        measured += f" ({number(low, row)} to {number(high, row)})"
    goal, met = "", ""
    if row.goal:
        own = _medians(repetitions)
        bound = row.goal.bound(own, baseline)
        sign = ">=" if row.goal.at_least else "<="
        goal = "needs the baseline" if bound is None else f"{sign} {number(bound, row)}"
        met = {True: "yes", False: "NO", None: "?"}[row.goal.met(value, own, baseline)]
    if row.limit is not None:
        goal += f", enforced <= {number(row.limit, row)}"
    ratio = ""
    if baseline.get(row.figure):
        ratio = f"{value / baseline[row.figure]:.2f}"
    return f"  {row.text}", measured, goal, met, ratio


def _medians(repetitions: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    numbers = [name for name, value in repetitions[0].items() if isinstance(value, int | float)]
    return {name: median(repetition[name] for repetition in repetitions) for name in numbers}


def baseline_of(results: Results, lane: str) -> Mapping[str, Any]:
    """What bare Jobs or CronJobs did in this lane. They have one burst, and nothing that compares with the counts."""
    repetitions = results.get(BARE + lane.removesuffix("-cold").removesuffix("-warm"))
    return repetitions[0] if repetitions else {}


def _joined(line: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
