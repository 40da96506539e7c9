# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A subclass of Luigi's scheduler that reports every task state.

It overrides private members of Luigi, so it works only with the version that requirements/run.in pins.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import luigi
import luigi.scheduler
import luigi.worker

from luigi_run import failure
from luigi_run.channel import Channel
from luigi_run.loading import display_name
from luigi_run.redact import Redactor

if TYPE_CHECKING:
    from luigi_run.luigi_worker import RunnerWorker


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
