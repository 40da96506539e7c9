# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The scheduler gives the same tasks as Luigi's, in less time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import luigi.scheduler
import pytest

from luigi_run.luigi_scheduler import ReportingScheduler
from luigi_run.redact import Redactor


class Sink:
    """Takes the place of the channel and of the worker."""

    scheduled = True

    def __init__(self) -> None:
        self._scheduled_tasks: dict[str, Any] = {}
        self.scheduling_failures: dict[str, Any] = {}

    def send(self, event: dict[str, Any]) -> None:
        pass


def reporting(**options: Any) -> ReportingScheduler:
    scheduler = ReportingScheduler(prune_on_get_work=True, **options)
    scheduler.connect(Sink(), Sink(), "flows", Redactor([], {}))
    return scheduler


def fill(scheduler: luigi.scheduler.Scheduler, tasks: int) -> None:
    """A tree: each task requires the one at half its number. Priorities, and a resource for two at a time."""
    scheduler.update_resources(licence=2)
    scheduler.add_worker("W", [("workers", 3)])
    for n in reversed(range(tasks)):
        scheduler.add_task(
            worker="W",
            task_id=f"T{n}",
            deps=[f"T{n // 2}"] if n else [],
            priority=n % 3,
            resources={"licence": 1} if n % 4 == 0 else {},
            family="T",
        )


def history(scheduler: luigi.scheduler.Scheduler) -> list[Any]:
    """Three workers at a time; every seventh task fails once and is retried at once."""
    given: list[Any] = []
    running: list[str] = []
    failed: set[str] = set()
    while True:
        reply = scheduler.get_work(worker="W", current_tasks=running)
        given.append(reply["task_id"])
        if reply["task_id"]:
            running.append(reply["task_id"])
        else:
            given.append({key: reply[key] for key in ("n_pending_tasks", "n_unique_pending", "worker_state")})
            if not running:
                return given
        if len(running) == 3 or not reply["task_id"]:
            task_id = running.pop(0)
            fails = int(task_id[1:]) % 7 == 3 and task_id not in failed
            failed |= {task_id} if fails else set()
            scheduler.add_task(worker="W", task_id=task_id, status="FAILED" if fails else "DONE", expl="", family="T")


@pytest.mark.parametrize("tasks", [1, 10, 100])
def test_the_same_tasks_in_the_same_order_as_luigi(tasks):
    theirs = luigi.scheduler.Scheduler(prune_on_get_work=True, retry_delay=1000)
    ours = reporting(retry_delay=1000)
    fill(theirs, tasks)
    fill(ours, tasks)
    assert history(ours) == history(theirs)


def test_a_retry_that_is_due_is_given_at_once():
    scheduler = reporting(retry_delay=0.0)
    fill(scheduler, 8)
    assert [given for given in history(scheduler) if given == "T3"] == ["T3", "T3"]


def test_the_time_for_each_task_does_not_grow_with_their_number(monkeypatch):
    calls = {"_prune_tasks": 0, "_upstream_status": 0}

    def counted(name: str) -> Callable[..., Any]:
        method = getattr(luigi.scheduler.Scheduler, name)

        def call(self: Any, *args: Any) -> Any:
            calls[name] += 1
            return method(self, *args)

        return call

    for name in calls:
        monkeypatch.setattr(luigi.scheduler.Scheduler, name, counted(name))
    scheduler = reporting()
    scheduler.add_worker("W", [("workers", 1)])
    for n in range(300):
        scheduler.add_task(worker="W", task_id=f"T{n}", deps=[], family="T")
    begin = time.monotonic()
    for _ in range(300):
        task_id = scheduler.get_work(worker="W", current_tasks=[])["task_id"]
        scheduler.add_task(worker="W", task_id=task_id, status="DONE", family="T")
    assert scheduler.get_work(worker="W", current_tasks=[])["task_id"] is None
    assert calls["_prune_tasks"] <= 3 + time.monotonic() - begin
    assert calls["_upstream_status"] <= 300
