# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The plot, as SVG: pods that run over time in the bursts, and CPU time per run by program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from .figures import PLOT_STEP

Lanes = Mapping[str, Sequence[Mapping[str, Any]]]
Series = list[tuple[str, Mapping[str, Any]]]

WIDTH, PANEL_HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 300, 60, 200, 40, 40
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#222222")


def draw(lanes: Lanes) -> str:
    """Both panels; one without data is left empty."""
    bursts: Series = [
        (f"{lane} {number}", figures)
        for lane in ("bare-burst", "burst-cold", "burst-warm")
        for number, figures in enumerate(lanes.get(lane, ()), 1)
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{2 * PANEL_HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{2 * PANEL_HEIGHT}" fill="white"/>',
        *_slots(bursts),
        f'<g transform="translate(0 {PANEL_HEIGHT})">',
        *_cpu(bursts),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _slots(bursts: Series) -> list[str]:
    """One line for each burst."""
    seconds = max((len(figures["busy_slots"]) * PLOT_STEP for _, figures in bursts), default=1)
    most = max((max(figures["busy_slots"]) for _, figures in bursts), default=1)
    parts = _frame("Pods that run, by seconds since the first submission", seconds, "s", most)
    for position, (name, figures) in enumerate(bursts):
        points = " ".join(
            f"{_x(step * PLOT_STEP, seconds):.1f},{_y(busy, most):.1f}"
            for step, busy in enumerate(figures["busy_slots"])
        )
        colour = COLOURS[position % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += _legend(position, name, colour)
    return parts


def _cpu(bursts: Series) -> list[str]:
    """One stacked bar for each burst."""
    programs = sorted({program for _, figures in bursts for program in figures["cpu_ms_per_run"]})
    most = max((sum(figures["cpu_ms_per_run"].values()) for _, figures in bursts), default=1)
    parts = _frame("CPU milliseconds per run, by program", 0, "", most)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(bursts))
    for position, (name, figures) in enumerate(bursts):
        left = LEFT + position * room + room * 0.15
        below = 0.0
        for number, program in enumerate(programs):
            value = figures["cpu_ms_per_run"].get(program, 0)
            top = _y(below + value, most)
            height = _y(below, most) - top
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{room * 0.7:.1f}" height="{height:.1f}"'
                f' fill="{COLOURS[number % len(COLOURS)]}"/>'
            )
            below += value
        middle = left + room * 0.35
        parts.append(_text(middle, PANEL_HEIGHT - BOTTOM + 16, name, "middle"))
    for number, program in enumerate(programs):
        parts += _legend(number, program, COLOURS[number % len(COLOURS)])
    return parts


def _frame(title: str, across: float, unit: str, most: float) -> list[str]:
    bottom, right = PANEL_HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        _text(LEFT, TOP - 16, title),
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="black"/>',
        _text(LEFT - 6, _y(0, most) + 4, "0", "end"),
        _text(LEFT - 6, _y(most, most) + 4, f"{most:.0f}", "end"),
    ]
    if unit:
        parts.append(_text(right, bottom + 16, f"{across:.0f} {unit}", "end"))
    return parts


def _legend(position: int, name: str, colour: str) -> list[str]:
    top = TOP + 20 * position
    left = WIDTH - RIGHT + 20
    box = f'<rect x="{left}" y="{top}" width="12" height="12" fill="{colour}"/>'
    return [box, _text(left + 18, top + 10, name)]


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _x(value: float, most: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / most


def _y(value: float, most: float) -> float:
    return PANEL_HEIGHT - BOTTOM - (PANEL_HEIGHT - BOTTOM - TOP) * value / most
