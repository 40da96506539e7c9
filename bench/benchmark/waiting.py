# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The waiting lane: all slots are taken for long, many runs wait; then the slots come free."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from . import figures, places
from .installation import Counters, Installation
from .kubernetes import MERGE_PATCH, PODS, RUNS, ApiClient
from .lanes import ENDLESS, FAST, runs_of
from .processes import BenchmarkError
from .run_times import times_of_runs

SETTLE_SECONDS = 120
QUIET_SECONDS = 5


def waiting(
    installation: Installation, slots: int, count: int, rest_seconds: float, starts: int, limit_seconds: float
) -> dict[str, Any]:
    """The whole lane.

    Args:
        installation: whose capacity is slots, none of which is taken.
        slots: how many pods that do not end are started first.
        count: runs that wait.
        rest_seconds: how long they wait while nothing happens, which is when the cost of waiting is measured.
        starts: the slots are freed, and the measurement ends when this many of the waiting runs have started.
        limit_seconds: or after this time.
    """
    return {
        **fill(installation, slots, count),
        **rest(installation, rest_seconds),
        **_free_slots(installation, slots, starts, limit_seconds),
        "peak_mib": installation.memory()["operator-0"].peak,
        "memory_kills": sum(limit.kills() for limit in installation.limits if limit.available),
    }


def fill(installation: Installation, slots: int, count: int) -> dict[str, Any]:
    """Takes all slots, and submits the runs that wait."""
    installation.load.create_at_once(RUNS, runs_of("endless", ENDLESS, slots), 4)
    wait_for_pods(installation, "endless", slots)
    before = installation.memory()["operator-0"]
    began = time.time()
    installation.load.create_at_once(RUNS, runs_of("waiting", FAST, count), 8)
    accepted = _wait_until_accepted(installation, slots + count) - slots
    accepted_seconds = time.time() - began
    wait_until_quiet(installation)
    resident = installation.memory()["operator-0"].resident
    return {
        "accepted": accepted,
        "accepted_per_second": accepted / accepted_seconds,
        "resident_mib": resident,
        "bytes_per_waiting_run": (resident - before.resident) * 2**20 / accepted,
    }


def wait_for_pods(installation: Installation, prefix: str, count: int) -> None:
    """Returns when the pods of so many runs with this prefix run; raises BenchmarkError after SETTLE_SECONDS."""
    began = time.time()
    while len(times_of_runs(installation.audit.requests, prefix).running) < count:
        installation.audit.read()
        installation.check()
        if time.time() - began > SETTLE_SECONDS:
            raise BenchmarkError(f"the pods of {count} runs {prefix} do not run after {SETTLE_SECONDS} s")
        time.sleep(0.5)


def _wait_until_accepted(installation: Installation, count: int) -> int:
    """Returns how many runs in the ledger are not final: as many as were submitted, or fewer if the time is over."""
    end = time.time() + SETTLE_SECONDS
    while True:
        installation.check()
        accepted = int(installation.mysql.query("SELECT COUNT(*) FROM run WHERE finished_at IS NULL")[0][0])
        if accepted >= count or time.time() > end:
            return accepted
        time.sleep(0.5)


def wait_until_quiet(installation: Installation) -> None:
    """Returns when the operator has written nothing for QUIET_SECONDS, at the latest after SETTLE_SECONDS."""
    end = time.time() + SETTLE_SECONDS
    last = time.time()
    while time.time() - last < QUIET_SECONDS and time.time() < end:
        installation.check()
        new = installation.audit.read()
        last = max([last, *(one.answered for one in new if one.user == places.OPERATOR_USER and one.writes)])
        time.sleep(0.5)


def rest(installation: Installation, seconds: float) -> dict[str, Any]:
    """What the waiting runs cost while nothing changes."""
    before = installation.counters()
    time.sleep(seconds)
    after = installation.counters()
    passed = after.at - before.at
    own = [request for request in installation.audit.since(before.at) if request.user == places.OPERATOR_USER]
    # Lists are left out: a sweep sends a few, however many runs wait.
    about_runs = [one for one in own if one.resource.startswith("pipelineruns") and one.verb != "list"]
    return {
        "idle_cpu": (after.cpu["operator-0"] - before.cpu["operator-0"]) / passed,
        "statements_per_second": (after.sql["Questions"] - before.sql["Questions"]) / passed,
        "calls_per_second": _calls_per_second(before, after),
        "idle_requests": len(about_runs),
        "idle_requests_by_kind": dict(Counter(request.kind for request in own)),
    }


def _calls_per_second(before: Counters, after: Counters) -> dict[str, float]:
    passed = after.at - before.at
    counted = {name: n - before.operator.calls.get(name, 0) for name, n in after.operator.calls.items()}
    return {name: n / passed for name, n in sorted(counted.items()) if n}


def _free_slots(installation: Installation, slots: int, starts: int, limit_seconds: float) -> dict[str, Any]:
    """Ends the endless pods and counts the starts that follow. The first ones fill the slots and do not count."""
    began = time.time()
    _end_pods(installation)
    moments: list[float] = []
    while len(moments) < starts and time.time() - began < limit_seconds:
        installation.check()
        time.sleep(0.5)
        times = times_of_runs(installation.audit.since(began), "waiting")
        moments = sorted(times.allowed.values())
    if len(moments) < slots + 2:
        raise BenchmarkError(f"only {len(moments)} runs started within {limit_seconds} s after {slots} slots came free")
    return {"first_start_seconds": moments[0] - began, "starts_per_second": figures.rate(moments, slots)}


def _end_pods(installation: Installation) -> None:
    """Reports the pods as ended, as their node would."""
    kwok = ApiClient(installation.control_plane.identity_of(places.BENCH_NAMESPACE, "kwok"))
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for pod in installation.load.client().must("GET", f"{PODS}?limit=10000")["items"]:
        if pod["metadata"]["name"].startswith("endless-"):
            path = f"{PODS}/{pod['metadata']['name']}/status"
            kwok.must("PATCH", path, {"status": _succeeded(pod, now)}, MERGE_PATCH)


def _succeeded(pod: dict[str, Any], now: str) -> dict[str, Any]:
    token = pod["metadata"]["annotations"]["luigi-operator.io/token"]
    message = {"v": 1, "final": True, "verdict": "Succeeded", "exit": 0, "tok": token, "n": {"ran": 1, "complete": 0}}
    terminated = {
        "exitCode": 0,
        "reason": "Completed",
        "startedAt": pod["status"]["startTime"],
        "finishedAt": now,
        "message": json.dumps(message),
    }
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": terminated},
        }
        for container in pod["spec"]["containers"]
    ]
    return {"phase": "Succeeded", "containerStatuses": containers}
