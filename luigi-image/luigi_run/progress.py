# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The state of every task of this attempt, from the reports of the Luigi process.

The supervisor keeps it, so that it survives the end of the Luigi process.
"""

from __future__ import annotations

import collections
import hashlib
import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

STATES = ("complete", "ran", "failed", "pending", "missing", "running", "disabled", "unknown")
_MAX_FAILURES_COUNTED = 1000


@dataclass
class Task:
    name: str
    state: str
    started: float | None = None
    failure: dict[str, Any] | None = None
    errors: set[tuple[str, ...]] = field(default_factory=set)
    dynamic: bool = False


@dataclass
class Progress:
    """Tasks by Luigi task id, in the order of their first report."""

    tasks: dict[str, Task] = field(default_factory=dict)
    root: str | None = None
    batches: dict[str, list[str]] = field(default_factory=dict)
    _slow: list[tuple[float, str]] = field(default_factory=list)
    _fingerprints: collections.Counter[str] = field(default_factory=collections.Counter)

    def record(self, event: dict[str, Any]) -> None:
        """Applies one {"e": "task"} report."""
        task = self.tasks.get(event["id"])
        if task is None:
            task = self.tasks[event["id"]] = Task(event["name"], "pending")
        was, state = task.state, event["s"]
        if state == "running":
            task.started = event["at"]
        elif was == "running" and task.started is not None:
            self._finished(task.name, event["at"] - task.started)
        if state == "complete" and (task.started is not None or was == "ran"):
            state = "ran"
        task.state = state
        task.dynamic = task.dynamic or event.get("dynamic", False)
        if "failure" in event:
            failure = event["failure"]
            failure["at"] = event["at"]
            key = fingerprint(failure)
            if key in self._fingerprints or len(self._fingerprints) < _MAX_FAILURES_COUNTED:
                self._fingerprints[key] += 1
            if failure["kind"] != "unfulfilled":
                task.errors.add(tuple(failure["mro"]))
            # Keep the first failure of a task: later ones are often only its consequence.
            if task.failure is None or task.failure["kind"] == "unfulfilled" != failure["kind"]:
                task.failure = failure

    def members(self, task_id: str) -> list[str]:
        """The tasks that run under this id: several for a batch."""
        return [member for member in self.batches.get(task_id, [task_id]) if member in self.tasks]

    def _finished(self, name: str, seconds: float) -> None:
        heapq.heappush(self._slow, (seconds, name))
        if len(self._slow) > 5:
            heapq.heappop(self._slow)

    def counts(self) -> dict[str, int]:
        by_state = collections.Counter(task.state for task in self.tasks.values())
        counts = {"total": len(self.tasks)}
        counts.update({state: by_state[state] for state in STATES})
        counts["dynamic"] = sum(task.dynamic for task in self.tasks.values())
        return counts

    def names(self, state: str, limit: int | None = None) -> list[str]:
        return list(itertools.islice((task.name for task in self.tasks.values() if task.state == state), limit))

    def slow(self) -> list[list[Any]]:
        return [[name, round(seconds)] for seconds, name in sorted(self._slow, reverse=True) if seconds >= 1]

    def root_state(self) -> str | None:
        return self.tasks[self.root].state if self.root in self.tasks else None

    def first(self, state: str) -> tuple[str, Task] | None:
        """The task in that state with the earliest failure; tasks that only lacked a dependency come last."""
        found = [(task_id, task) for task_id, task in self.tasks.items() if task.state == state and task.failure]
        return min(
            found, key=lambda item: (item[1].failure["kind"] == "unfulfilled", item[1].failure["at"]), default=None
        )

    def fail(self, task_id: str, task: Task) -> dict[str, Any]:
        """The `fail` block of the termination message for this task."""
        assert task.failure is not None
        return fail_block(task.failure, task_id, task.name, self._fingerprints[fingerprint(task.failure)] or 1)


def fail_block(failure: dict[str, Any], task_id: str = "", name: str = "", count: int = 1) -> dict[str, Any]:
    """The `fail` block of the termination message."""
    frames = [frame for frame in failure["frames"] if frame["user"]]
    others = [frame for frame in failure["frames"] if not frame["user"]]
    return {
        "task": name,
        "id": task_id,
        "at": int(failure["at"]),
        "exc": failure["exc"],
        "msg": failure["msg"],
        "where": _show(frames[0]) if frames else "",
        "trace": [_show(frame) for frame in [*frames, *others]],
        "count": count,
        "fp": fingerprint(failure),
    }


def fingerprint(failure: dict[str, Any]) -> str:
    """Equal for the same error in other runs: a hash without line numbers and values."""
    parts = [failure["exc"], *(f"{frame['file']} {frame['function']}" for frame in failure["frames"] if frame["user"])]
    if len(parts) == 1 and not failure["exc"]:
        parts.append("".join(char for char in failure["msg"] if not char.isdigit()))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:12]


def _show(frame: dict[str, Any]) -> str:
    return f"{frame['file']}:{frame['line']} {frame['function']}"
