# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Ends an attempt in steps: on SIGTERM within the grace period, at the deadline at once.

SIGUSR1 lets Luigi finish what runs and take no more; then SIGTERM to the running tasks, then SIGKILL, then SIGKILL to
all that is left. Times are those of time.monotonic().
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Any, Protocol

from luigi_run.logs import Log
from luigi_run.verdict import Verdict


class Stoppable(Protocol):
    """What a stop acts on: the process of the current phase."""

    def take_no_more(self) -> None: ...

    def signal_tasks(self, number: signal.Signals) -> set[str]: ...

    def kill(self) -> None: ...


class Stopping:
    """Whether, why and how far the attempt is being stopped."""

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
        self._steps: list[tuple[float, Callable[[Stoppable], None]]] = []

    def watch(self, grace: int, deadline: float | None) -> None:
        """From now to the end of this process: takes SIGTERM and SIGINT, and wakes the event loop for ended children.

        The handlers are never given back, since a signal during the final message must not cost that message.
        """
        self._grace, self._deadline = grace, deadline
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: Any) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def next_due(self) -> float | None:
        """When tick() has something to do next."""
        if self.verdict is None:
            return self._deadline
        return self._steps[0][0] if self._steps else None

    def time_left(self) -> bool:
        """False once every step of a stop has been taken."""
        return self.verdict is None or bool(self._steps)

    def tick(self, now: float, process: Stoppable) -> None:
        """Takes the steps that are due."""
        with contextlib.suppress(BlockingIOError):
            while self.wakeup.recv(4096):
                pass
        if self.verdict is None and self._signals:
            self._begin(Verdict.Drained, now, *_drain_times(self._grace))
        elif self.verdict is None and self._deadline is not None and now >= self._deadline:
            self._begin(Verdict.Deadline, now, 0.0, 6.0, 8.0)
        elif self._signals.count(signal.SIGINT) > 1:
            self._steps = [(now, step) for _, step in self._steps]  # an impatient person at a terminal
        while self._steps and self._steps[0][0] <= now:
            self._steps.pop(0)[1](process)

    def _begin(self, verdict: Verdict, now: float, term: float, kill: float, end: float) -> None:
        self.verdict = verdict
        self._steps = [
            (now, lambda process: self._take_no_more(process, term)),
            (now + term, lambda process: self._interrupt(process, signal.SIGTERM)),
            (now + kill, lambda process: self._interrupt(process, signal.SIGKILL)),
            (now + end, lambda process: process.kill()),
        ]

    def _take_no_more(self, process: Stoppable, seconds: float) -> None:
        process.take_no_more()
        assert self.verdict
        self._log.line(f"{self.verdict.word}: no new tasks from now on, running ones have {seconds:.0f} s to finish")

    def _interrupt(self, process: Stoppable, number: signal.Signals) -> None:
        interrupted = process.signal_tasks(number)
        if interrupted:
            self._log.line(f"{number.name} for {len(interrupted)} running tasks", level="WARNING")
        self.interrupted |= interrupted


def _drain_times(grace: int) -> tuple[float, float, float]:
    """Seconds after SIGTERM to SIGTERM for tasks, SIGKILL for tasks, SIGKILL for all; the rest is for the message."""
    return max(0.0, grace - 10.0), max(grace * 0.6, grace - 4.0), max(grace * 0.8, grace - 2.0)
