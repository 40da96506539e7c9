# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Delay figures of a group of flights, with the same columns in all sections and in the report."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

COLUMNS = (
    "carrier",
    "date",
    "section",
    "key",
    "flights",
    "cancelled",
    "delayed",
    "delayed_percent",
    "mean_departure_delay",
    "median_departure_delay",
    "longest_departure_delay",
    "mean_arrival_delay",
)

Flight = Mapping[str, str]


def figures(flights: Iterable[Flight], min_delay: int) -> dict[str, object]:
    """The figures of these flights. Delays are in minutes, negative if early; None if no flight has a value.

    A flight without a departure delay was cancelled; it counts only in `flights` and `cancelled`. A diverted flight has
    no arrival delay and does not count in that mean.
    """
    flights = list(flights)
    departures = [int(flight["departure_delay"]) for flight in flights if flight["departure_delay"]]
    arrivals = [int(flight["arrival_delay"]) for flight in flights if flight["arrival_delay"]]
    delayed = sum(delay >= min_delay for delay in departures)
    return {
        "flights": len(flights),
        "cancelled": len(flights) - len(departures),
        "delayed": delayed,
        "delayed_percent": f"{100 * delayed / len(departures):.1f}" if departures else None,
        "mean_departure_delay": f"{statistics.fmean(departures):.2f}" if departures else None,
        "median_departure_delay": f"{statistics.median(departures):.1f}" if departures else None,
        "longest_departure_delay": max(departures, default=None),
        "mean_arrival_delay": f"{statistics.fmean(arrivals):.2f}" if arrivals else None,
    }


def grouped(flights: Iterable[Flight], key: Callable[[Flight], str]) -> dict[str, list[Flight]]:
    """The flights by key, sorted by key."""
    groups: defaultdict[str, list[Flight]] = defaultdict(list)
    for flight in flights:
        groups[key(flight)].append(flight)
    return dict(sorted(groups.items()))
