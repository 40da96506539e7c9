# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Derives the outcome of an attempt from the end of a phase and the states of the tasks. No I/O and no clock."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from luigi_run import stall
from luigi_run.progress import Progress, Task, fail_block
from luigi_run.spec import Spec
from luigi_run.verdict import Verdict

_OUTPUT_CHARS = 300


@dataclass(frozen=True)
class PhaseEnd:
    """How a phase process ended: its last report, if any, and its exit status as in Popen.returncode.

    `output` is the last line of its own output, `stalled` whether it was killed because it made no progress.
    """

    name: str
    report: dict[str, Any] | None
    returncode: int
    at: float
    output: str = ""
    stalled: bool = False


@dataclass(frozen=True)
class Outcome:
    """The verdict of an attempt, whether another attempt may succeed, and the `fail` object of the message."""

    verdict: Verdict
    retry: bool
    fail: dict[str, Any] | None


def after_run(
    end: PhaseEnd, progress: Progress, spec: Spec, stopped: Verdict | None, time_left: bool
) -> Outcome | None:
    """The outcome after the run phase; None if the root must be verified, in a stopped attempt only if time is left."""
    report = end.report or {}
    if report.get("e") == "invalid":
        return _because(Verdict.InvalidSpec, report["msg"], end)
    done = report.get("e") == "end" and progress.root_state() in ("complete", "ran")
    if stopped is Verdict.Deadline or (stopped and not (done and time_left)):
        return _stopped(stopped, progress, spec, end)
    aborted = _aborted(end)
    if aborted:
        return aborted
    if not done:
        if report.get("cycle"):
            names = " -> ".join(report["cycle"])
            return _because(Verdict.SchedulingErrorCode, f"The dependencies of tasks form a cycle: {names}.", end)
        if progress.names("failed"):
            return _failed(progress, spec)
        if progress.names("unknown"):
            return _not_schedulable(progress)
        missing = progress.names("missing")
        if missing:
            names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
            return _because(Verdict.MissingData, f"The data of these external tasks does not exist: {names}.", end)
    if spec.verify_root:
        return None
    return Outcome(Verdict.Succeeded, False, None) if done else _because(Verdict.Unverified, _not_run(progress), end)


def after_verify(end: PhaseEnd, progress: Progress, spec: Spec, stopped: Verdict | None) -> Outcome:
    """The outcome after the verify phase."""
    report = end.report or {}
    if report.get("e") == "end" and report["complete"]:
        return Outcome(Verdict.Succeeded, False, None)
    if stopped:
        return _stopped(stopped, progress, spec, end)
    if report.get("e") == "invalid":
        return _because(Verdict.InvalidSpec, report["msg"], end)
    aborted = _aborted(end)
    if aborted:
        return aborted
    if progress.root_state() not in ("complete", "ran"):
        return _because(Verdict.Unverified, _not_run(progress), end)
    absent = report["absent"]
    what = (
        f" Missing outputs: {', '.join(absent)}. Correct run() or output() of the root."
        if absent
        else " Correct run(), output() or complete() of the root."
    )
    return _because(
        Verdict.Unverified, f"No task failed, but complete() of the root returns False in a new process.{what}", end
    )


def summary(result: Outcome, progress: Progress) -> str:
    """One line for the log."""
    if result.verdict is not Verdict.Succeeded:
        return f"{result.verdict.label}{': ' + result.fail['msg'] if result.fail else ''}"
    ran, complete = len(progress.names("ran")), len(progress.names("complete"))
    if not ran:
        return f"Succeeded, nothing ran: {_tasks(complete)} complete before this attempt"
    return f"Succeeded: {ran} {'task' if ran == 1 else 'tasks'} ran, {_tasks(complete)} complete before"


def failures(progress: Progress) -> list[str]:
    """All failures of the attempt, one line each: those of tasks that failed or could not be scheduled."""
    lines = []
    for task_id, task in progress.tasks.items():
        if task.failure and task.state in ("failed", "unknown"):
            fail = progress.fail(task_id, task)
            where = f" ({fail['where']})" if fail["where"] else ""
            exc = f"{fail['exc']}: " if fail["exc"] else ""
            lines.append(f"{task.name}: {exc}{fail['msg'][:_OUTPUT_CHARS]}{where}")
    return lines


def _tasks(count: int) -> str:
    return "1 task was" if count == 1 else f"{count} tasks were"


