# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Notices that a phase makes no progress: Luigi or user code in its process blocks, and no task runs."""

from __future__ import annotations

# The import of a module and complete() of one task may take this long, until the stacks are logged and until the end.
DUMP_SECONDS = 300.0
END_SECONDS = 3600.0
# The phase has this long to write its stacks before it is killed.
_WRITE_SECONDS = 1.0


class StallWatch:
    """Of one phase. Times are those of time.monotonic()."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._dumps = [DUMP_SECONDS, END_SECONDS]
        self.ended = False

    def progress(self, now: float) -> None:
        """The phase has reported something, or a task runs, which has a timeout of its own."""
        self._since = now
        self._dumps = [DUMP_SECONDS, END_SECONDS]

    def next_due(self) -> float:
        return self._since + (self._dumps[0] if self._dumps else END_SECONDS + _WRITE_SECONDS)

    def dump_due(self, now: float) -> float | None:
        """The seconds without progress if the stacks must be logged now."""
        if not self._dumps or now < self._since + self._dumps[0]:
            return None
        return self._dumps.pop(0)

    def end_due(self, now: float) -> bool:
        """Whether the phase must be killed now."""
        self.ended = self.ended or now >= self._since + END_SECONDS + _WRITE_SECONDS
        return self.ended
