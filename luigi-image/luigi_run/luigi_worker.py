# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Subclasses of Luigi's scheduler, worker and task process that report every task state and detect lost tasks.

They override private members of Luigi, so they work only with the version that requirements/run.in pins.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import time
from typing import Any

import luigi
import luigi.scheduler
import luigi.worker
import psutil
from luigi.tools.range import RangeBase

from luigi_run import failure, processes
from luigi_run.channel import Channel
from luigi_run.loading import display_name
from luigi_run.redact import Redactor

logger = logging.getLogger("luigi_run")

# Time to wait for the result of a task process that has ended: it may still be in the queue.
_RESULT_SECONDS = 5.0
# Time between SIGTERM and SIGKILL for the processes of a task that is stopped.
_TERM_SECONDS = 3.0


class ReportingScheduler(luigi.scheduler.Scheduler):
    """Reports every change of the state of a task, for any number of workers, in the process that owns the state."""

    def connect(self, worker: RunnerWorker, channel: Channel, package: str, redact: Redactor) -> None:
        self._worker = worker
        self._channel = channel
        self._package = package
        self._redact = redact
        self._owner = os.getpid()
        self._reported: dict[str, str] = {}
        self._batches: dict[str, list[str]] = {}

    def add_task(self, *args: Any, **kwargs: Any) -> None:
        super().add_task(*args, **kwargs)
        if os.getpid() != self._owner:
            return  # in a task process, which sets its tracking URL on its own copy of the scheduler
        task_id = kwargs["task_id"]
        if kwargs.get("batch_id"):
            self._batches[task_id] = self._batches.pop(kwargs["batch_id"])
            return
        problem = self._problem(task_id, kwargs)
        for changed in self._batches.get(task_id, [task_id]):
            self._report(changed, problem)

    def get_work(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        reply = super().get_work(*args, **kwargs)
        if reply.get("task_id"):
            self._report(reply["task_id"], None)
        elif "batch_id" in reply:
            self._batches[reply["batch_id"]] = reply["batch_task_ids"]
            for task_id in reply["batch_task_ids"]:
                self._report(task_id, None)
        return reply

    def awaits_retry(self) -> bool:
        """Whether this worker will retry a failed task."""
        if self._config.retry_delay < 0:
            return False
        return any(
            self._reported.get(task.id) == "failed"
            for task in self._state.get_active_tasks_by_status(luigi.scheduler.FAILED)
        )

    def _problem(self, task_id: str, kwargs: dict[str, Any]) -> dict[str, Any] | None:
        status = kwargs.get("status")
        if status == luigi.scheduler.UNKNOWN:
            found = self._worker.scheduling_failures.pop(task_id, None)
            return found or failure.sentence(
                "The task was not scheduled, because task_limit of the Luigi worker is reached; increase task_limit."
            )
        if status != luigi.scheduler.FAILED:
            return None
        try:
            expl = json.loads(kwargs.get("expl") or '""')
        except ValueError:
            expl = kwargs["expl"]
        if isinstance(expl, dict) and "failure" in expl:
            return expl["failure"]
        text = str(expl) or "The task failed without an error message."
        if "died unexpectedly with exit code -9" in text:
            text += " (SIGKILL, often because of the memory limit of the container: increase it, or use fewer workers)"
        return failure.from_text(text, self._package, self._redact)

    def _report(self, task_id: str, problem: dict[str, Any] | None) -> None:
        known = self._state.get_task(task_id)
        if known is None:
            return
        task = self._worker._scheduled_tasks.get(task_id)
        state = self._translate(known, task, problem)
        if state == self._reported.get(task_id) and problem is None:
            return
        event: dict[str, Any] = {"e": "task", "id": task_id, "s": state}
        if task_id not in self._reported:
            event["name"] = display_name(task) if task else task_id
            event["dynamic"] = self._worker.scheduled
        if problem and state != "missing":
            event["failure"] = problem
        self._reported[task_id] = state
        self._channel.send(event)

    @staticmethod
    def _translate(known: luigi.scheduler.Task, task: luigi.Task | None, problem: dict[str, Any] | None) -> str:
        status = known.status
        absent = problem is None or problem["kind"] == "missing"
        waits = status in (luigi.scheduler.PENDING, luigi.scheduler.FAILED)
        if absent and waits and task and luigi.worker._is_external(task):
            return "missing"
        if status == luigi.scheduler.DISABLED and known.scheduler_disable_time is not None:
            return "failed"  # disabled by the scheduler, after too many failures
        return {
            luigi.scheduler.DONE: "complete",
            luigi.scheduler.PENDING: "pending",
            luigi.scheduler.FAILED: "failed",
            luigi.scheduler.DISABLED: "disabled",
            luigi.scheduler.UNKNOWN: "unknown",
        }.get(status, "running")


class RunnerWorker(luigi.worker.Worker):
    """Runs each task in its own process, detects processes without a result, and does not wait for external data."""

    def __init__(self, channel: Channel, package: str, redact: Redactor, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scheduled = False
        self.finished = False
        self.scheduling_failures: dict[str, dict[str, Any]] = {}
        self._channel = channel
        self._package = package
        self._redact = redact
        self._no_result_since: dict[int, float] = {}

    def run(self) -> bool:
        self.scheduled = True
        result = super().run()
        self.finished = True
        return result

    def _log_complete_error(self, task: luigi.Task, tb: str) -> None:
        super()._log_complete_error(task, tb)
        self.scheduling_failures[task.task_id] = failure.from_text(tb, self._package, self._redact)

    def _log_dependency_error(self, task: luigi.Task, tb: str) -> None:
        super()._log_dependency_error(task, tb)
        error = sys.exc_info()[1]
        assert error is not None  # Luigi calls this in its except clause
        self.scheduling_failures[task.task_id] = failure.from_exception(error, self._package, self._redact)

    def _create_task_process(self, task: luigi.Task) -> RunnerTaskProcess:
        messages = luigi.worker.multiprocessing.Queue() if task.accepts_messages else None
        reporter = luigi.worker.TaskStatusReporter(self._scheduler, task.task_id, self._id, messages)
        process = RunnerTaskProcess(
            self._config.task_process_context,
            task,
            self._id,
            self._task_result_queue,
            reporter,
            use_multiprocessing=True,
            worker_timeout=self._config.timeout,
            check_unfulfilled_deps=self._config.check_unfulfilled_deps,
            check_complete_on_run=self._config.check_complete_on_run,
            task_completion_cache=self._task_completion_cache,
        )
        process.connect(self._channel, self._package, self._redact)
        return process

    def _purge_children(self) -> None:
        """Also fails tasks whose process ended with exit code 0 and no result: Luigi would wait for them forever."""
        super()._purge_children()
        now = time.monotonic()
        waiting: dict[int, float] = {}
        for task_id, process in self._running_tasks.items():
            if process.is_alive() or process.exitcode != 0:
                continue
            since = waiting[process.pid] = self._no_result_since.get(process.pid, now)
            if now - since >= _RESULT_SECONDS:
                text = f"Task {task_id} ended with exit code 0 but without a result; it may have called os._exit()."
                logger.error(text)
                self._task_result_queue.put((task_id, luigi.worker.FAILED, text, [], []))
        self._no_result_since = waiting

    def _keep_alive(self, get_work_response: Any) -> bool:
        """With keep_alive, waits only for the retry of a failed task: missing external data may never arrive."""
        return super()._keep_alive(get_work_response) and self._scheduler.awaits_retry()


class RunnerTaskProcess(luigi.worker.ContextManagedTaskProcess):
    """A task in its own process group with its own output. Its end also ends all processes that it started."""

    def connect(self, channel: Channel, package: str, redact: Redactor) -> None:
        self._channel = channel
        self._package = package
        self._redact = redact

    def start(self) -> None:
        super().start()
        with contextlib.suppress(OSError):
            os.setpgid(self.pid, self.pid)  # in parent and child, because either may run first

    def run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        processes.die_with_parent()
        # The inherited handler of Luigi must not run in a task. A SIGTERM handler of user code is kept.
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        self._channel.become_task(self.task.task_id)
        super().run()

    def _run_get_new_deps(self) -> Any:
        new_deps = super()._run_get_new_deps()
        if not new_deps and isinstance(self.task, RangeBase):
            # A Range caches requires(), at most task_limit instances, and is complete if these are complete.
            self.task.__dict__.pop("_cached_requires", None)
            if not self.task.complete():
                raise failure.RangeCut(
                    f"The range has reached its task_limit of {self.task.task_limit}, and more instances are missing."
                )
        return new_deps

    def _handle_run_exception(self, ex: BaseException) -> dict[str, Any]:
        """Returns a description of the exception instead of its text; Luigi passes it to the scheduler unchanged."""
        try:
            super()._handle_run_exception(ex)
        except Exception:
            logger.exception("on_failure() or a handler of the FAILURE event of %s raised an exception", self.task)
        return {"failure": failure.from_exception(ex, self._package, self._redact)}

    def terminate(self) -> None:
        """Ends the task and all its descendants, also those that ignore SIGTERM or left the process group."""
        try:
            tree = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            tree = []
        until = time.monotonic() + _TERM_SECONDS
        processes.signal_group(self.pid, signal.SIGTERM)
        for process in tree:
            _quietly(process.terminate)
        self.join(_TERM_SECONDS)
        _, alive = psutil.wait_procs(tree, timeout=max(0.0, until - time.monotonic()))
        for process in alive:
            for below in [*_quietly(lambda process=process: process.children(recursive=True)), process]:
                _quietly(below.kill)
        processes.signal_group(self.pid, signal.SIGKILL)
        self.join(_TERM_SECONDS)


def _quietly(action: Any) -> Any:
    try:
        return action() or []
    except psutil.NoSuchProcess:
        return []