def internal_error(error: Exception, at: float) -> Outcome:
    """For an error in the runner itself; the log contains its traceback."""
    msg = f"Internal error of the runner ({type(error).__name__}: {error}); report it with the log of the attempt."
    return Outcome(Verdict.InternalError, True, fail_block(_sentence(msg, at)))


def invalid_spec(msg: str, at: float) -> Outcome:
    return Outcome(Verdict.InvalidSpec, False, fail_block(_sentence(msg, at)))


def _sentence(msg: str, at: float) -> dict[str, Any]:
    return {"exc": "", "msg": msg, "frames": [], "at": at}


def _because(verdict: Verdict, msg: str, end: PhaseEnd, retry: bool | None = None) -> Outcome:
    return Outcome(verdict, verdict.retry if retry is None else retry, fail_block(_sentence(msg, end.at)))


def _stopped(verdict: Verdict, progress: Progress, spec: Spec, end: PhaseEnd) -> Outcome:
    if verdict is Verdict.Deadline:
        running = progress.names("running")
        what = f" while {running[0]} was running" if running else ""
        more = f" and {len(running) - 1} more" if len(running) > 1 else ""
        return _because(verdict, f"The attempt exceeded its deadline of {spec.deadline_seconds} s{what}{more}.", end)
    first = progress.first("failed")
    return Outcome(verdict, verdict.retry, progress.fail(*first) if first else None)


def _aborted(end: PhaseEnd) -> Outcome | None:
    """The outcome if the phase ended with an exception or without a result; otherwise None."""
    report = end.report
    if end.stalled:
        return _because(
            Verdict.SchedulingErrorTransient,
            f"The {end.name} phase was ended, because Luigi reported nothing for {stall.END_SECONDS:.0f} s and no task "
            "was running. The log contains the stacks: look for complete(), requires() or an import that blocks.",
            end,
        )
    if report is None:
        how = f"with exit code {end.returncode}"
        if end.returncode < 0:
            how = f"by {_signal_name(-end.returncode)}"
            if end.returncode == -signal.SIGKILL:
                how += " (often the memory limit of the container)"
        output = f" The last line of its output: {end.output[:_OUTPUT_CHARS]}" if end.output else ""
        return _because(
            Verdict.InternalError, f"The process of the {end.name} phase ended {how}, without a result.{output}", end
        )
    if report["e"] == "broken":
        failure = {**report["failure"], "at": end.at}
        return _scheduling(fail_block(failure), failure["transient"])
    return None


def _failed(progress: Progress, spec: Spec) -> Outcome:
    first = progress.first("failed")
    assert first is not None  # a failed task always carries a failure
    fail = progress.fail(*first)
    failed = [task for task in progress.tasks.values() if task.state == "failed"]
    kinds = {_failure(task)["kind"] for task in failed} - {"unfulfilled"}
    if kinds and kinds <= {"range", "outside"}:
        # If no task ran, another attempt would end in the same way.
        return Outcome(Verdict.Unverified, kinds == {"range"} and bool(progress.names("ran")), fail)
    errors = {error for task in failed for error in task.errors}
    permanent = bool(errors) and all(set(error) & set(spec.non_retryable) for error in errors)
    verdict = Verdict.TaskFailedPermanent if permanent else Verdict.TaskFailed
    return Outcome(verdict, verdict.retry, fail)


def _not_schedulable(progress: Progress) -> Outcome:
    first = progress.first("unknown")
    assert first is not None  # an unknown task always carries a failure
    unknown = [task for task in progress.tasks.values() if task.state == "unknown"]
    if all(_failure(task)["kind"] == "outside" for task in unknown):
        return Outcome(Verdict.Unverified, False, progress.fail(*first))
    return _scheduling(progress.fail(*first), all(_failure(task)["transient"] for task in unknown))


def _scheduling(fail: dict[str, Any], transient: bool) -> Outcome:
    verdict = Verdict.SchedulingErrorTransient if transient else Verdict.SchedulingErrorCode
    return Outcome(verdict, verdict.retry, fail)


def _failure(task: Task) -> dict[str, Any]:
    assert task.failure is not None
    return task.failure


def _not_run(progress: Progress) -> str:
    disabled = progress.names("disabled")
    if disabled:
        return f"The root did not run, because {disabled[0]} is disabled; enable it."
    return (
        "The root did not run: Luigi assigned it or one of its dependencies to no worker. "
        "Check that the resources of the tasks are configured in the section [resources] of luigi.cfg."
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
