# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the report: mean departure delay by hour, origin, weather, age of the plane and destination."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Row = Mapping[str, str]

INK = "#1f2933"
MUTED = "#7b8794"
GRID = "#e4e7eb"
ON_TIME = "#4a90b8"
DELAYED = "#d9822b"

PANELS = (
    ("origin", "By airport of departure"),
    ("weather", "By weather at departure"),
    ("aircraft", "By age of the plane"),
    ("destination", "By busiest destination"),
)


def draw(path: Path, title: str, rows: Sequence[Row], min_delay: int) -> None:
    """Writes a PNG of 1200 by 800 pixels to `path`. `rows` are the rows of all sections of the report."""
    # Without pyplot, which would look for a window system. Agg draws the PNG.
    figure = Figure(figsize=(12, 8), dpi=100, facecolor="white")
    figure.text(0.04, 0.945, title, fontsize=17, fontweight="bold", color=INK)
    day = next(row for row in rows if row["section"] == "day")
    figure.text(0.04, 0.905, _headline(day, min_delay), fontsize=12, color=MUTED)

    _hours(figure.add_axes((0.055, 0.5, 0.92, 0.33)), [row for row in rows if row["section"] == "hour"], min_delay)
    shown = [row for row in rows if row["section"] in dict(PANELS)]
    # One scale for the four small panels, so that their bars can be compared.
    delays = [_delay(row) for row in shown]
    scale = min([0.0, *delays]), max([float(min_delay), *delays])
    for column, (section, heading) in enumerate(PANELS):
        axes = figure.add_axes((0.125 + 0.241 * column, 0.05, 0.137, 0.33))
        _bars(axes, heading, [row for row in shown if row["section"] == section], min_delay, scale)
    figure.savefig(path, format="png")


def _headline(day: Row, min_delay: int) -> str:
    if day["flights"] == "0":
        return "no flights on this day"
    parts = [f"{_flights(day)} planned", f"{day['cancelled']} cancelled"]
    if day["mean_departure_delay"]:
        parts.append(f"{day['delayed']} left at least {min_delay} minutes late ({day['delayed_percent']} %)")
        parts.append(f"mean delay {float(day['mean_departure_delay']):.1f} minutes")
    return "   ·   ".join(parts)


def _delay(row: Row) -> float:
    return float(row["mean_departure_delay"] or 0)


def _label(row: Row) -> str:
    # A minus sign as on the axis, not a hyphen.
    return f"{_delay(row):.0f}".replace("-", "\N{MINUS SIGN}") if row["mean_departure_delay"] else "cancelled"


def _colour(row: Row, min_delay: int) -> str:
    return DELAYED if _delay(row) >= min_delay else ON_TIME


def _plain(axes: Axes, heading: str, left: float) -> None:
    axes.set_title(heading, loc="left", x=left, fontsize=11, fontweight="bold", color=INK, pad=10)
    axes.tick_params(length=0, colors=INK, labelsize=9)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_axisbelow(True)


def _hours(axes: Axes, rows: Sequence[Row], min_delay: int) -> None:
    _plain(axes, "Mean departure delay in minutes, by hour of planned departure (below: flights)", left=0)
    axes.grid(axis="y", color=GRID)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axhline(min_delay, color=DELAYED, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate(
        f"{min_delay} minutes",
        (0, min_delay),
        xycoords=axes.get_yaxis_transform(),
        xytext=(2, 3),
        textcoords="offset points",
        fontsize=8,
        color=DELAYED,
    )
    delays = [_delay(row) for row in rows]
    bars = axes.bar(range(len(rows)), delays, width=0.7, color=[_colour(row, min_delay) for row in rows])
    axes.bar_label(bars, [_label(row) for row in rows], padding=3, fontsize=9, color=INK)
    axes.set_xticks(range(len(rows)), [f"{row['key']}:00\n{row['flights']}" for row in rows])
    low, high = min([0.0, *delays]), max([float(min_delay), *delays])
    margin = 0.14 * (high - low)
    axes.set_ylim(low - (margin if low < 0 else 0), high + margin)
    # Space for the text on the dashed line, and the same width of bars for any number of hours.
    axes.set_xlim(-1.5, max(len(rows), 12) - 0.5)
    if not rows:
        axes.text(0.5, 0.5, "no flights on this day", transform=axes.transAxes, ha="center", fontsize=13, color=MUTED)


def _bars(axes: Axes, heading: str, rows: Sequence[Row], min_delay: int, scale: tuple[float, float]) -> None:
    # The heading starts where the names start, left of the axes.
    _plain(axes, heading, left=-0.6)
    places = range(len(rows))
    axes.barh(places, [_delay(row) for row in rows], height=0.6, color=[_colour(row, min_delay) for row in rows])
    for place, row in zip(places, rows, strict=True):
        # Right of the zero line also for negative delays, because the names are on its left.
        axes.annotate(
            _label(row),
            (max(_delay(row), 0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.vlines(0, -0.5, len(rows) - 0.5, color=MUTED, linewidth=0.8)
    axes.set_yticks(places, [f"{row['key']}\n{_flights(row)}" for row in rows])
    # The same thickness of bars for any number of bars.
    axes.set_ylim(max(len(rows), 5) - 0.5, -0.5)
    axes.set_xlim(scale[0], scale[1] * 1.25)
    axes.set_xticks([])


def _flights(row: Row) -> str:
    return "1 flight" if row["flights"] == "1" else f"{row['flights']} flights"
