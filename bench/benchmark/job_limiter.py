# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The baseline: bare Jobs, with a client that creates the next one when the pod of another has ended.

It stands for the least that any system on top of Jobs has to do: no ledger, no gate, no status of its own.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

from .kubernetes import JOBS, PODS, ApiClient
from .load import Load, in_parallel
from .processes import BenchmarkError
from .run_times import run_finder

Jobs = Sequence[dict[str, Any]]
SELECTOR = "labelSelector=bench%3Djob"
WATCH_SECONDS = 600
WATCH_IDLE_SECONDS = 10.0
FINAL_PHASES = frozenset({"Succeeded", "Failed"})


class JobLimiter:
    """Creates groups of Jobs; of each group, at most as many as there are slots have not ended."""

    def __init__(self, load: Load, prefix: str, groups: Sequence[Jobs], slots: int, connections: int) -> None:
        """
        Args:
            load: whose connections are used.
            prefix: of the Jobs' names.
            groups: Jobs that share slots.
            slots: of each group.
            connections: for the creation of each group's Jobs.
        """
        self._load = load
        self._groups = groups
        self._connections = connections
        self._run_of = run_finder(prefix)
        self._end = 0.0
        self._slot_of: dict[str, threading.Semaphore] = {}
        for jobs in groups:
            self._slot_of |= dict.fromkeys((job["metadata"]["name"] for job in jobs), threading.Semaphore(slots))

    def run(self, limit_seconds: int) -> None:
        """Returns when all Jobs are created and all pods have ended, or after the given time."""
        self._end = time.monotonic() + limit_seconds
        watcher = threading.Thread(target=self._free_slots, daemon=True)
        watcher.start()
        try:
            in_parallel(len(self._groups), self._create_group, self._groups)
            watcher.join(limit_seconds)
        finally:
            # Ends the threads that wait for a slot.
            self._end = 0.0

    def _create_group(self, jobs: Jobs) -> None:
        in_parallel(self._connections, self._create, jobs)

    def _create(self, job: dict[str, Any]) -> None:
        name = job["metadata"]["name"]
        while not self._slot_of[name].acquire(timeout=1):
            if time.monotonic() > self._end:
                raise BenchmarkError(f"no slot for Job {name} within the time limit")
        self._load.client().must("POST", JOBS, json.dumps(job).encode())

    def _free_slots(self) -> None:
        left = dict(self._slot_of)
        while left and time.monotonic() < self._end:
            # A watch that delivers nothing is replaced; it begins with all pods, so that none is missed.
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._follow(left)

    def _follow(self, left: dict[str, threading.Semaphore]) -> None:
        """Frees the slot of each Job whose pod has ended, and removes it from those that are left."""
        for event in ApiClient(self._load.identity).watch(PODS, SELECTOR, WATCH_SECONDS, WATCH_IDLE_SECONDS):
            job = self._run_of(event["object"]["metadata"].get("name", ""))
            if job in left and event["object"].get("status", {}).get("phase") in FINAL_PHASES:
                left.pop(job).release()
            if not left:
                return
