# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what is measured, its goal, and for counts the limit that the tests enforce.

A goal is what the operator has to reach. A limit keeps it from becoming more expensive: bench/test fails above it. It
is a little above the last measurement; a change that makes the operator cheaper lowers it, down to the goal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Goal:
    """
    Attributes:
        at_least: whether more is better.
        bound: the value to reach, from the figures of the lane and of the baseline in the same lane; None when it
            follows from a baseline that was not measured.
    """

    at_least: bool
    bound: Callable[[Figures, Figures], float | None]

    def met(self, value: float, own: Figures, baseline: Figures) -> bool | None:
        bound = self.bound(own, baseline)
        if bound is None:
            return None
        return value >= bound if self.at_least else value <= bound


def at_most(value: float) -> Goal:
    return Goal(False, lambda _own, _baseline: value)


def at_least(value: float) -> Goal:
    return Goal(True, lambda _own, _baseline: value)


def at_most_times(factor: float, figure: str) -> Goal:
    """So many times another figure of the same lane."""
    return Goal(False, lambda own, _baseline: factor * own[figure])


def share_of_baseline(share: float, figure: str, floor: float) -> Goal:
    """At least this share of what bare Jobs reach, or the floor, whichever is more."""
    return Goal(True, lambda _own, baseline: max(share * baseline[figure], floor) if figure in baseline else None)


@dataclass(frozen=True)
class Row:
    """
    Attributes:
        lane: whose figures these are.
        figure: which of them.
        text: what it is, for people.
        unit: %, ms, s, MiB, /s, % of a core, or nothing for a number.
        goal: if there is one.
        limit: what bench/test enforces; only for figures that are the same on every machine.
    """

    lane: str
    figure: str
    text: str
    unit: str = ""
    goal: Goal | None = None
    limit: float | None = None


def burst_rows(lane: str) -> tuple[Row, ...]:
    return (
        Row(lane, "efficiency", "drain efficiency", "%", share_of_baseline(0.9, "efficiency", 0.77)),
        Row(lane, "turnaround_p50", "slot turnaround p50", "ms"),
        Row(lane, "turnaround_p99", "slot turnaround p99", "ms", at_most_times(3, "turnaround_p50")),
        Row(lane, "to_running_p50", "pod ended -> next pod running p50", "ms"),
        Row(lane, "first_starts_p50", "submit -> start of the first 50, p50", "s", at_most(2)),
        Row(lane, "most_at_once", "most runs between start and end at once", "", at_most(50)),
        *cost_rows(lane, statements=55),
    )


def cost_rows(lane: str, statements: float) -> tuple[Row, ...]:
    return (
        Row(lane, "operator_cpu_ms", "operator CPU per run", "ms"),
        Row(lane, "compiler_cpu_ms", "  by the JIT compilers", "ms"),
        Row(lane, "reconciliation_cpu_ms", "  by reconciliation (SQL, requests)", "ms"),
        Row(lane, "admission_cpu_ms", "  by admission", "ms"),
        Row(lane, "other_cpu_ms", "  by the rest (TLS and JSON of watch events, GC)", "ms"),
        Row(lane, "api_server_cpu_ms", "API server CPU per run", "ms"),
        Row(lane, "all_cpu_ms", "CPU of all programs per run", "ms"),
        Row(lane, "cpu_ratio", "operator CPU / API server CPU", "", at_most(0.25)),
        Row(lane, "statements", "SQL statements per run", "", at_most(statements)),
        Row(lane, "loads", "reads of the run's rows per run", "", at_most(6)),
        Row(lane, "own_writes", "own API writes per run"),
        Row(lane, "own_writes_short", "own API writes, less one for a wait over 2 s", "", at_most(4)),
        Row(lane, "reads", "own API reads per run", "", at_most(1)),
        Row(lane, "writes_per_run", "API writes per run by all programs"),
        Row(lane, "allocated_mib", "allocated per run", "MiB", at_most(3)),
        Row(lane, "peak_mib", "peak RSS of the operator so far", "MiB", at_most(256)),
    )


