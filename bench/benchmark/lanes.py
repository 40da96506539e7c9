# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The lanes with runs that all end: burst, mutex, single."""

from __future__ import annotations

from typing import Any

from . import figures, objects
from .costs import costs
from .installation import Installation, Schedule
from .kubernetes import RUNS
from .workload import measure

SLOTS = 50
CLIENTS = 10
SINGLE_INTERVAL = 0.5

WARM_UP = Schedule("warm-up", 1)
BURST = Schedule("burst", 5)
MUTEX = Schedule("mutex", 2, "Client")
SINGLE = Schedule("single", 1)
# Of the waiting lane. Its slots are taken by pods that do not end by themselves. The pods that follow end so soon that
# the rate at which the operator fills free slots is what limits.
ENDLESS = Schedule("endless", 86_400)
FAST = Schedule("fast", 0.1)
SCHEDULES = (WARM_UP, BURST, MUTEX, SINGLE, ENDLESS, FAST)


def client_name(number: int) -> str:
    return f"client-{number % CLIENTS}"


def client_of(run: str) -> str:
    """The client of a run, from its name."""
    return client_name(int(run[-6:]))


def runs_of(prefix: str, schedule: Schedule, count: int) -> list[dict[str, Any]]:
    return [
        objects.run(objects.run_name(prefix, number), schedule.name, client_name(number)) for number in range(count)
    ]


def warm_up(installation: Installation, count: int = 20) -> None:
    """A few runs, so that every program has done its first work before anything is measured."""
    documents = runs_of("warm-up", WARM_UP, count)
    measure(installation, "warm-up", count, 90, lambda: installation.load.create_at_once(RUNS, documents, 4))


def burst(installation: Installation, prefix: str, count: int = 600) -> dict[str, Any]:
    """All runs at once, more than there are slots."""
    documents = runs_of(prefix, BURST, count)
    measurement = measure(installation, prefix, count, 420, lambda: installation.load.create_at_once(RUNS, documents))
    return costs(measurement, installation) | figures.of_burst(measurement.times, SLOTS, BURST.pod_seconds)


def mutex(installation: Installation, prefix: str, count: int = 200) -> dict[str, Any]:
    """Runs of few clients, each of which may have one at a time."""
    documents = runs_of(prefix, MUTEX, count)
    measurement = measure(installation, prefix, count, 300, lambda: installation.load.create_at_once(RUNS, documents))
    times = measurement.times
    return costs(measurement, installation) | figures.of_mutex(times, CLIENTS, MUTEX.pod_seconds, client_of)


def single(installation: Installation, prefix: str, count: int = 40) -> dict[str, Any]:
    """One run each half a second, so that none waits for a slot."""
    documents = runs_of(prefix, SINGLE, count)
    measurement = measure(
        installation,
        prefix,
        count,
        180,
        lambda: installation.load.create_one_by_one(RUNS, documents, SINGLE_INTERVAL),
    )
    return costs(measurement, installation) | figures.of_single(measurement.times)
