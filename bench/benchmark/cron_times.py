# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""When crons are due. All functions are pure; moments are in seconds since the epoch, crons in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil

from . import places
from .audit import ApiRequest
from .run_times import run_finder


def next_minute(now: float, seconds_before: float) -> int:
    """The first full minute that is at least so many seconds ahead."""
    return 60 * ceil((now + seconds_before) / 60)


def daily_cron(moment: float) -> str:
    """Due at this minute of each day."""
    time = datetime.fromtimestamp(moment, UTC)
    return f"{time.minute} {time.hour} * * *"


def distant_cron(now: float) -> str:
    """Due once a year, in five or six months."""
    month = (datetime.fromtimestamp(now, UTC).month + 5) % 12 + 1
    return f"0 0 1 {month} *"


def split(total: int, largest: int) -> list[int]:
    """Parts of nearly equal size, none larger than given, that add up to the total."""
    parts = ceil(total / largest)
    return [total // parts + (number < total % parts) for number in range(parts)]


def jobs_of_cron_jobs(requests: Iterable[ApiRequest], prefix: str) -> dict[str, float]:
    """When the first Job of each CronJob was created, whose names begin with the prefix."""
    cron_job_of = run_finder(prefix)
    created: dict[str, float] = {}
    for request in sorted(requests, key=lambda one: one.answered):
        cron_job = cron_job_of(request.name)
        is_job = request.user == places.CRON_JOB_USER and request.kind == "create jobs"
        if cron_job and is_job and request.succeeded:
            created.setdefault(cron_job, request.answered)
    return created
