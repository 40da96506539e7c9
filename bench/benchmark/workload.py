# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Carries out one piece of load and collects everything that is measured meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from .audit import ApiRequest
from .installation import Counters, Installation
from .processes import BenchmarkError
from .run_times import RunTimes, times_of_runs

QUIET_SECONDS = 2.0
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Measurement:
    """
    Attributes:
        runs: how many runs there were.
        times: when what happened to them.
        requests: every request to the API server meanwhile.
        before, after: the counters.
        cpu: CPU seconds by program, until the last write.
        load_average: of the machine, before.
    """

    runs: int
    times: RunTimes
    requests: list[ApiRequest]
    before: Counters
    after: Counters
    cpu: dict[str, float]
    load_average: float


def measure(
    installation: Installation, prefix: str, runs: int, limit_seconds: float, submit: Callable[[], None]
) -> Measurement:
    """Calls submit, then waits until all runs have ended and nothing is written any more.

    Args:
        installation: where it happens.
        prefix: of the runs' names, not used before.
        runs: how many runs submit creates.
        limit_seconds: raises BenchmarkError when they have not ended by then.
        submit: creates them; may return before they have ended.
    """
    load_average = os.getloadavg()[0]
    before = installation.counters()
    submit()
    samples = [(time.time(), installation.cpu_seconds())]
    while True:
        installation.check()
        requests = installation.audit.since(before.at)
        samples.append((time.time(), installation.cpu_seconds()))
        times = times_of_runs(requests, prefix)
        last_write = max((request.answered for request in requests if request.writes), default=before.at)
        if len(times.ended) >= runs and time.time() - last_write > QUIET_SECONDS:
            break
        if time.time() - before.at > limit_seconds:
            raise BenchmarkError(f"{prefix}: only {len(times.ended)} of {runs} runs ended in {limit_seconds:.0f} s")
        time.sleep(POLL_SECONDS)
    after = installation.counters()
    cpu_at_end = next(cpu for moment, cpu in samples if moment >= last_write)
    cpu = {program: cpu_at_end[program] - before.cpu[program] for program in cpu_at_end}
    return Measurement(runs, times, requests, before, after, cpu, load_average)
