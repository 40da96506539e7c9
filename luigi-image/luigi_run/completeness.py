# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Calls complete() of the tasks while Luigi schedules them, in the Luigi process or in a pool of processes."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import luigi
from luigi.worker import TracebackWrapper, check_complete_cached


class Checks(Protocol):
    """Checks that are under way."""

    def submit(self, task: luigi.Task) -> None: ...

    def next(self) -> tuple[luigi.Task, Any] | None:
        """A task and what its complete() returned, a TracebackWrapper if it raised; None if none is left."""


@contextmanager
def serial(cache: Any) -> Iterator[Checks]:
    yield _Serial(cache)


@contextmanager
def parallel(processes: int, cache: Any) -> Iterator[Checks]:
    """With [core] parallel_scheduling. Luigi would wait forever for a task that cannot be sent to a process of the
    pool, and for a process of the pool that was killed."""
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(processes or None, mp_context=context) as pool:
        yield _Parallel(pool, cache)


class _Serial:
    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._done: list[tuple[luigi.Task, Any]] = []

    def submit(self, task: luigi.Task) -> None:
        self._done.append((task, _check(task, self._cache)))

    def next(self) -> tuple[luigi.Task, Any] | None:
        return self._done.pop() if self._done else None


class _Parallel:
    def __init__(self, pool: concurrent.futures.ProcessPoolExecutor, cache: Any) -> None:
        self._pool, self._cache = pool, cache
        self._tasks: dict[concurrent.futures.Future[Any], luigi.Task] = {}

    def submit(self, task: luigi.Task) -> None:
        self._tasks[self._pool.submit(_check, task, self._cache)] = task

    def next(self) -> tuple[luigi.Task, Any] | None:
        if not self._tasks:
            return None
        done, _ = concurrent.futures.wait(self._tasks, return_when=concurrent.futures.FIRST_COMPLETED)
        future = done.pop()
        try:
            result = future.result()
        except Exception:
            result = TracebackWrapper(traceback.format_exc())
        return self._tasks.pop(future), result


def _check(task: luigi.Task, cache: Any) -> Any:
    try:
        return check_complete_cached(task, cache)
    except BaseException:  # also SystemExit and KeyboardInterrupt of user code
        return TracebackWrapper(traceback.format_exc())
