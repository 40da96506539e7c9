# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""What schedules cost while none of their cron times is due."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

from . import objects, places
from .cron_times import distant_cron
from .installation import Counters, Installation
from .kubernetes import SCHEDULES
from .lanes import ENDLESS
from .processes import BenchmarkError, wait_until
from .waiting import wait_until_quiet

CONNECTIONS = 32
TAKEN_OVER_SECONDS = 240

# A sweep begins 27 to 33 s after the end of the one before. A period of this length that begins with the end of a sweep
# contains two of them, so that two periods can be compared.
REST_SECONDS = 75
SWEEP_SECONDS = 60
# How the operator's metrics name what each sweep does last, and the heartbeat.
SWEEP = "ledger.countByState"
HEARTBEAT = "ledger.register"

BEFORE = "before_"


def idle_schedules(installation: Installation, count: int) -> dict[str, Any]:
    """Rests without schedules that have crons, creates so many, and rests again.

    The figures of the first rest have the names of those of the second one, with the prefix before_.
    """
    before = _rest(installation)
    began = time.time()
    counted = installation.counters()
    cron = distant_cron(began)
    documents = [
        objects.cron_schedule(objects.run_name("idle", number), ENDLESS.pod_seconds, cron, 1) for number in range(count)
    ]
    installation.load.create_at_once(SCHEDULES, documents, CONNECTIONS)
    created = time.time()
    wait_for_clients(installation, "idle", count, TAKEN_OVER_SECONDS)
    taken_over = time.time()
    wait_until_quiet(installation)
    costs = _per_schedule(counted, installation.counters(), count)
    after = _rest(installation)
    return {
        "schedules": count,
        "created_seconds": created - began,
        "taken_over_seconds": taken_over - began,
        **costs,
        **after,
        **{BEFORE + name: value for name, value in before.items()},
        "other_calls": other_calls(before["calls"], after["calls"]),
    }


def _per_schedule(before: Counters, after: Counters, count: int) -> dict[str, Any]:
    """What it costs that a schedule is created, until its status is written."""
    calls = {name: n - before.operator.calls.get(name, 0) for name, n in after.operator.calls.items()}
    return {
        "operator_cpu_ms": 1000 * (after.cpu["operator-0"] - before.cpu["operator-0"]) / count,
        "statements_per_schedule": (after.sql["Questions"] - before.sql["Questions"]) / count,
        "calls_per_schedule": {name: n / count for name, n in sorted(calls.items()) if n},
    }


def wait_for_clients(installation: Installation, prefix: str, count: int, limit_seconds: float) -> None:
    """Returns when the operator has taken over so many clients of the schedules with this prefix."""
    statement = (
        "SELECT COUNT(*) FROM schedule_client c JOIN schedule s USING (schedule_id)"
        f" WHERE s.name LIKE '{prefix}-%' AND c.rules IS NOT NULL"
    )

    def all_known() -> bool:
        installation.check()
        return int(installation.mysql.query(statement)[0][0]) >= count

    wait_until(all_known, limit_seconds, f"{count} clients of the schedules {prefix} are taken over", interval=0.5)


def _rest(installation: Installation) -> dict[str, Any]:
    """What the operator costs in a period with two sweeps in which nothing happens."""
    sweeps = installation.operator.metrics().calls.get(SWEEP, 0)
    wait_until(
        lambda: installation.operator.metrics().calls.get(SWEEP, 0) > sweeps, SWEEP_SECONDS, "a sweep ends", interval=1
    )
    load_average = os.getloadavg()[0]
    before = installation.counters()
    time.sleep(REST_SECONDS)
    after = installation.counters()
    minutes = (after.at - before.at) / 60
    own = [request for request in installation.audit.since(before.at) if request.user == places.OPERATOR_USER]
    calls = {name: n - before.operator.calls.get(name, 0) for name, n in after.operator.calls.items()}
    if not calls.get(SWEEP):
        raise BenchmarkError(f"no sweep within {REST_SECONDS} s: the operator's metrics hold no call {SWEEP}")
    threads = {name: seconds - before.threads.get(name, 0) for name, seconds in after.threads.items()}
    return {
        "cpu": (after.cpu["operator-0"] - before.cpu["operator-0"]) / (after.at - before.at),
        "cpu_seconds_by_thread": {name: seconds for name, seconds in sorted(threads.items()) if seconds > 0},
        "statements": (after.sql["Questions"] - before.sql["Questions"]) / minutes,
        "sql": {name: after.sql[name] - before.sql[name] for name in after.sql},
        "sweeps": calls[SWEEP],
        "heartbeats": calls.get(HEARTBEAT, 0),
        "calls": {name: n for name, n in sorted(calls.items()) if n and name.startswith("ledger.")},
        "own_writes": sum(request.writes for request in own),
        "own_requests_by_kind": dict(Counter(request.kind for request in own)),
        "resident_mib": installation.memory()["operator-0"].resident,
        "load_average_before": load_average,
    }


def other_calls(before: dict[str, int], after: dict[str, int]) -> int:
    """How many calls of the second period are of kinds that did not occur in the first one."""
    return sum(number for name, number in after.items() if name not in before)
