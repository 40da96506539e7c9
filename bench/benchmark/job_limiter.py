# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The baseline: bare Jobs, with a client that creates the next one when the pod of another has ended.

It stands for the least that any system on top of Jobs has to do: no ledger, no gate, no status of its own.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .kubernetes import JOBS, PODS, ApiClient
from .load import Load
from .processes import BenchmarkError
from .run_times import run_finder

Jobs = Sequence[dict[str, Any]]
SELECTOR = "labelSelector=bench%3Djob"
SILENCE_SECONDS = 10.0
FINAL_PHASES = frozenset({"Succeeded", "Failed"})


class JobLimiter:
    """Creates groups of Jobs, of each group at most so many that have not ended."""

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
        self._slots = [threading.Semaphore(slots) for _ in groups]
        self._slot_of = {
            job["metadata"]["name"]: slot for slot, jobs in zip(self._slots, groups, strict=True) for job in jobs
        }

    def run(self, limit_seconds: int) -> None:
        """Returns when all Jobs are created and all pods have ended, or after the given time."""
        watcher = threading.Thread(target=self._free_slots, args=(limit_seconds,), daemon=True)
        watcher.start()
        with ThreadPoolExecutor(len(self._groups)) as threads:
            creations = [
                threads.submit(self._create, jobs, slot, limit_seconds)
                for jobs, slot in zip(self._groups, self._slots, strict=True)
            ]
        for creation in creations:
            creation.result()
        watcher.join(limit_seconds)

    def _create(self, jobs: Jobs, slot: threading.Semaphore, limit_seconds: float) -> None:
        def create(job: dict[str, Any]) -> None:
            if not slot.acquire(timeout=limit_seconds):
                raise BenchmarkError(f"no slot for Job {job['metadata']['name']} in {limit_seconds} s")
            self._load.client().must("POST", JOBS, json.dumps(job).encode())

        with ThreadPoolExecutor(self._connections) as threads:
            for _ in threads.map(create, jobs):
                pass

    def _free_slots(self, limit_seconds: int) -> None:
        end = time.monotonic() + limit_seconds
        left = dict(self._slot_of)
        while left and time.monotonic() < end:
            # A watch that delivers nothing is replaced; it begins with all pods, so that none is missed.
            with contextlib.suppress(TimeoutError):
                self._follow(left, limit_seconds)

    def _follow(self, left: dict[str, threading.Semaphore], limit_seconds: int) -> None:
        """Frees the slot of each Job whose pod has ended, and removes it from those that are left."""
        for event in ApiClient(self._load.identity).watch(PODS, SELECTOR, limit_seconds, SILENCE_SECONDS):
            job = self._run_of(event["object"]["metadata"].get("name", ""))
            if job in left and event["object"].get("status", {}).get("phase") in FINAL_PHASES:
                left.pop(job).release()
            if not left:
                return
