# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Which lane runs when, and on which installation."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from . import counts, lanes
from .baseline import measure_baseline
from .idle import idle_schedules
from .installation import Installation
from .kill import kill
from .table import BARE
from .ticks import SLOTS, SLOTS_PER_NAMESPACE, Size, measure_cron_jobs, measure_ticks, prepare
from .waiting import waiting

DEFAULT_LANES = ("baseline", "burst", "mutex", "single", "waiting", "kill", "counts")
LANES = (*DEFAULT_LANES, "ticks")
# Of one operator process, in this order: a burst meets a cold JVM, the lanes after it a warm one.
FAST_LANES = ("burst", "mutex", "single")
REPETITIONS = 3
LIMIT_SECONDS = 20 * 60
# The CronJobs of the lane ticks are left out when it has taken so long before them.
TICKS_LIMIT_SECONDS = 9 * 60

WAITING_RUNS = 10_000
REST_SECONDS = 60
STARTS = 1500
STARTS_SECONDS = 60


@dataclass
class Results:
    """Figures by lane and repetition, and what was special about this run."""

    lanes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, lane: str, figures: dict[str, Any]) -> None:
        self.lanes.setdefault(lane, []).append(figures)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


class Plan:
    """Runs lanes one after the other."""

    def __init__(self, chosen: Collection[str], repeat: bool, ticks: Size) -> None:
        """
        Args:
            chosen: names of lanes.
            repeat: whether the fast ones run several times, as long as the time limit allows.
            ticks: the numbers of the lane ticks.
        """
        self._chosen = chosen
        self._repetitions = REPETITIONS if repeat else 1
        self._began = time.monotonic()
        self._longest_repetition = 0.0
        self._ticks_size = ticks
        self.results = Results()

    def run(self) -> None:
        if self._begins("baseline", "bare Jobs"):
            with Installation("baseline") as installation:
                for lane, figures in measure_baseline(installation).items():
                    self.results.add(f"{BARE}{lane}", figures)
        if {*FAST_LANES, "waiting"} & set(self._chosen):
            self._one_operator(1, slow_lanes=True)
        if self._begins("kill"):
            self._kill()
        if self._begins("counts"):
            self._counts()
        if self._begins("ticks", "idle schedules"):
            self._ticks()
        if set(FAST_LANES) & set(self._chosen):
            self._repeat()

    def _repeat(self) -> None:
        for repetition in range(2, self._repetitions + 1):
            if self._longest_repetition > LIMIT_SECONDS - (time.monotonic() - self._began):
                self.results.note(f"No repetition {repetition}: it would have exceeded {LIMIT_SECONDS // 60} minutes.")
                return
            self._one_operator(repetition, slow_lanes=False)

    def _one_operator(self, repetition: int, slow_lanes: bool) -> None:
        began = time.monotonic()
        with Installation(f"operator-{repetition}", operators=1) as installation:
            self._note_start(installation)
            installation.add_schedules(*lanes.SCHEDULES)
            lanes.warm_up(installation)
            self._fast_lanes(installation, repetition)
            self._longest_repetition = max(self._longest_repetition, time.monotonic() - began)
            if slow_lanes:
                self._slow_lanes(installation)

    def _fast_lanes(self, installation: Installation, repetition: int) -> None:
        if self._begins("burst", f"cold, repetition {repetition}"):
            self.results.add("burst-cold", lanes.burst(installation, "cold"))
        if self._begins("mutex", f"repetition {repetition}"):
            self.results.add("mutex", lanes.mutex(installation, "mutex"))
        if self._begins("single", f"repetition {repetition}"):
            self.results.add("single", lanes.single(installation, "single"))

    def _slow_lanes(self, installation: Installation) -> None:
        if self._begins("burst", "warm"):
            self.results.add("burst-warm", lanes.burst(installation, "warm"))
        if self._begins("waiting"):
            figures = waiting(installation, lanes.SLOTS, WAITING_RUNS, REST_SECONDS, STARTS, STARTS_SECONDS)
            self.results.add("waiting", figures)

    def _kill(self) -> None:
        with Installation("kill", operators=2) as installation:
            self._note_start(installation)
            installation.add_schedules(*lanes.SCHEDULES)
            lanes.warm_up(installation)
            self.results.add("kill", kill(installation))

    def _counts(self) -> None:
        with Installation("counts", operators=1, capacity=counts.SLOTS, count_round_trips=True) as installation:
            self._note_start(installation)
            for lane, figures in counts.measure_counts(installation).items():
                self.results.add(f"counts-{lane}", figures)

    def _ticks(self) -> None:
        began = time.monotonic()
        size = self._ticks_size
        if size != Size():
            self.results.note(f"Not the numbers that the goals are for, but {size}.")
        with Installation("ticks", operators=1, capacity=SLOTS, capacity_per_namespace=SLOTS_PER_NAMESPACE) as operator:
            self._note_start(operator)
            prepare(operator)
            self._add_with_load("idle-schedules", idle_schedules(operator, size.idle))
            self._announce("ticks (cron times)")
            self._add_with_load("ticks", measure_ticks(operator, size.ticks))
        if time.monotonic() - began > TICKS_LIMIT_SECONDS:
            self.results.note(f"No CronJobs: {TICKS_LIMIT_SECONDS // 60} minutes had passed.")
            return
        self._announce("ticks (CronJobs)")
        with Installation("cron-jobs") as installation:
            self._add_with_load(f"{BARE}ticks", measure_cron_jobs(installation, size.cron_jobs))

    def _add_with_load(self, lane: str, figures: dict[str, Any]) -> None:
        self.results.add(lane, figures)
        self.results.note(f"Load average of the machine before {lane}: {figures['load_average_before']:.1f}")

    def _note_start(self, installation: Installation) -> None:
        for operator in installation.operators:
            self.results.add(
                "start", {"ready_seconds": operator.ready_seconds, "ready_cpu_seconds": operator.ready_cpu_seconds}
            )
        for limit in installation.limits:
            if not limit.available:
                self.results.note(f"The operator ran with MaxRAM={limit.mebibytes}m instead: {limit.problem}.")
        self.results.note(f"MySQL {installation.mysql.version}")

    def _begins(self, lane: str, detail: str = "") -> bool:
        """Whether the lane was chosen and there is time for it; announces it."""
        if lane not in self._chosen:
            return False
        passed = time.monotonic() - self._began
        text = f"{lane} ({detail})" if detail else lane
        if self._repetitions > 1 and passed > LIMIT_SECONDS:
            self.results.note(f"Left out after {LIMIT_SECONDS // 60} minutes: {text}.")
            return False
        self._announce(text)
        return True

    def _announce(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:6.1f}s] {text} ...", file=sys.stderr, flush=True)
