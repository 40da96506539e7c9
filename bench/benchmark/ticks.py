# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The ticks lane: thousands of cron times that are due in one second, idle schedules, and CronJobs to compare with."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from . import objects, places
from .audit import failures
from .baseline import warm_up as warm_up_jobs
from .cron_times import daily_cron, jobs_of_cron_jobs, next_minute, split
from .figures import from_submission, percentile
from .idle import CONNECTIONS, wait_for_clients
from .installation import Counters, Installation
from .kubernetes import AD_HOC_RUNS, AD_HOC_SCHEDULES, CRON_JOBS, JOBS, RUNS, SCHEDULES
from .lanes import ENDLESS, WARM_UP, client_name, runs_of, warm_up
from .ledger_check import lost_or_doubled
from .processes import BenchmarkError, wait_until
from .run_times import RunTimes, times_of_runs
from .waiting import wait_for_pods

SLOTS = 50
# The runs of the crons wait: those of one namespace may fill so many slots, and pods that do not end have filled them.
SLOTS_PER_NAMESPACE = 45
# Clients of a schedule at most; of these, 20 schedules make up 10,000 ticks.
CLIENTS = 500
# Each finds a slot, because it is in another namespace.
CRITICAL_RUNS = SLOTS - SLOTS_PER_NAMESPACE
CRITICAL_INTERVAL = 0.5
CRITICAL_SECONDS = 60

# Between the first request that creates schedules or CronJobs and their cron time.
SECONDS_BEFORE = 45
DECIDED_SECONDS = 120
CRON_JOBS_SECONDS = 240

# How the operator's metrics name the decision about clients of one schedule, up to 100 at a time.
DECIDE = "ledger.decide"


@dataclass(frozen=True)
class Size:
    """
    Attributes:
        ticks: cron times in one second.
        idle: schedules whose cron time is months away.
        cron_jobs: CronJobs in one second.
    """

    ticks: int = 10_000
    idle: int = 5_000
    cron_jobs: int = 1_000

    def scaled(self, share: float) -> Size:
        """A part of it, for a first try."""
        return Size(*(max(1, round(share * number)) for number in (self.ticks, self.idle, self.cron_jobs)))


def prepare(installation: Installation) -> None:
    """The schedules without crons, and a few runs. The installation has the slots above."""
    installation.add_schedules(WARM_UP, ENDLESS)
    installation.load.client().must(
        "POST",
        AD_HOC_SCHEDULES,
        objects.schedule("critical", ENDLESS.pod_seconds, "None", places.AD_HOC_NAMESPACE),
    )
    warm_up(installation)


def measure_ticks(installation: Installation, count: int) -> dict[str, Any]:
    """So many cron times in one second, and a few Critical runs while the operator decides them."""
    installation.load.create_at_once(RUNS, runs_of("endless", ENDLESS, SLOTS_PER_NAMESPACE), 4)
    wait_for_pods(installation, "endless", SLOTS_PER_NAMESPACE)
    cron_time = next_minute(time.time(), SECONDS_BEFORE)
    documents = [
        objects.cron_schedule(objects.run_name("ticks", number), ENDLESS.pod_seconds, daily_cron(cron_time), clients)
        for number, clients in enumerate(split(count, CLIENTS))
    ]
    installation.load.create_at_once(SCHEDULES, documents, CONNECTIONS)
    wait_for_clients(installation, "ticks", count, cron_time - time.time() - 5)
    _sleep_until(cron_time - 2)
    load_average = os.getloadavg()[0]
    before = installation.counters()
    _sleep_until(cron_time)
    critical = _CriticalRuns(installation)
    seen = _wait_until_decided(installation, count) - cron_time
    after = installation.counters()
    times = critical.times(cron_time)
    memory = installation.memory()["operator-0"]
    return {
        "due": count,
        **_decisions(installation, count, seen),
        **_of_critical(times, cron_time + seen),
        **_costs(installation, before, after, count),
        "mean_delay_by_metric": (after.operator.tick_delay_seconds - before.operator.tick_delay_seconds)
        / max(1, after.operator.ticks - before.operator.ticks),
        "resident_mib": memory.resident,
        "peak_mib": memory.peak,
        "memory_kills": sum(limit.kills() for limit in installation.limits if limit.available),
        "load_average_before": load_average,
    }


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


