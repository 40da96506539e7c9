# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""What runs cost: CPU, SQL, requests to the API server, memory."""

from __future__ import annotations

from collections import Counter

from . import places
from .audit import failures
from .installation import Installation
from .processes import BenchmarkError
from .run_times import RunTimes, run_finder
from .workload import Measurement

SHORT_WAIT_SECONDS = 2.0
# How the operator's metrics name the transaction that reads everything about a run.
LOAD = "ledger.load"
# What the threads of the operator do, by the beginning of their names.
THREADS = {
    "compiler_cpu_ms": ("C1 Compiler", "C2 Compiler"),
    "reconciliation_cpu_ms": ("runs-",),
    "admission_cpu_ms": ("admission", "claims-"),
}


def costs(measurement: Measurement, installation: Installation) -> dict[str, object]:
    """What the runs cost: CPU, SQL, requests, memory. The operator's figures only where there is one."""
    runs = measurement.runs
    own = [request for request in measurement.requests if request.user == places.OPERATOR_USER]
    writes = [request for request in measurement.requests if request.writes and request.user != places.LOAD_USER]
    result: dict[str, object] = {
        "cpu_ms_per_run": _per_run({program: 1000 * seconds for program, seconds in measurement.cpu.items()}, runs),
        "writes_per_run": len(writes) / runs,
        "writes_per_run_by_agent": _per_run(Counter(request.agent for request in writes), runs),
        "failed_requests": failures(measurement.requests),
        "load_average_before": measurement.load_average,
        "api_server_cpu_ms": 1000 * measurement.cpu["kube-apiserver"] / runs,
        "all_cpu_ms": 1000 * sum(measurement.cpu.values()) / runs,
    }
    if not installation.operators:
        return result
    before, after = measurement.before, measurement.after
    sql = {name: after.sql[name] - before.sql[name] for name in after.sql}
    calls = {name: n - before.operator.calls.get(name, 0) for name, n in after.operator.calls.items()}
    if LOAD not in calls:
        raise BenchmarkError(f"the operator's metrics hold no call {LOAD}, only: {', '.join(sorted(calls))}")
    seconds = {
        name: 1000 * (total - before.operator.call_seconds.get(name, 0)) / calls[name]
        for name, total in after.operator.call_seconds.items()
        if calls.get(name)
    }
    own_writes = [request for request in own if request.writes]
    # Only what is read about these runs, not the lists that a sweep sends.
    run_of = run_finder(measurement.prefix)
    allocated = installation.operator.allocated_mebibytes(
        before.operator.heap_bytes, after.operator.heap_bytes, before.garbage_log, after.garbage_log
    )
    memory = installation.memory()["operator-0"]
    operator_cpu = sum(cpu for program, cpu in measurement.cpu.items() if program.startswith("operator-"))
    by_thread = {figure: 1000 * _of_threads(measurement, names) / runs for figure, names in THREADS.items()}
    result |= {
        "operator_cpu_ms": 1000 * operator_cpu / runs,
        **by_thread,
        "other_cpu_ms": 1000 * operator_cpu / runs - sum(by_thread.values()),
        "cpu_ratio": operator_cpu / measurement.cpu["kube-apiserver"],
        "statements": sql["Questions"] / runs,
        "sql_per_run": _per_run(sql, runs),
        "loads": calls[LOAD] / runs,
        "calls_per_run": _per_run(calls, runs),
        "mean_call_ms": seconds,
        "own_writes": len(own_writes) / runs,
        "own_writes_short": (len(own_writes) - len(long_waits(measurement.times))) / runs,
        "own_requests_by_kind": _per_run(Counter(request.kind for request in own), runs),
        "reads": sum(one.verb == "get" and run_of(one.name) is not None for one in own) / runs,
        "allocated_mib": allocated / runs,
        "resident_mib": memory.resident,
        "peak_mib": memory.peak,
        "memory_kills": [limit.kills() for limit in installation.limits if limit.available],
    }
    return result


def _of_threads(measurement: Measurement, names: tuple[str, ...]) -> float:
    """CPU seconds of the threads whose names begin with one of these."""

    def total(threads: dict[str, float]) -> float:
        return sum(seconds for thread, seconds in threads.items() if thread.startswith(names))

    return total(measurement.after.threads) - total(measurement.before.threads)


def long_waits(times: RunTimes) -> list[str]:
    """The runs that waited so long that one more change of their status is right."""
    return [run for run, moment in times.allowed.items() if moment - times.submitted[run] > SHORT_WAIT_SECONDS]


def _per_run(totals: dict[str, float] | Counter[str], runs: int) -> dict[str, float]:
    return {name: total / runs for name, total in sorted(totals.items()) if total}
