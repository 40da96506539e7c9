# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Turns what is known after a phase into a verdict. Pure: no clock, no process, no file."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from luigi_run.board import Board, Task, fail_block
from luigi_run.spec import Spec
from luigi_run.verdict import Verdict


@dataclass(frozen=True)
class PhaseEnd:
    """How a phase process ended: its last report if it made one, and its exit status as Popen tells it."""

    name: str
    report: dict[str, Any] | None
    returncode: int
    at: float


@dataclass(frozen=True)
class Judgement:
    """The verdict of an attempt, whether another try makes sense, and the fail block that explains it."""

    verdict: Verdict
    retry: bool
    fail: dict[str, Any] | None


def after_run(end: PhaseEnd, board: Board, spec: Spec, stopped: Verdict | None, time_left: bool) -> Judgement | None:
    """Judges the run phase; None when the root must be verified, for which a stopped attempt needs time left."""
    report = end.report or {}
    if report.get("e") == "invalid":
        return _because(Verdict.InvalidSpec, report["msg"], end)
    done = report.get("e") == "end" and board.root_state() in ("complete", "ran")
    if stopped is Verdict.Deadline or (stopped and not (done and time_left)):
        return _stopped(stopped, board, spec, end)
    aborted = _aborted(end)
    if aborted:
        return aborted
    if not done:
        if board.names("failed"):
            return _failed(board, spec)
        if board.names("unknown"):
            return _not_schedulable(board)
        missing = board.names("missing")
        if missing:
            names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
            return _because(Verdict.MissingData, f"External data does not exist: {names}.", end)
    if spec.verify_root:
        return None
    return Judgement(Verdict.Succeeded, False, None) if done else _because(Verdict.Unverified, _not_run(board), end)


def after_verify(end: PhaseEnd, board: Board, spec: Spec, stopped: Verdict | None) -> Judgement:
    """Judges the verify phase."""
    report = end.report or {}
    if report.get("e") == "end" and report["complete"]:
        return Judgement(Verdict.Succeeded, False, None)
    if stopped:
        return _stopped(stopped, board, spec, end)
    if report.get("e") == "invalid":
        return _because(Verdict.InvalidSpec, report["msg"], end)
    aborted = _aborted(end)
    if aborted:
        return aborted
    if board.root_state() not in ("complete", "ran"):
        return _because(Verdict.Unverified, _not_run(board), end)
    absent = report["absent"]
    what = (
        f" These outputs do not exist: {', '.join(absent)}."
        if absent
        else " Correct its run(), output() or complete()."
    )
    return _because(
        Verdict.Unverified, f"Luigi saw no failure, but complete() of the root is false in a fresh process.{what}", end
    )


def internal_error(error: Exception, at: float) -> Judgement:
    """For a fault of the runner itself; its trace is in the log."""
    msg = f"The runner itself failed ({type(error).__name__}: {error}); please report it with the log."
    return Judgement(Verdict.InternalError, True, fail_block(_sentence(msg, at)))


def invalid_spec(msg: str, at: float) -> Judgement:
    return Judgement(Verdict.InvalidSpec, False, fail_block(_sentence(msg, at)))


def _sentence(msg: str, at: float) -> dict[str, Any]:
    return {"exc": "", "msg": msg, "frames": [], "at": at}


def _because(verdict: Verdict, msg: str, end: PhaseEnd, retry: bool | None = None) -> Judgement:
    return Judgement(verdict, verdict.retry if retry is None else retry, fail_block(_sentence(msg, end.at)))


def _stopped(verdict: Verdict, board: Board, spec: Spec, end: PhaseEnd) -> Judgement:
    if verdict is Verdict.Deadline:
        running = board.names("running")
        what = f" while {running[0]} was running" if running else ""
        more = f" and {len(running) - 1} more" if len(running) > 1 else ""
        return _because(verdict, f"The deadline of {spec.deadline_seconds} s passed{what}{more}.", end)
    first = board.first("failed")
    return Judgement(verdict, verdict.retry, board.fail(*first) if first else None)


def _aborted(end: PhaseEnd) -> Judgement | None:
    """A phase that ended by an exception, or without a word."""
    report = end.report
    if report is None:
        how = f"with exit code {end.returncode}"
        if end.returncode < 0:
            how = f"by {_signal_name(-end.returncode)}"
            if end.returncode == -signal.SIGKILL:
                how += " (often the memory limit)"
        return _because(
            Verdict.InternalError, f"The process of the {end.name} phase ended {how} and without a result.", end
        )
    if report["e"] == "broken":
        failure = {**report["failure"], "at": end.at}
        return _scheduling(fail_block(failure), failure["transient"])
    return None


def _failed(board: Board, spec: Spec) -> Judgement:
    first = board.first("failed")
    assert first is not None  # a failed task always carries a failure
    fail = board.fail(*first)
    failed = [task for task in board.tasks.values() if task.state == "failed"]
    if _failure(first[1])["kind"] == "range" and all(
        _failure(task)["kind"] in ("range", "unfulfilled") for task in failed
    ):
        # Progress was made if anything ran; without, another attempt would find the same.
        return Judgement(Verdict.Unverified, bool(board.names("ran")), fail)
    errors = {error for task in failed for error in task.errors}
    permanent = bool(errors) and all(set(error) & set(spec.non_retryable) for error in errors)
    verdict = Verdict.TaskFailedPermanent if permanent else Verdict.TaskFailed
    return Judgement(verdict, verdict.retry, fail)


def _not_schedulable(board: Board) -> Judgement:
    first = board.first("unknown")
    assert first is not None  # an unknown task always carries a failure
    unknown = [task for task in board.tasks.values() if task.state == "unknown"]
    return _scheduling(board.fail(*first), all(_failure(task)["transient"] for task in unknown))


def _scheduling(fail: dict[str, Any], transient: bool) -> Judgement:
    verdict = Verdict.SchedulingErrorTransient if transient else Verdict.SchedulingErrorCode
    return Judgement(verdict, verdict.retry, fail)


def _failure(task: Task) -> dict[str, Any]:
    assert task.failure is not None
    return task.failure


def _not_run(board: Board) -> str:
    disabled = board.names("disabled")
    if disabled:
        return f"The root was not run because {disabled[0]} is disabled; enable it."
    return (
        "The root was not run: Luigi gave it or a task it needs to no worker. "
        "Check that the resources the tasks ask for are configured ([resources])."
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
