# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A subclass of Luigi's scheduler that reports every task state.

It overrides private members of Luigi, so it works only with the version that requirements/run.in pins.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

import luigi
import luigi.scheduler
import luigi.worker

from luigi_run import failure
from luigi_run.channel import Channel
from luigi_run.loading import display_name, private_params
from luigi_run.redact import Redactor

if TYPE_CHECKING:
    from luigi_run.luigi_worker import RunnerWorker

# A task that fails this often is not worth waiting for, unless the pipeline configures fewer tries itself.
_TRIES = 10
_NAME_CHARS = 200
_PRUNE_SECONDS = 1.0


class ReportingScheduler(luigi.scheduler.Scheduler):
    """Reports every change of the state of a task, for any number of workers, in the process that owns the state."""

    def connect(self, worker: RunnerWorker, channel: Channel, package: str, redact: Redactor) -> None:
        self._worker = worker
        self._channel = channel
        self._package = package
        self._redact = redact
        self._owner = os.getpid()
        self._reported: dict[str, str] = {}
        self._thorough = True
        self._pruned = 0.0
        self._failures: collections.Counter[str] = collections.Counter()
        self._batches: dict[str, list[str]] = {}

    def add_task(self, *args: Any, **kwargs: Any) -> None:
        super().add_task(*args, **kwargs)
        if os.getpid() != self._owner:
            return  # in a task process, which sets its tracking URL on its own copy of the scheduler
        task_id = kwargs["task_id"]
        if kwargs.get("batch_id"):
            self._batches[task_id] = self._batches.pop(kwargs["batch_id"])
            self._channel.send({"e": "batch", "id": task_id, "of": self._batches[task_id]})
            return
        problem = self._problem(task_id, kwargs)
        for changed in self._batches.get(task_id, [task_id]):
            self._report(changed, problem)

    def get_work(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._thorough = False
        reply = super().get_work(*args, **kwargs)
        if not reply.get("task_id") and "batch_id" not in reply:
            self._thorough = True  # there may be work only after prune(), and only now the counts matter
            reply = super().get_work(*args, **kwargs)
        if reply.get("task_id"):
            self._report(reply["task_id"], None)
        elif "batch_id" in reply:
            self._batches[reply["batch_id"]] = reply["batch_task_ids"]
            first = self._worker._scheduled_tasks.get(reply["batch_task_ids"][0])
            if first:  # the scheduler does not know private parameters, without which Luigi cannot load the task
                reply["task_params"] = {**private_params(first), **reply["task_params"]}
            for task_id in reply["batch_task_ids"]:
                self._report(task_id, None)
        return reply

    def prune(self) -> None:
        """As in Luigi, but not for each task that starts: the time would grow with the square of their number."""
        now = time.monotonic()
        if self._thorough or now >= self._pruned + _PRUNE_SECONDS:
            self._pruned = now
            super().prune()

    def count_pending(self, worker: str) -> dict[str, Any]:
        """As in Luigi, but only if there is no work: the worker reads the counts only then."""
        if self._thorough:
            return super().count_pending(worker)
        counts = dict.fromkeys(("n_pending_tasks", "n_unique_pending", "n_pending_last_scheduled"), 0)
        return {**counts, "worker_state": self._state.get_worker(worker).state, "running_tasks": []}

    def allow_again(self, task_ids: list[str]) -> None:
        """Lets these tasks run again at once; otherwise Luigi ignores for 10 s that a task that ran is not complete."""
        for task_id in task_ids:
            if task := self._state.get_task(task_id):
                task.updated = 0.0

    def awaits_retry(self) -> bool:
        """Whether it is worth waiting for the retry of a failed task.

        Only if the configuration asks for retries: the defaults of Luigi are a retry after 15 minutes, without end.
        """
        if self._config.retry_delay < 0 or not luigi.configuration.get_config().has_option("scheduler", "retry_delay"):
            return False
        return any(
            self._reported.get(task.id) == "failed"
            and self._failures[task.id] < min(task.retry_policy.retry_count, _TRIES)
            for task in self._state.get_active_tasks_by_status(luigi.scheduler.FAILED)
        )

    def cycle(self) -> list[str]:
        """The ids of tasks that are not done and depend on each other; the first one is repeated at the end."""
        finished: set[str] = set()
        for start in self._state.get_active_tasks():
            path: list[str] = []
            on_path: dict[str, int] = {}
            todo = [(start.id, False)]
            while todo:
                task_id, leave = todo.pop()
                if leave:
                    finished.add(path.pop())
                    del on_path[task_id]
                elif task_id in on_path:
                    return [*path[on_path[task_id] :], task_id]
                elif task_id not in finished and (task := self._state.get_task(task_id)):
                    if task.status == luigi.scheduler.DONE:
                        continue
                    on_path[task_id] = len(path)
                    path.append(task_id)
                    todo.append((task_id, True))
                    todo += [(dependency, False) for dependency in task.deps]
        return []

    def _problem(self, task_id: str, kwargs: dict[str, Any]) -> dict[str, Any] | None:
        status = kwargs.get("status")
        if status == luigi.scheduler.UNKNOWN:
            found = self._worker.scheduling_failures.pop(task_id, None)
            return found or failure.sentence(
                "The task was not scheduled, because task_limit of the Luigi worker is reached; increase task_limit."
            )
        if status != luigi.scheduler.FAILED:
            return None
        self._failures[task_id] += 1
        expl = kwargs.get("expl") or ""
        with contextlib.suppress(ValueError):
            expl = json.loads(expl)
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
            # Mask before cutting: a part of a secret would not be recognized.
            name = self._redact(display_name(task)) if task else task_id
            event["name"] = name if len(name) <= _NAME_CHARS else f"{name[: _NAME_CHARS - 3]}..."
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
