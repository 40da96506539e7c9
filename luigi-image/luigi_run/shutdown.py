# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Stops an attempt in steps: after SIGTERM within the grace period, at the deadline immediately.

The steps are: SIGUSR1, after which Luigi starts no new tasks; SIGTERM to the running tasks; SIGKILL to them; SIGKILL to
all remaining processes. Times are those of time.monotonic().
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Any, Protocol

from luigi_run.logs import Log
from luigi_run.verdict import Verdict


class PhaseControl(Protocol):
    """The operations on the process of the current phase."""

    def start_no_new_tasks(self) -> None: ...

    def task_runs(self) -> bool: ...

    def dump_stacks(self) -> None: ...

    def signal_tasks(self, number: signal.Signals) -> set[str]: ...

    def kill(self) -> None: ...


class Shutdown:
    """Whether and why the attempt is being stopped, and the steps that are left."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.verdict: Verdict | None = None
        self.interrupted: set[str] = set()
        self.wakeup, self._wakeup_write = socket.socketpair()
        self.wakeup.setblocking(False)
        self._wakeup_write.setblocking(False)
        self._signals: list[int] = []
        self._grace = 0
        self._deadline: float | None = None
        self._steps: list[tuple[float, Callable[[PhaseControl], None]]] = []

    def watch(self, grace: int, deadline: float | None) -> None:
        """Handles SIGTERM and SIGINT, and wakes the event loop when a child process ends.

        The handlers stay until the end of the process: a signal must not interrupt the final message.
        """
        self._grace, self._deadline = grace, deadline
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: Any) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def next_due(self) -> float | None:
        """The time of the next step of tick()."""
        if self.verdict is None:
            return self._deadline
        return self._steps[0][0] if self._steps else None

    def time_left(self) -> bool:
        """False after the last step of the shutdown."""
        return self.verdict is None or bool(self._steps)

    def tick(self, now: float, process: PhaseControl) -> None:
        """Executes the steps that are due."""
        with contextlib.suppress(BlockingIOError):
            while self.wakeup.recv(4096):
                pass
        if self.verdict is None and self._signals:
            self._begin(Verdict.Drained, now, *_drain_times(self._grace))
        elif self.verdict is None and self._deadline is not None and now >= self._deadline:
            self._begin(Verdict.Deadline, now, 0.0, 6.0, 8.0)
        elif self._signals.count(signal.SIGINT) > 1:
            self._steps = [(now, step) for _, step in self._steps]  # the second Ctrl-C at a terminal
        while self._steps and self._steps[0][0] <= now:
            self._steps.pop(0)[1](process)

    def _begin(self, verdict: Verdict, now: float, term: float, kill: float, end: float) -> None:
        self.verdict = verdict
        self._steps = [
            (now, lambda process: self._start_no_new_tasks(process, term)),
            (now + term, lambda process: self._interrupt(process, signal.SIGTERM)),
            (now + kill, lambda process: self._interrupt(process, signal.SIGKILL)),
            (now + end, lambda process: process.kill()),
        ]

    def _start_no_new_tasks(self, process: PhaseControl, seconds: float) -> None:
        assert self.verdict
        if self.verdict is Verdict.Deadline and not process.task_runs():
            process.dump_stacks()
        process.start_no_new_tasks()
        self._log.line(f"{self.verdict.label}: no new tasks start, running tasks have {seconds:.0f} s to finish")

    def _interrupt(self, process: PhaseControl, number: signal.Signals) -> None:
        interrupted = process.signal_tasks(number)
        if interrupted:
            self._log.line(f"Sent {number.name} to {len(interrupted)} running tasks", level="WARNING")
        self.interrupted |= interrupted


def _drain_times(grace: int) -> tuple[float, float, float]:
    """Seconds until SIGTERM for tasks, SIGKILL for tasks, SIGKILL for all. The rest is for the final message."""
    return max(0.0, grace - 10.0), max(grace * 0.6, grace - 4.0), max(grace * 0.8, grace - 2.0)
