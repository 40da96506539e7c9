# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The results of task processes: each one sends its result to the Luigi process through a pipe of its own.

Luigi has one queue for all tasks. A task that is ended while it writes to that queue, or while Luigi reads from it,
leaves a lock or a part of a result behind, and then no result of any task arrives.
"""

from __future__ import annotations

import collections
import json
import os
import selectors
from dataclasses import dataclass
from typing import Any

from luigi_run.channel import Outlet

_READ_BYTES = 1_048_576
_HEADER_BYTES = 8


@dataclass(frozen=True)
class Result:
    """What a task process reports at its end; `passed` counts the yields whose dependencies were complete."""

    task_id: str
    status: str
    expl: Any = ""
    missing: tuple[str, ...] = ()
    new_deps: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    passed: int = 0

    def encode(self) -> bytes:
        """Raises an exception if a value cannot be represented in JSON."""
        fields = [self.task_id, self.status, self.expl, self.missing, self.new_deps, self.passed]
        data = json.dumps(fields).encode("ascii")
        return len(data).to_bytes(_HEADER_BYTES, "big") + data


def _decode(data: bytes) -> Result:
    task_id, status, expl, missing, new_deps, passed = json.loads(data[_HEADER_BYTES:])
    return Result(task_id, status, expl, tuple(missing), tuple((m, f, p) for m, f, p in new_deps), passed)


class Results:
    """The side of the Luigi process. It takes the place of Luigi's queue, which has the same method close()."""

    def __init__(self) -> None:
        # Not epoll: forked tasks would share its state.
        self._selector = selectors.PollSelector()
        self._received: dict[str, bytearray] = {}
        self._fds: dict[str, int] = {}
        self._ready: collections.deque[Result] = collections.deque()

    def open(self, task_id: str) -> Outlet:
        """A new pipe for a task that is about to start; close the outlet in this process once the task has it."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self._selector.register(read_end, selectors.EVENT_READ, task_id)
        self._fds[task_id], self._received[task_id] = read_end, bytearray()
        return Outlet(write_end)

    def put(self, result: Result) -> None:
        """Adds a result on behalf of a task, which can no longer report one."""
        self._forget(result.task_id)
        self._ready.append(result)

    def get(self, timeout: float) -> Result | None:
        """The next result; waits up to timeout seconds. None if there is none, or if a task process has ended."""
        if not self._ready:
            self.read(timeout)
        return self._ready.popleft() if self._ready else None

    def read(self, timeout: float) -> None:
        """Waits up to timeout seconds for data, and reads what has arrived."""
        for key, _ in self._selector.select(max(0.0, timeout)):
            self._receive(key.data)

    def finish(self, task_id: str) -> None:
        """Reads the rest from a task process that has ended: what it wrote is in the pipe."""
        while task_id in self._received and self._receive(task_id):
            pass

    def started(self, task_id: str) -> int:
        """How many bytes of a result that is not complete have arrived."""
        return len(self._received.get(task_id, b""))

    def pending(self, task_id: str) -> bool:
        """False if the result of the task has arrived."""
        return task_id in self._received

    def close(self) -> None:
        for task_id in list(self._fds):
            self._forget(task_id)
        self._selector.close()

    def _receive(self, task_id: str) -> bool:
        """Reads once; returns whether there was data."""
        fd, received = self._fds[task_id], self._received[task_id]
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        received += data
        if len(received) >= _HEADER_BYTES + int.from_bytes(received[:_HEADER_BYTES], "big"):
            self.put(_decode(bytes(received)))
        elif not data and fd in self._selector.get_map():
            self._selector.unregister(fd)  # the task has ended or closed its end; the worker finds out
        return bool(data)

    def _forget(self, task_id: str) -> None:
        self._received.pop(task_id, None)
        fd = self._fds.pop(task_id, None)
        if fd is not None:
            if fd in self._selector.get_map():
                self._selector.unregister(fd)
            os.close(fd)
