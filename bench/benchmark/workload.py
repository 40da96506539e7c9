# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Carries out one piece of load and collects everything that is measured meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import places
from .audit import ApiRequest
from .installation import Counters, Installation
from .processes import BenchmarkError
from .run_times import RunTimes, times_of_runs

QUIET_SECONDS = 2.0
POLL_SECONDS = 0.5
# How often a node reports a pod: it runs, and it has ended.
REPORTS = 2


@dataclass(frozen=True)
class Measurement:
    """
    Attributes:
        prefix: of the names of the runs.
        runs: how many runs there were.
        times: when what happened to them.
        requests: every request to the API server meanwhile.
        before, after: the counters.
        cpu: CPU seconds by program, until the last write.
        load_average: of the machine, before.
    """

    prefix: str
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
    installation.audit.read()
    seen = len(installation.audit.requests)
    before = installation.counters()
    submit()
    samples = [(time.time(), installation.cpu_seconds())]
    last_write, reports = before.at, 0
    while reports < REPORTS * runs or time.time() - last_write < QUIET_SECONDS:
        time.sleep(POLL_SECONDS)
        installation.check()
        installation.audit.read()
        new = installation.audit.requests[seen:]
        seen += len(new)
        samples.append((time.time(), installation.cpu_seconds()))
        last_write = max([last_write, *(request.answered for request in new if request.writes)])
        reports += sum(request.user == places.KWOK_USER and request.writes for request in new)
        if time.time() - before.at > limit_seconds:
            ended = len(times_of_runs(installation.audit.since(before.at), prefix).ended)
            raise BenchmarkError(f"{prefix}: only {ended} of {runs} runs ended in {limit_seconds:.0f} s")
    after = installation.counters()
    requests = installation.audit.since(before.at)
    times = times_of_runs(requests, prefix)
    cpu_at_end = next(cpu for moment, cpu in samples if moment >= last_write)
    cpu = {program: cpu_at_end[program] - before.cpu[program] for program in cpu_at_end}
    return Measurement(prefix, runs, times, requests, before, after, cpu, load_average)
