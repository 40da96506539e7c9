# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""What the supervisor keeps of the tasks, and how it picks the failure that explains the rest."""

from __future__ import annotations

import json
from typing import Any

from conftest import GOLDEN_SPEC

from luigi_run import judge
from luigi_run.board import Board
from luigi_run.judge import PhaseEnd
from luigi_run.spec import parse
from luigi_run.verdict import Verdict

SPEC = parse(json.dumps(GOLDEN_SPEC).encode())


def failure(exc: str = "KeyError", kind: str = "error", function: str = "f") -> dict[str, Any]:
    frame = {"file": "user.py", "line": 1, "function": function, "user": True}
    return {"kind": kind, "exc": exc, "mro": [exc], "msg": exc, "frames": [frame], "transient": False}


class Story:
    """Reports in order, a second apart."""

    def __init__(self) -> None:
        self.board = Board()
        self.now = 1000.0

    def tell(self, task: str, state: str, problem: dict[str, Any] | None = None, seconds: float = 1) -> None:
        self.now += seconds
        event: dict[str, Any] = {"e": "task", "id": task, "name": f"{task}()", "s": state, "at": self.now}
        self.board.report(event | ({"failure": problem} if problem else {}))

    def judged(self) -> judge.Judgement | None:
        return judge.after_run(PhaseEnd("run", {"e": "end"}, 0, self.now), self.board, SPEC, None, True)


def test_the_earliest_failure_explains():
    story = Story()
    story.tell("Z", "failed", failure("TypeError"))
    story.tell("A", "failed", failure("KeyError"))
    judgement = story.judged()
    assert judgement
    assert judgement.fail
    assert (judgement.fail["task"], judgement.fail["exc"], judgement.fail["at"]) == ("Z()", "TypeError", 1001)


def test_a_failure_for_want_of_a_dependency_explains_nothing():
    story = Story()
    story.tell("A", "failed", failure("RuntimeError", "unfulfilled"))
    story.tell("B", "failed", failure("KeyError"))
    judgement = story.judged()
    assert judgement
    assert judgement.fail
    assert judgement.fail["exc"] == "KeyError"


def test_a_task_that_worked_at_last_explains_nothing():
    story = Story()
    story.tell("A", "failed", failure("KeyError"))
    story.tell("A", "running")
    story.tell("A", "complete")
    story.tell("B", "failed", failure("OSError"))
    judgement = story.judged()
    assert judgement
    assert judgement.fail
    assert judgement.fail["exc"] == "OSError"
    assert story.board.counts()["ran"] == 1


def test_permanent_means_every_failure_of_every_try():
    story = Story()
    story.tell("A", "failed", failure("OSError"))
    story.tell("A", "running")
    story.tell("A", "failed", failure("ValueError"))
    judgement = story.judged()
    assert judgement
    assert judgement.verdict is Verdict.TaskFailed
    story = Story()
    story.tell("A", "failed", failure("ValueError"))
    story.tell("B", "failed", failure("RuntimeError", "unfulfilled"))
    judgement = story.judged()
    assert judgement
    assert judgement.verdict is Verdict.TaskFailedPermanent


def test_equal_faults_are_counted():
    story = Story()
    for task in "ABC":
        story.tell(task, "failed", failure())
    story.tell("D", "failed", failure(function="other"))
    judgement = story.judged()
    assert judgement
    assert judgement.fail
    assert judgement.fail["count"] == 3


def test_a_cut_range_without_progress_is_not_repeated():
    story = Story()
    story.tell("R", "failed", failure("RangeCut", "range"))
    judgement = story.judged()
    assert judgement
    assert (judgement.verdict, judgement.retry) == (Verdict.Unverified, False)
    story.tell("A", "running")
    story.tell("A", "complete")
    judgement = story.judged()
    assert judgement
    assert judgement.retry


def test_a_failure_beside_a_cut_range_is_a_failure():
    story = Story()
    story.tell("R", "failed", failure("RangeCut", "range"))
    story.tell("A", "failed", failure("KeyError"))
    judgement = story.judged()
    assert judgement
    assert judgement.verdict is Verdict.TaskFailed


def test_the_five_slowest():
    story = Story()
    for seconds in (0.2, 7, 3, 9, 1, 5, 2):
        story.tell(f"T{seconds}", "running")
        story.tell(f"T{seconds}", "complete", seconds=seconds)
    assert story.board.slow() == [["T9()", 9], ["T7()", 7], ["T5()", 5], ["T3()", 3], ["T2()", 2]]
