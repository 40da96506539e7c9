# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A subclass of Luigi's worker that detects lost, blocked and lingering task processes.

It overrides private members of Luigi, so it works only with the version that requirements/run.in pins.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import luigi
import luigi.scheduler
import luigi.worker
from luigi.event import Event
from luigi.scheduler import DONE, FAILED
from luigi.task_register import load_task
from luigi.tools.range import RangeBase

from luigi_run import completeness, failure, ranges
from luigi_run.channel import Channel
from luigi_run.loading import display_name
from luigi_run.redact import Redactor
from luigi_run.results import Result, Results
from luigi_run.task_process import RunnerTaskProcess, Yielded

if TYPE_CHECKING:
    from luigi_run.luigi_scheduler import ReportingScheduler

logger = logging.getLogger("luigi_run")

# Time to receive a result that has begun to arrive, although the task has timed out meanwhile.
_RECEIVE_SECONDS = 10.0
_WAIT_SECONDS_MIN = 0.02
# Time for the process of a task to exit after its result, and the least time if there are too many such processes.
_LINGER_SECONDS = 5.0
_LINGER_SECONDS_MIN = 1.0
_LINGERING_MIN = 4
_NAME_CHARS = 200


class RunnerWorker(luigi.worker.Worker):
    """Runs each task in its own process with its own result pipe, and does not wait for external data."""

    _scheduler: ReportingScheduler

    def __init__(self, channel: Channel, package: str, redact: Redactor, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scheduled = False
        self.finished = False
        self.scheduling_failures: dict[str, dict[str, Any]] = {}
        self._channel = channel
        self._package = package
        self._redact = redact
        self._task_result_queue.close()
        self._task_result_queue = self._results = Results()
        self._yielded: dict[str, Yielded] = {}
        self._load_failed = False
        self._lingering: list[tuple[float, RunnerTaskProcess]] = []

    def add(self, task: luigi.Task, multiprocess: bool = False, processes: int = 0) -> bool:
        """As in Luigi, but always ends, with parallel scheduling too."""
        self._first_task = self._first_task or getattr(task, "task_id", None)
        self.add_succeeded = True
        self._validate_task(task)
        cache = self._task_completion_cache
        try:
            with completeness.parallel(processes, cache) if multiprocess else completeness.serial(cache) as checks:
                checks.submit(task)
                seen = {task.task_id}
                while found := checks.next():
                    for dependency in self._add(*found):
                        self._validate_task(dependency)
                        if dependency.task_id not in seen:
                            seen.add(dependency.task_id)
                            checks.submit(dependency)
        except Exception as error:
            self.add_succeeded = False
            task.trigger_event(Event.BROKEN_TASK, task, error)
            raise
        return self.add_succeeded

    def run(self) -> bool:
        self.scheduled = True
        result = super().run()
        self._end_lingering(0)
        self.finished = True
        return result

    def cycle(self) -> list[str]:
        """The names of tasks that depend on each other and therefore never run; empty if there are none."""
        tasks = self._scheduled_tasks
        return [
            display_name(tasks[task_id])[:_NAME_CHARS] if task_id in tasks else task_id
            for task_id in self._scheduler.cycle()
        ]

    def _add(self, task: luigi.Task, is_complete: Any) -> Iterator[luigi.Task]:
        """Also checks whether a range is complete only because Luigi looks at none of its instances."""
        if isinstance(task, RangeBase) and is_complete is True:
            try:
                ranges.check(task)
            except Exception:
                is_complete = luigi.worker.TracebackWrapper(traceback.format_exc())
        return super()._add(task, is_complete)

    def _get_work(self) -> Any:
        """As in Luigi, but asks again if the task could not be loaded: otherwise the other tasks would not run."""
        while True:
            self._load_failed = False
            response = super()._get_work()
            if not self._load_failed:
                return response

    def _handle_task_load_error(self, exception: BaseException, task_ids: list[str]) -> None:
        self._load_failed = True
        logger.error("Cannot load the task of the batch %s", ", ".join(task_ids), exc_info=exception)
        expl = json.dumps({"failure": failure.from_exception(exception, self._package, self._redact)})
        for task_id in task_ids:
            self._add_task(worker=self._id, task_id=task_id, status=FAILED, runnable=False, expl=expl)

    def _log_complete_error(self, task: luigi.Task, tb: str) -> None:
        logger.warning("Will not run %s or what requires it due to an error in complete():\n%s", task.task_id, tb)
        self.scheduling_failures[task.task_id] = failure.from_text(tb, self._package, self._redact)

    def _log_dependency_error(self, task: luigi.Task, tb: str) -> None:
        logger.warning("Will not run %s or what requires it due to an error in requires():\n%s", task.task_id, tb)
        error = sys.exc_info()[1]
        assert error is not None  # Luigi calls this in its except clause
        self.scheduling_failures[task.task_id] = failure.from_exception(error, self._package, self._redact)

    def _create_task_process(self, task: luigi.Task) -> RunnerTaskProcess:
        self._end_lingering(max(self.worker_processes, _LINGERING_MIN) - 1)
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
        yielded = self._yielded.get(task.task_id) or Yielded()
        process.connect(self._channel, self._package, self._redact, self._results.open(task.task_id), yielded)
        return process

    def _purge_children(self) -> None:
        """Fails the tasks that timed out, and those whose process ended without a result."""
        for task_id, process in self._running_tasks.items():
            if not self._results.pending(task_id):
                continue
            if process.stopping():
                if process.stopped():
                    text = f"Task {task_id} timed out after {process.worker_timeout} seconds and was terminated."
                    self._lost(process, Event.TIMEOUT, text)
            elif process.ended():
                self._results.finish(task_id)
                if self._results.pending(task_id):
                    self._lost(process, Event.PROCESS_FAILURE, _how_it_ended(task_id, process.exitcode))
            elif process.timeout_at is not None:
                extra = _RECEIVE_SECONDS if self._results.started(task_id) else 0.0
                if time.monotonic() >= process.timeout_at + extra:
                    process.stop()  # all at once: they do not wait for each other
        self._end_lingering(self.worker_processes + _LINGERING_MIN)

    def _lost(self, process: RunnerTaskProcess, event: str, text: str) -> None:
        process.task.trigger_event(event, process.task, text)
        logger.error(text)
        self._results.put(Result(process.task.task_id, FAILED, text))

    def _handle_next_task(self) -> None:
        """As in Luigi, but an error in the result of a task fails this task and not the attempt."""
        self._idle_since = None
        self._results.read(0)
        self._purge_children()
        result = self._results.get(self._wait())
        if result is None:
            return
        task = self._scheduled_tasks[result.task_id]
        status, expl, new_deps = result.status, result.expl, []
        if result.new_deps:
            try:
                new_deps = self._add_dynamic(result)
            except BaseException as error:
                logger.exception("Cannot schedule the dynamic dependencies of %s", task)
                status, expl = FAILED, {"failure": failure.from_exception(error, self._package, self._redact)}
        self._add_task(
            worker=self._id,
            task_id=result.task_id,
            status=status,
            expl=json.dumps(expl),
            resources=task.process_resources(),
            runnable=None,
            params=task.to_str_params(),
            family=task.task_family,
            module=task.task_module,
            new_deps=new_deps,
            assistant=self._assistant,
            retry_policy_dict=luigi.worker._get_retry_policy_dict(task),
        )
        self._lingering.append((time.monotonic(), self._running_tasks.pop(result.task_id)))
        if result.missing:
            for missing in result.missing:
                self.unfulfilled_counts[missing] += 1
            if all(self.unfulfilled_counts[missing] <= self._config.max_reschedules for missing in result.missing):
                self.add(task)
        self.run_succeeded &= status == DONE or bool(new_deps)

    def _add_dynamic(self, result: Result) -> list[str]:
        tasks = [load_task(module, family, params) for module, family, params in result.new_deps]
        task_ids = [task.task_id for task in tasks]
        yielded = self._yielded.setdefault(result.task_id, Yielded())
        if result.passed < yielded.last:
            self._scheduler.allow_again(task_ids)  # they were complete before, and something has removed their outputs
        for task in tasks:
            self.add(task)
        yielded.add(result.passed, task_ids)
        return task_ids

    def _wait(self) -> float:
        """Seconds until the next result is missed at the earliest."""
        steps = [process.next_step() for process in self._running_tasks.values()]
        return max(_WAIT_SECONDS_MIN, min([self._config.wait_interval, *(step for step in steps if step is not None)]))

    def _end_lingering(self, allowed: int) -> None:
        """Waits until at most `allowed` tasks remain that have reported their result and still have a process.

        Such a process keeps the memory of the task, for example because of a thread that is no daemon.
        """
        while True:
            self._lingering = [item for item in self._lingering if not item[1].ended()]
            now = time.monotonic()
            for since, process in self._lingering:
                spare = len(self._lingering) > allowed
                if now - since >= (_LINGER_SECONDS_MIN if spare else _LINGER_SECONDS):
                    logger.warning(
                        "Task %s has reported its result, but its process did not exit, perhaps because of a thread "
                        "that is no daemon; killing it",
                        process.task.task_id,
                    )
                    process.kill_tree()
                    process.join(_LINGER_SECONDS_MIN)
            if len(self._lingering) <= allowed:
                return
            self._lingering[0][1].join(0.05)

    def _keep_alive(self, get_work_response: Any) -> bool:
        """With keep_alive, waits only for the retry of a failed task: missing external data may never arrive."""
        waits = super()._keep_alive(get_work_response) and self._scheduler.awaits_retry()
        if waits:
            self._channel.send({"e": "alive"})  # this is no stall
        return waits

    def _email_error(self, *_args: Any, **_kwargs: Any) -> None:
        """Luigi sends no mail, so it does not format one either: the configuration of mail may be invalid."""


def _how_it_ended(task_id: str, exitcode: int | None) -> str:
    if exitcode:
        return f"Task {task_id} died unexpectedly with exit code {exitcode}"
    code = "an unknown exit code" if exitcode is None else "exit code 0"
    return f"Task {task_id} ended with {code} but without a result; it may have called os._exit()."
