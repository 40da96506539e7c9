# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The small version: few runs, and only what is the same on every machine is taken from them."""

from __future__ import annotations

from typing import Any

from .costs import costs
from .installation import Installation, Schedule
from .kubernetes import RUNS
from .lanes import ENDLESS, FAST, SINGLE, SINGLE_INTERVAL, WARM_UP, runs_of, warm_up
from .waiting import fill, rest
from .workload import Measurement, measure

SLOTS = 10
SINGLE_RUNS = 20
BURST_RUNS = 40
WAITING_RUNS = 100
REST_SECONDS = 20

SMALL_BURST = Schedule("small-burst", 1)
SCHEDULES = (WARM_UP, SINGLE, SMALL_BURST, ENDLESS, FAST)


def measure_counts(installation: Installation) -> dict[str, dict[str, Any]]:
    """Figures by lane. The installation has a capacity of SLOTS and counts round trips."""
    installation.add_schedules(*SCHEDULES)
    warm_up(installation, SLOTS)
    singles = runs_of("single", SINGLE, SINGLE_RUNS)
    at_once = runs_of("burst", SMALL_BURST, BURST_RUNS)
    single = _measure(
        installation,
        "single",
        SINGLE_RUNS,
        lambda: installation.load.create_one_by_one(RUNS, singles, SINGLE_INTERVAL),
    )
    burst = _measure(installation, "burst", BURST_RUNS, lambda: installation.load.create_at_once(RUNS, at_once))
    fill(installation, SLOTS, WAITING_RUNS)
    return {"single": single, "burst": burst, "waiting": rest(installation, REST_SECONDS)}


def _measure(installation: Installation, prefix: str, count: int, submit: Any) -> dict[str, Any]:
    measurement: Measurement = measure(installation, prefix, count, 180, submit)
    round_trips = measurement.after.round_trips - measurement.before.round_trips
    return costs(measurement, installation) | {"round_trips": round_trips / count}
