# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The kill lane: two operators, and the leader is killed in the middle of a burst."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from . import places
from .audit import ApiRequest
from .installation import Installation
from .kubernetes import RUNS
from .lanes import BURST, runs_of
from .processes import BenchmarkError, wait_until
from .run_times import times_of_runs
from .workload import measure

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{places.OPERATOR_NAMESPACE}/leases/luigi-operator"
PREFIX = "kill"


def kill(installation: Installation, count: int = 200, starts_before: int = 60) -> dict[str, Any]:
    """
    Args:
        installation: with two operators.
        count: how many runs are submitted at once.
        starts_before: the leader is killed when this many have started.
    """
    killed_at: list[float] = []

    def submit() -> None:
        began = time.time()
        installation.load.create_at_once(RUNS, runs_of(PREFIX, BURST, count))
        wait_until(
            lambda: len(times_of_runs(installation.audit.since(began), PREFIX).allowed) >= starts_before,
            180,
            f"{starts_before} runs have started",
            interval=0.5,
        )
        holder = installation.load.client().must("GET", LEASE)["spec"]["holderIdentity"]
        leader = next(operator for operator in installation.operators if operator.name == holder)
        installation.operators.remove(leader)
        killed_at.append(time.time())
        leader.process.kill()

    measurement = measure(installation, PREFIX, count, 300, submit)
    gates = [one for one in measurement.requests if one.user == places.OPERATOR_USER and one.kind == "patch pods"]
    first, next_one = takeover(gates)
    return {
        "killed_after_starts": sum(gate.received < killed_at[0] for gate in gates),
        "next_start_seconds": next_one.answered - killed_at[0],
        "last_start_before_seconds": killed_at[0] - first.answered,
        "load_average_before": measurement.load_average,
        "gates_opened_twice": sum(number > 1 for number in measurement.times.allowances.values()),
        **check_ledger(installation, count, measurement.times.pods),
    }


def takeover(gates: Sequence[ApiRequest]) -> tuple[ApiRequest, ApiRequest]:
    """The last request of the first leader, and the first one of the second."""
    ordered = sorted((gate for gate in gates if gate.succeeded), key=lambda gate: gate.answered)
    first_leader = ordered[0].credential
    others = [gate for gate in ordered if gate.credential != first_leader]
    if not others:
        raise BenchmarkError("no other operator has started a run after the leader was killed")
    return [gate for gate in ordered if gate.credential == first_leader][-1], others[0]


def check_ledger(installation: Installation, count: int, pods: dict[str, int]) -> dict[str, int]:
    """How many runs did not succeed, and how many had more than one attempt or pod."""
    succeeded = """
        SELECT COUNT(DISTINCT r.run_id) FROM run r JOIN attempt a ON a.run_id = r.run_id
        WHERE r.name LIKE 'kill-%' AND r.state = 'SUCCEEDED' AND a.reason = 'Succeeded'"""
    doubled = """
        SELECT COUNT(*) FROM (SELECT a.run_id FROM attempt a JOIN run r ON r.run_id = a.run_id
        WHERE r.name LIKE 'kill-%' GROUP BY a.run_id HAVING COUNT(*) > 1) t"""
    attempts_twice = int(installation.mysql.query(" ".join(doubled.split()))[0][0])
    return {
        "lost": count - int(installation.mysql.query(" ".join(succeeded.split()))[0][0]),
        "doubled": max(attempts_twice, sum(number > 1 for number in pods.values())),
    }
