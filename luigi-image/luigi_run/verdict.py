# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The verdicts, with the exit code of each."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """What the runner says about an attempt; the value is the exit code."""

    Succeeded = 0
    MissingData = 20
    TaskFailed = 30
    TaskFailedPermanent = 31
    SchedulingErrorTransient = 35
    SchedulingErrorCode = 36
    InternalError = 40
    Unverified = 45
    InvalidSpec = 50
    Drained = 60
    Deadline = 61

    @property
    def word(self) -> str:
        """The verdict's name in messages; both scheduling errors share one, their exit codes differ."""
        return "SchedulingError" if self.name.startswith("SchedulingError") else self.name

    @property
    def retry(self) -> bool:
        """Whether another attempt without a change by the user may end otherwise."""
        return self in _WORTH_RETRYING


_WORTH_RETRYING = frozenset(
    {
        Verdict.MissingData,
        Verdict.TaskFailed,
        Verdict.SchedulingErrorTransient,
        Verdict.InternalError,
        Verdict.Drained,
        Verdict.Deadline,
    }
)
