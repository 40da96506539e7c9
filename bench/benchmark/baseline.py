# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""What bare Jobs reach on the same machine in the same run; everything else is compared with it."""

from __future__ import annotations

from typing import Any

from . import figures, objects
from .costs import costs
from .installation import Installation
from .job_limiter import JobLimiter
from .kubernetes import JOBS
from .lanes import BURST, CLIENTS, FAST, MUTEX, SINGLE, SINGLE_INTERVAL, SLOTS, WARM_UP, client_name, client_of
from .workload import Measurement, measure


def measure_baseline(installation: Installation) -> dict[str, dict[str, Any]]:
    """Figures by lane, under the names that the lanes of the operator use."""
    warm_up(installation)
    return {
        "burst": _burst(installation),
        "mutex": _mutex(installation),
        "single": _single(installation),
        "waiting": _short_pods(installation),
    }


def warm_up(installation: Installation) -> None:
    """A few Jobs, so that every program has done its first work before anything is measured."""
    _limited(installation, "warm-up", 20, WARM_UP.pod_seconds, SLOTS)


def _jobs(prefix: str, count: int, pod_seconds: float) -> list[dict[str, Any]]:
    return [objects.job(objects.run_name(prefix, number), pod_seconds, client_name(number)) for number in range(count)]


def _limited(installation: Installation, prefix: str, count: int, pod_seconds: float, slots: int) -> Measurement:
    limiter = JobLimiter(installation.load, prefix, [_jobs(prefix, count, pod_seconds)], slots, connections=16)
    return measure(installation, prefix, count, 300, lambda: limiter.run(300))


def _burst(installation: Installation, count: int = 600) -> dict[str, Any]:
    measurement = _limited(installation, "burst", count, BURST.pod_seconds, SLOTS)
    return costs(measurement, installation) | figures.of_burst(measurement.times, SLOTS, BURST.pod_seconds)


def _mutex(installation: Installation, count: int = 200) -> dict[str, Any]:
    """One thread and one slot for each client."""
    jobs = _jobs("mutex", count, MUTEX.pod_seconds)
    groups = [jobs[client::CLIENTS] for client in range(CLIENTS)]
    limiter = JobLimiter(installation.load, "mutex", groups, slots=1, connections=1)
    measurement = measure(installation, "mutex", count, 300, lambda: limiter.run(300))
    times = measurement.times
    return costs(measurement, installation) | figures.of_mutex(times, CLIENTS, MUTEX.pod_seconds, client_of)


def _single(installation: Installation, count: int = 40) -> dict[str, Any]:
    jobs = _jobs("single", count, SINGLE.pod_seconds)
    measurement = measure(
        installation, "single", count, 180, lambda: installation.load.create_one_by_one(JOBS, jobs, SINGLE_INTERVAL)
    )
    return costs(measurement, installation) | figures.of_single(measurement.times)


def _short_pods(installation: Installation, count: int = 600) -> dict[str, Any]:
    """How fast freed slots are filled."""
    measurement = _limited(installation, "short", count, FAST.pod_seconds, SLOTS)
    return {"starts_per_second": figures.rate(list(measurement.times.allowed.values()), SLOTS)}
