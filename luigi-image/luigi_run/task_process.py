# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A subclass of Luigi's task process: its own process group, output and result pipe, and an end within bounded time.

It overrides private members of Luigi, so it works only with the version that requirements/run.in pins.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import logging
import multiprocessing.popen_fork
import os
import signal
import sys
import time
from typing import Any

import luigi
import luigi.worker
import psutil
from luigi.task import DynamicRequirements
from luigi.tools.range import RangeBase

from luigi_run import failure, processes, ranges
from luigi_run.channel import Channel, Outlet
from luigi_run.loading import display_name, private_params
from luigi_run.redact import Redactor
from luigi_run.results import Result

logger = logging.getLogger("luigi_run")

# After the stacks of a task that is stopped were requested: SIGTERM, SIGKILL, and the time for the end after it.
_DUMP_SECONDS = 0.05
_TERM_SECONDS = 3.0
_KILL_SECONDS = 1.0
# Time for a dynamic dependency that ran to become complete: the listing of an object store may lag.
_SETTLE_SECONDS = 5.0
_SETTLE_INTERVAL = 0.5
# How often a task may yield dependencies that are new but get it no further than before.
_MAX_STOPS = 8
_NAMES_SHOWN = 5


@dataclasses.dataclass
class Yielded:
    """What the Luigi process knows of the dynamic dependencies of a task: each run of the task yields them again."""

    last: int = -1
    most: int = -1
    stops: int = 0
    task_ids: set[str] = dataclasses.field(default_factory=set)

    def add(self, passed: int, task_ids: list[str]) -> None:
        """The task was suspended after `passed` complete yields, until these tasks have run."""
        self.stops = 1 if passed > self.most else self.stops + 1
        self.last, self.most = passed, max(passed, self.most)
        self.task_ids.update(task_ids)


