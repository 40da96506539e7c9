# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The states of the tasks in the supervisor, and the choice of the failure that is reported."""

from __future__ import annotations

import json
from typing import Any

from conftest import GOLDEN_SPEC

from luigi_run import outcome
from luigi_run.outcome import PhaseEnd
from luigi_run.progress import Progress
from luigi_run.spec import parse
from luigi_run.verdict import Verdict

SPEC = parse(json.dumps(GOLDEN_SPEC).encode())


def failure(exc: str = "KeyError", kind: str = "error", function: str = "f") -> dict[str, Any]:
    frame = {"file": "user.py", "line": 1, "function": function, "user": True}
    return {"kind": kind, "exc": exc, "mro": [exc], "msg": exc, "frames": [frame], "transient": False}


class Reports:
    """Reports of tasks in order, one second apart."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.now = 1000.0

    def add(self, task: str, state: str, problem: dict[str, Any] | None = None, seconds: float = 1) -> None:
        self.now += seconds
        event: dict[str, Any] = {"e": "task", "id": task, "name": f"{task}()", "s": state, "at": self.now}
        self.progress.record(event | ({"failure": problem} if problem else {}))

    def outcome(self) -> outcome.Outcome | None:
        return outcome.after_run(PhaseEnd("run", {"e": "end"}, 0, self.now), self.progress, SPEC, None, True)


def test_the_earliest_failure_is_reported():
    reports = Reports()
    reports.add("Z", "failed", failure("TypeError"))
    reports.add("A", "failed", failure("KeyError"))
    result = reports.outcome()
    assert result
    assert result.fail
    assert (result.fail["task"], result.fail["exc"], result.fail["at"]) == ("Z()", "TypeError", 1001)


def test_a_failure_because_of_a_missing_dependency_is_not_reported():
    reports = Reports()
    reports.add("A", "failed", failure("RuntimeError", "unfulfilled"))
    reports.add("B", "failed", failure("KeyError"))
    result = reports.outcome()
    assert result
    assert result.fail
    assert result.fail["exc"] == "KeyError"


def test_the_failure_of_a_task_that_succeeded_later_is_not_reported():
    reports = Reports()
    reports.add("A", "failed", failure("KeyError"))
    reports.add("A", "running")
    reports.add("A", "complete")
    reports.add("B", "failed", failure("OSError"))
    result = reports.outcome()
    assert result
    assert result.fail
    assert result.fail["exc"] == "OSError"
    assert reports.progress.counts()["ran"] == 1


def test_permanent_means_every_failure_of_every_try():
    reports = Reports()
    reports.add("A", "failed", failure("OSError"))
    reports.add("A", "running")
    reports.add("A", "failed", failure("ValueError"))
    result = reports.outcome()
    assert result
    assert result.verdict is Verdict.TaskFailed
    reports = Reports()
    reports.add("A", "failed", failure("ValueError"))
    reports.add("B", "failed", failure("RuntimeError", "unfulfilled"))
    result = reports.outcome()
    assert result
    assert result.verdict is Verdict.TaskFailedPermanent


def test_equal_faults_are_counted():
    reports = Reports()
    for task in "ABC":
        reports.add(task, "failed", failure())
    reports.add("D", "failed", failure(function="other"))
    result = reports.outcome()
    assert result
    assert result.fail
    assert result.fail["count"] == 3


def test_a_cut_range_without_progress_is_not_repeated():
    reports = Reports()
    reports.add("R", "failed", failure("RangeCut", "range"))
    result = reports.outcome()
    assert result
    assert (result.verdict, result.retry) == (Verdict.Unverified, False)
    reports.add("A", "running")
    reports.add("A", "complete")
    result = reports.outcome()
    assert result
    assert result.retry


def test_a_failure_beside_a_cut_range_is_a_failure():
    reports = Reports()
    reports.add("R", "failed", failure("RangeCut", "range"))
    reports.add("A", "failed", failure("KeyError"))
    result = reports.outcome()
    assert result
    assert result.verdict is Verdict.TaskFailed


def test_the_five_slowest():
    reports = Reports()
    for seconds in (0.2, 7, 3, 9, 1, 5, 2):
        reports.add(f"T{seconds}", "running")
        reports.add(f"T{seconds}", "complete", seconds=seconds)
    assert reports.progress.slow() == [["T9()", 9], ["T7()", 7], ["T5()", 5], ["T3()", 3], ["T2()", 2]]