class _CriticalRuns:
    """Submits one urgent run at each interval, beginning now, on a thread of its own."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._errors: list[Exception] = []
        self._thread = threading.Thread(target=self._submit, daemon=True)
        self._thread.start()

    def _submit(self) -> None:
        documents = [
            objects.critical_run(
                objects.run_name("critical", number), "critical", client_name(number), places.AD_HOC_NAMESPACE
            )
            for number in range(CRITICAL_RUNS)
        ]
        try:
            time.sleep(CRITICAL_INTERVAL)
            self._installation.load.create_one_by_one(AD_HOC_RUNS, documents, CRITICAL_INTERVAL)
        except (BenchmarkError, OSError) as error:
            self._errors.append(error)

    def times(self, since: float) -> RunTimes:
        """What happened to them, once the gates of all of them are open."""
        self._thread.join()
        if self._errors:
            raise BenchmarkError(f"the Critical runs could not be submitted: {self._errors[0]}")

        def of_audit() -> RunTimes:
            return times_of_runs(self._installation.audit.since(since), "critical")

        wait_until(lambda: len(of_audit().allowed) == CRITICAL_RUNS, CRITICAL_SECONDS, "the Critical runs start")
        return of_audit()


def _wait_until_decided(installation: Installation, count: int) -> float:
    """Returns when a query saw that all cron times have fired, at the latest after DECIDED_SECONDS."""
    end = time.time() + DECIDED_SECONDS
    while time.time() < end:
        installation.check()
        if int(installation.mysql.query("SELECT COUNT(*) FROM tick WHERE decision = 'FIRED'")[0][0]) >= count:
            break
        time.sleep(0.1)
    return time.time()


def _decisions(installation: Installation, count: int, seen: float) -> dict[str, Any]:
    """How late each cron time was decided, and whether each has exactly one run."""
    fired = installation.mysql.query(
        "SELECT run_id, TIMESTAMPDIFF(MICROSECOND, cron_time, decided_at) FROM tick WHERE decision = 'FIRED'"
    )
    runs = int(installation.mysql.query("SELECT COUNT(*) FROM run WHERE schedule LIKE 'ticks-%'")[0][0])
    defects = lost_or_doubled(installation.mysql)
    if not fired:
        raise BenchmarkError(f"no cron time was decided within {DECIDED_SECONDS} s")
    delays = [int(microseconds) / 1e6 for _, microseconds in fired]
    distinct = len({run for run, _ in fired})
    return {
        "decided_p50": percentile(delays, 0.5),
        "decided_last": max(delays),
        "seen_last": seen,
        "per_second": len(fired) / seen,
        "missed": count - distinct,
        "doubled": max(len(fired), runs) - distinct,
        "defects": sum(defects.values()),
        "defects_by_name": defects,
    }


def _of_critical(times: RunTimes, decided: float) -> dict[str, Any]:
    to_start = from_submission(times, times.allowed)
    return {
        "critical_p50": percentile(to_start, 0.5),
        "critical_slowest": max(to_start),
        "critical_seconds": sorted(to_start),
        "critical_meanwhile": sum(submitted < decided for submitted in times.submitted.values()),
    }


def _costs(installation: Installation, before: Counters, after: Counters, count: int) -> dict[str, Any]:
    """What a tick costs, from just before its cron time until the last one is decided."""
    cpu = {program: 1000 * (after.cpu[program] - before.cpu[program]) / count for program in after.cpu}
    sql = {name: (after.sql[name] - before.sql[name]) / count for name in after.sql}
    calls = {name: n - before.operator.calls.get(name, 0) for name, n in after.operator.calls.items()}
    requests = [request for request in installation.audit.since(before.at) if request.received <= after.at]
    own = [request for request in requests if request.user == places.OPERATOR_USER]
    allocated = installation.operator.allocated_mebibytes(
        before.operator.heap_bytes, after.operator.heap_bytes, before.garbage_log, after.garbage_log
    )
    return {
        "operator_cpu_ms": cpu["operator-0"],
        "all_cpu_ms": sum(cpu.values()),
        "cpu_ms_per_tick": cpu,
        "statements": sql["Questions"],
        "sql_per_tick": sql,
        "decide_calls": calls.get(DECIDE, 0),
        "calls": {name: n for name, n in sorted(calls.items()) if n},
        "own_writes": sum(request.writes for request in own),
        "own_requests_by_kind": dict(Counter(request.kind for request in own)),
        "failed_requests": failures(requests),
        "allocated_kib": 1024 * allocated / count,
    }


def measure_cron_jobs(installation: Installation, count: int) -> dict[str, Any]:
    """CronJobs that are due in one second, in an installation without operator."""
    warm_up_jobs(installation)
    load_average = os.getloadavg()[0]
    cron_time = next_minute(time.time(), SECONDS_BEFORE)
    cron = daily_cron(cron_time)
    documents = [
        objects.cron_job(objects.run_name("cron", number), ENDLESS.pod_seconds, cron) for number in range(count)
    ]
    installation.load.create_at_once(CRON_JOBS, documents, CONNECTIONS)
    _sleep_until(cron_time - 2)
    jobs_before = _number_of_jobs(installation)
    before = installation.cpu_seconds()
    _sleep_until(cron_time)
    wait_until(
        lambda: _number_of_jobs(installation) - jobs_before >= count,
        CRON_JOBS_SECONDS,
        f"{count} CronJobs have a Job",
        interval=0.5,
    )
    after = installation.cpu_seconds()
    created = jobs_of_cron_jobs(installation.audit.since(cron_time), "cron")
    delays = [moment - cron_time for moment in created.values()]
    cpu = {program: 1000 * (after[program] - before[program]) / count for program in after}
    return {
        "cron_jobs": count,
        "job_p50": percentile(delays, 0.5),
        "job_last": max(delays),
        "per_second": count / max(delays),
        "cpu_ms_per_job": cpu,
        "load_average_before": load_average,
    }


def _number_of_jobs(installation: Installation) -> int:
    """Counted by the API server: to read the audit log meanwhile would take CPU from what is measured."""
    installation.check()
    jobs = installation.load.client().must("GET", f"{JOBS}?limit=1")
    return len(jobs["items"]) + jobs["metadata"].get("remainingItemCount", 0)