class RunnerTaskProcess(luigi.worker.ContextManagedTaskProcess):
    """A task in its own process group. Its end also ends all processes that it started."""

    def connect(self, channel: Channel, package: str, redact: Redactor, outlet: Outlet, yielded: Yielded) -> None:
        self._channel = channel
        self._package = package
        self._redact = redact
        self._outlet = outlet
        self._yielded = yielded
        self._passed = 0
        self._stop_sent: float | None = None
        self._terminated = self._killed = False
        self._tree: list[psutil.Process] = []
        self.result_queue = self  # Luigi calls put()
        self.timeout_at = time.monotonic() + self.worker_timeout if self.worker_timeout else None

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  the name that multiprocessing uses
        # Whatever start method user code has set: the task must inherit the state of the Luigi process.
        return multiprocessing.popen_fork.Popen(process_obj)

    # ---- in the task process

    def run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        processes.die_with_parent()
        # The inherited handler of Luigi must not run in a task. A SIGTERM handler of user code is kept.
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        self._channel.become_task(self.task.task_id)
        super().run()

    def put(self, result: tuple[str, str | None, Any, list[str], Any]) -> None:
        """Sends the result to the Luigi process. A result that cannot be sent is a failure of this task."""
        task_id, status, expl, missing, new_deps = result
        error = sys.exc_info()[1]
        if isinstance(error, KeyboardInterrupt):  # Luigi handles it as if the task had to run again
            status, expl = luigi.scheduler.FAILED, self._handle_run_exception(error)
        assert status is not None
        if status == luigi.scheduler.DONE:
            expl = ""  # on_success() may return anything, and nothing reads it
        sent = Result(task_id, status, expl, tuple(missing), tuple(new_deps or ()), self._passed)
        try:
            data = sent.encode()
        except Exception as wrong:
            sent = Result(task_id, luigi.scheduler.FAILED, self._handle_run_exception(wrong), tuple(missing))
            data = sent.encode()
        self._outlet.write(data)
        self._outlet.close()

    def _run_get_new_deps(self) -> list[tuple[str, str, dict[str, Any]]] | None:
        """As in Luigi, but fails if dynamic dependencies ran and are still not complete: Luigi would run them again."""
        self.check_complete = self._check_complete
        generator = self.task.run()
        if isinstance(generator, collections.abc.Generator):
            reply = None
            while True:
                try:
                    requires = generator.send(reply)
                except StopIteration:
                    break
                if not isinstance(requires, DynamicRequirements):
                    requires = DynamicRequirements(requires)
                if not requires.complete(self.check_complete) and not self._settles(requires):
                    # All parameters: Luigi leaves out private ones, and cannot create the task in its own process.
                    return [
                        (task.task_module, task.task_family, {**task.to_str_params(), **private_params(task)})
                        for task in requires.flat_requirements
                    ]
                self._passed += 1
                reply = requires.paths
        if isinstance(self.task, RangeBase):
            self._check_range(self.task)
        return None

    def _check_complete(self, task: luigi.Task) -> bool:
        complete = luigi.worker.check_complete_cached(task, self.task_completion_cache)
        if complete and isinstance(task, RangeBase):
            ranges.check(task)
        return complete

    def _settles(self, requires: DynamicRequirements) -> bool:
        """False if the task must wait for these dependencies, True if they have become complete meanwhile.

        Raises NeverComplete if they have just run for this task, or if the task gets no further.
        """
        if self._passed > self._yielded.most:
            return False
        known = self._yielded.task_ids if self._passed == self._yielded.last else ()
        ran = [task for task in requires.flat_requirements if task.task_id in known]
        end = time.monotonic() + _SETTLE_SECONDS
        while len(ran) == len(requires.flat_requirements) or not all(map(self.check_complete, ran)):
            if requires.complete(self.check_complete):
                return True
            if time.monotonic() >= end:
                raise self._never_complete([task for task in ran if not self.check_complete(task)] or ran)
            time.sleep(_SETTLE_INTERVAL)
        if self._yielded.stops >= _MAX_STOPS:
            raise failure.NeverComplete(
                f"The task has waited {self._yielded.stops} times for dependencies without getting further, last for "
                f"{_names(requires.flat_requirements)}. Luigi runs run() from its beginning whenever the yielded tasks "
                "have run, so it must yield the same tasks again: do not make them from the current time, and do not "
                "remove their outputs."
            )
        return False

    def _never_complete(self, tasks: list[luigi.Task]) -> Exception:
        return failure.NeverComplete(
            f"These dynamic dependencies ran, but complete() still returns False: {_names(tasks)}. "
            "Correct their run(), output() or complete()."
        )

    def _check_range(self, task: RangeBase) -> None:
        # A Range caches requires(), at most task_limit instances, and is complete if these are complete.
        task.__dict__.pop("_cached_requires", None)
        if not task.complete():
            raise failure.RangeCut(
                f"The range has reached its task_limit of {task.task_limit}, and more instances are missing."
            )

    def _handle_run_exception(self, ex: BaseException) -> dict[str, Any]:
        """Returns a description of the exception instead of its text; Luigi passes it to the scheduler unchanged."""
        try:
            super()._handle_run_exception(ex)
        except BaseException:
            logger.exception("on_failure() or a handler of the FAILURE event of %s raised an exception", self.task)
        return {"failure": failure.from_exception(ex, self._package, self._redact)}

    # ---- in the Luigi process

    def start(self) -> None:
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # The kernel would discard exit codes: of tasks, and of the programs that they run.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        super().start()
        self._outlet.close()
        with contextlib.suppress(OSError):
            os.setpgid(self.pid, self.pid)  # in parent and child, because either may run first

    def ended(self) -> bool:
        # is_alive() remains true if user code in the Luigi process has waited for this process.
        return not self.is_alive() or not psutil.pid_exists(self.pid)

    def stopping(self) -> bool:
        return self._stop_sent is not None

    def stop(self) -> None:
        """Begins to stop the task; stopped() goes on. Where is it now: faulthandler writes the stacks."""
        self._stop_sent = time.monotonic()
        processes.signal_process(self.pid, signal.SIGUSR2)

    def stopped(self) -> bool:
        """Whether the task and its descendants have ended, also those that left the process group.

        Sends SIGTERM, then SIGKILL to those that ignore it. True at the latest after 4 s.
        """
        assert self._stop_sent is not None
        since = time.monotonic() - self._stop_sent
        if since < _DUMP_SECONDS:
            return False
        if not self._terminated:
            self._terminated = True
            self._tree = self._descendants()
            outside = [process for process in self._tree if _group(process.pid) != self.pid]
            processes.signal_group(self.pid, signal.SIGTERM)
            for process in outside:
                _quietly(process.terminate)
        if self.ended() and not any(_quietly(process.is_running) and _alive(process) for process in self._tree):
            processes.signal_group(self.pid, signal.SIGKILL)  # children that the task started after SIGTERM
            return True
        if since >= _TERM_SECONDS and not self._killed:
            self._killed = True
            self.kill_tree()
        return since >= _TERM_SECONDS + _KILL_SECONDS

    def kill_tree(self) -> None:
        for process in [*self._tree, *self._descendants()]:
            for below in [*(_quietly(lambda process=process: process.children(recursive=True)) or []), process]:
                _quietly(below.kill)
        processes.signal_group(self.pid, signal.SIGKILL)

    def next_step(self) -> float | None:
        """When the task must be stopped or killed next, in seconds from now; None if there is no such time."""
        now = time.monotonic()
        if self._stop_sent is None:
            return self.timeout_at - now if self.timeout_at is not None else None
        return min(0.05, self._stop_sent + _TERM_SECONDS + _KILL_SECONDS - now)

    def terminate(self) -> None:
        """Stops the task and waits for its end."""
        if not self.stopping():
            self.stop()
        while not self.stopped():
            self.join(0.05)

    def _descendants(self) -> list[psutil.Process]:
        return _quietly(lambda: psutil.Process(self.pid).children(recursive=True)) or []


def _names(tasks: list[luigi.Task]) -> str:
    more = f" and {len(tasks) - _NAMES_SHOWN} more" if len(tasks) > _NAMES_SHOWN else ""
    return ", ".join(display_name(task)[:200] for task in tasks[:_NAMES_SHOWN]) + more


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _alive(process: psutil.Process) -> bool:
    return _quietly(process.status) not in (None, psutil.STATUS_ZOMBIE)


def _quietly(action: Any) -> Any:
    try:
        return action()
    except psutil.Error:
        return None