# Counted in few runs. These limits are enforced.
COUNTS = (
    Row("counts-single", "statements", "SQL statements per run", "", at_most(45), limit=50),
    Row("counts-single", "round_trips", "SQL round trips per run", "", at_most(30), limit=30),
    Row("counts-single", "loads", "reads of the run's rows per run", "", at_most(6), limit=6),
    Row("counts-single", "own_writes_short", "own API writes, less one for a wait over 2 s", "", at_most(4), limit=5),
    Row("counts-single", "reads", "own API reads per run", "", at_most(1), limit=1),
    Row("counts-single", "allocated_mib", "allocated per run", "MiB", at_most(3), limit=5),
    Row("counts-burst", "statements", "SQL statements per run", "", at_most(55), limit=55),
    Row("counts-burst", "round_trips", "SQL round trips per run", "", at_most(30), limit=30),
    Row("counts-burst", "loads", "reads of the run's rows per run", "", at_most(6), limit=6),
    Row("counts-burst", "own_writes_short", "own API writes, less one for a wait over 2 s", "", at_most(4), limit=5),
    Row("counts-burst", "reads", "own API reads per run", "", at_most(1), limit=1),
    Row("counts-burst", "allocated_mib", "allocated per run", "MiB", at_most(3), limit=5),
    Row("counts-waiting", "statements_per_second", "SQL statements while 100 runs wait", "/s", at_most(5), limit=10),
    Row("counts-waiting", "idle_requests", "own requests about 100 runs that wait", "", at_most(0), limit=2),
)

# Of bench-ticks.
TICKS = (
    Row("bare-ticks", "cron_jobs", "CronJobs due in one second"),
    Row("bare-ticks", "job_p50", "cron time -> Job created p50", "s"),
    Row("bare-ticks", "job_last", "cron time -> last Job created", "s"),
    Row("bare-ticks", "per_second", "Jobs created", "/s"),
    Row("idle-schedules", "schedules", "schedules whose cron time is months away"),
    Row("idle-schedules", "taken_over_seconds", "first one created -> all of them taken over", "s"),
    Row("idle-schedules", "operator_cpu_ms", "operator CPU for each, until its status is written", "ms"),
    Row("idle-schedules", "statements_per_schedule", "SQL statements for each, until its status is written"),
    Row("idle-schedules", "before_cpu", "operator CPU at rest without them", "% of a core"),
    Row("idle-schedules", "cpu", "operator CPU at rest with them", "% of a core", at_most(0.005)),
    Row("idle-schedules", "before_statements", "SQL statements at rest without them", "/min"),
    Row(
        "idle-schedules",
        "statements",
        "SQL statements at rest with them",
        "/min",
        at_most_times(1.1, "before_statements"),
    ),
    Row("idle-schedules", "other_calls", "calls of the ledger of other kinds than without them", "", at_most(0)),
    Row("idle-schedules", "own_writes", "own API writes at rest with them", "", at_most(0)),
    Row("idle-schedules", "resident_mib", "RSS of the operator with them", "MiB", at_most(256)),
    Row("ticks", "due", "cron times due in one second"),
    Row("ticks", "missed", "cron times without a run after 120 s", "", at_most(0)),
    Row("ticks", "doubled", "cron times or runs that are there twice", "", at_most(0)),
    Row("ticks", "defects", "found by the query of docs/schedules.md", "", at_most(0)),
    Row("ticks", "decided_p50", "cron time -> decided p50 (tick.decided_at)", "s"),
    Row("ticks", "decided_last", "cron time -> last one decided (tick.decided_at)", "s", at_most(10)),
    Row("ticks", "seen_last", "cron time -> a query sees all of them", "s", at_most(10)),
    Row("ticks", "mean_delay_by_metric", "mean of the metric luigi_operator_ticks_delay_seconds", "s"),
    Row("ticks", "per_second", "decided", "/s"),
    Row("ticks", "critical_meanwhile", "Critical runs submitted meanwhile"),
    Row("ticks", "critical_p50", "submit -> start of a Critical run p50", "s"),
    Row("ticks", "critical_slowest", "submit -> start of the slowest Critical run", "s", at_most(1)),
    Row("ticks", "operator_cpu_ms", "operator CPU per cron time", "ms"),
    Row("ticks", "all_cpu_ms", "CPU of all programs per cron time", "ms"),
    Row("ticks", "decide_calls", "calls of the ledger that decide them", "", at_most_times(0.02, "due")),
    Row("ticks", "statements", "SQL statements per cron time"),
    Row("ticks", "allocated_kib", "allocated per cron time", "KiB"),
    Row("ticks", "own_writes", "own API writes meanwhile"),
    Row("ticks", "peak_mib", "peak RSS of the operator over all of this", "MiB", at_most(256)),
    Row("ticks", "memory_kills", "killed for lack of memory", "", at_most(0)),
)

