# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A memory control group of version 1 or 2 for the operator, as its container has in a cluster."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from .processes import BenchmarkError

VERSION_1 = Path("/sys/fs/cgroup/memory")
VERSION_2 = Path("/sys/fs/cgroup")


def parent() -> Path:
    """Where memory control groups are made on this machine."""
    return VERSION_1 if VERSION_1.is_dir() else VERSION_2


class MemoryLimit:
    """A control group of its own; without one, available is False and problem says why."""

    def __init__(self, name: str, mebibytes: int) -> None:
        self.mebibytes = mebibytes
        self.problem = ""
        first = parent() == VERSION_1
        self._folder = parent() / name
        self._limit = "memory.limit_in_bytes" if first else "memory.max"
        self._events = "memory.oom_control" if first else "memory.events"
        try:
            self._folder.mkdir()
            (self._folder / self._limit).write_text(str(mebibytes * 2**20))
        except OSError as error:
            self.problem = f"no memory control group can be made: {error}"
            self.remove()

    @property
    def available(self) -> bool:
        return not self.problem

    def command(self, command: Sequence[str | Path]) -> list[str | Path]:
        """The command, started inside the group."""
        if not self.available:
            return list(command)
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', self._folder / "cgroup.procs", *command]

    def kills(self) -> int:
        """How many processes the kernel has killed because the group was out of memory."""
        found = re.search(r"^oom_kill (\d+)", (self._folder / self._events).read_text(), re.MULTILINE)
        if not found:
            raise BenchmarkError(f"{self._folder / self._events} has no line oom_kill")
        return int(found[1])

    def remove(self) -> None:
        """Kills what still runs in the group and removes it."""
        remove(self._folder)


def remove(group: Path) -> None:
    """Kills what runs in a control group and removes it, if it is there."""
    end = time.monotonic() + 10
    while group.is_dir():
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            group.rmdir()
        except OSError:
            # A killed process leaves its group a moment later.
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
