# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The verdicts and their exit codes."""

from __future__ import annotations

import enum


class Verdict(enum.Enum):
    """The verdict of the runner about an attempt; the value is the exit code."""

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
    def label(self) -> str:
        """The name in messages. Both scheduling errors have the same name and differ in the exit code."""
        return "SchedulingError" if self.name.startswith("SchedulingError") else self.name

    @property
    def retry(self) -> bool:
        """Whether another attempt may succeed without a change by the user."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        Verdict.MissingData,
        Verdict.TaskFailed,
        Verdict.SchedulingErrorTransient,
        Verdict.InternalError,
        Verdict.Drained,
        Verdict.Deadline,
    }
)