HALF_OF_BARE_JOBS = share_of_baseline(0.5, "starts_per_second", 0)

ROWS = (
    Row("bare-burst", "efficiency", "drain efficiency", "%"),
    Row("bare-burst", "turnaround_p50", "slot turnaround p50", "ms"),
    Row("bare-burst", "turnaround_p99", "slot turnaround p99", "ms"),
    Row("bare-burst", "first_starts_p50", "submit -> start of the first 50, p50", "s"),
    Row("bare-burst", "api_server_cpu_ms", "API server CPU per Job", "ms"),
    Row("bare-burst", "all_cpu_ms", "CPU of all programs per Job", "ms"),
    Row("bare-burst", "writes_per_run", "API writes per Job by all programs"),
    Row("bare-mutex", "efficiency", "efficiency", "%"),
    Row("bare-mutex", "handover_p99", "handover p99", "ms"),
    Row("bare-single", "to_start_p50", "submit -> start p50", "ms"),
    Row("bare-waiting", "starts_per_second", "starts with pods of 0.1 s", "/s"),
    Row("start", "ready_seconds", "operator start -> ready", "s"),
    Row("start", "ready_cpu_seconds", "CPU until ready", "s", at_most(1.5)),
    *burst_rows("burst-cold"),
    *burst_rows("burst-warm"),
    Row("mutex", "efficiency", "efficiency", "%", at_least(0.85)),
    Row("mutex", "handover_p50", "handover p50", "ms"),
    Row("mutex", "handover_p99", "handover p99", "ms", at_most(0.5)),
    Row("mutex", "overlaps", "overlaps of one client", "", at_most(0)),
    Row("mutex", "operator_cpu_ms", "operator CPU per run", "ms"),
    Row("single", "to_start_p50", "submit -> start p50", "ms", at_most(0.06)),
    Row("single", "to_start_p99", "submit -> start p99", "ms"),
    Row("single", "to_bound_p50", "submit -> node chosen p50", "ms"),
    *cost_rows("single", statements=45)[:-1],
    Row("waiting", "accepted", "of 10,000 runs accepted within the time limit"),
    Row("waiting", "accepted_per_second", "runs accepted", "/s"),
    Row("waiting", "idle_cpu", "operator CPU at rest", "% of a core", at_most(0.01)),
    Row("waiting", "statements_per_second", "SQL statements at rest", "/s", at_most(5)),
    Row("waiting", "idle_requests", "own requests about waiting runs at rest", "", at_most(0)),
    Row("waiting", "resident_mib", "RSS with these waiting runs", "MiB"),
    Row("waiting", "starts_per_second", "starts when slots come free", "/s", HALF_OF_BARE_JOBS),
    Row("waiting", "peak_mib", "peak RSS of the operator over all of this", "MiB", at_most(256)),
    Row("waiting", "memory_kills", "killed for lack of memory", "", at_most(0)),
    Row("kill", "lost", "runs lost", "", at_most(0)),
    Row("kill", "doubled", "runs with two attempts or two pods", "", at_most(0)),
    Row("kill", "next_start_seconds", "kill -9 -> next start", "s", at_most(10)),
    *COUNTS,
    *TICKS,
)
