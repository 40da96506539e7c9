# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The result of a task: it arrives, whatever it contains and whenever the task ends, and harms no other task."""

from __future__ import annotations

import time

import psutil
import pytest
from conftest import Flow
from test_shutdown import ended

from luigi_run.results import Result, Results

workers = pytest.mark.parametrize("workers", [1, 3])
UNUSUAL = {"module": "flows.unusual"}
TASK_FAILED = (30, "TaskFailed", True)
SUCCEEDED = (0, "Succeeded", False)


def run(flow: Flow, family: str, params: dict[str, str] | None = None, **changes):
    return flow.run(family, task=UNUSUAL | {"family": family, "params": params or {}}, **changes)


# Results of Results


def test_a_result_arrives_in_parts():
    results = Results()
    outlet = results.open("T")
    data = Result("T", "DONE", new_deps=(("m", "F", {"p": "v" * 10}),), passed=2).encode()
    for index in range(len(data) - 1):
        outlet.write(data[index : index + 1])
        assert results.get(0) is None
        assert results.started("T") == index + 1
    outlet.write(data[-1:])
    assert results.get(0) == Result("T", "DONE", new_deps=(("m", "F", {"p": "v" * 10}),), passed=2)
    assert not results.pending("T")
    outlet.close()
    results.close()


def test_a_part_of_a_result_blocks_no_other():
    results = Results()
    first, second = results.open("A"), results.open("B")
    first.write(Result("A", "DONE").encode()[:-1])
    first.close()
    second.write(Result("B", "DONE").encode())
    second.close()
    assert results.get(1) == Result("B", "DONE")
    assert results.get(0) is None
    results.finish("A")
    assert results.pending("A")
    results.put(Result("A", "FAILED", "lost"))
    assert results.get(0) == Result("A", "FAILED", "lost")
    results.close()


# KeyboardInterrupt


@workers
@pytest.mark.parametrize(("where", "text"), [("run", "ctrl-c"), ("on_success", "ctrl-c")])
def test_a_keyboard_interrupt_in_a_task_is_a_failure(flow: Flow, workers, where, text):
    result = run(flow, "Interrupted", {"where": where}, workers=workers)
    assert result.verdict() == TASK_FAILED
    assert (result.fail["exc"], result.fail["msg"]) == ("KeyboardInterrupt", text)
    assert flow.notes("ran") == [[where]]


def test_a_keyboard_interrupt_in_a_failure_handler_hides_nothing(flow: Flow):
    result = run(flow, "Interrupted", {"where": "on_failure"})
    assert result.verdict() == TASK_FAILED
    assert (result.fail["exc"], result.fail["msg"]) == ("RuntimeError", "the first error")


@pytest.mark.parametrize(("how", "exc"), [("exit", "SystemExit"), ("interrupt", "KeyboardInterrupt")])
def test_complete_that_ends_the_process_names_its_task(flow: Flow, how, exc):
    result = run(flow, "AboveCompleteExits", {"how": how})
    assert result.verdict() == (36, "SchedulingError", False)
    assert (result.fail["task"], result.fail["exc"]) == (f"CompleteExits(how={how})", exc)


# A result channel for each task


def test_a_result_that_waits_for_luigi_is_not_lost_by_a_timeout(flow: Flow):
    result = run(flow, "TimeoutWhileItReports", workers=2, timeouts={"taskSeconds": 2})
    assert result.verdict() == SUCCEEDED


def test_a_task_that_ends_while_it_reports_blocks_no_other(flow: Flow):
    result = run(flow, "BesideKilled", workers=2)
    assert result.verdict() == TASK_FAILED
    assert "exit code 9" in result.fail["msg"]
    assert result.message["failed"] == ["KilledWhileItReports()"]


def test_a_task_that_closes_its_files_fails_and_its_files_are_not_written_to(flow: Flow):
    result = run(flow, "ClosesFiles")
    assert result.verdict() == TASK_FAILED
    assert (flow.home / "own").read_text() == "of the task"


@pytest.mark.parametrize("what", ["datetime", "lambda", "cycle", "lock", "bytes", "surrogate"])
def test_what_on_success_returns_does_not_matter(flow: Flow, what):
    assert run(flow, "Returns", {"what": what}).verdict() == SUCCEEDED


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("set", "not JSON serializable"),
        ("parse", "cannot parse parse"),
        ("target", "can not return Target objects"),
        ("no task", "str"),
    ],
)
def test_dynamic_dependencies_that_cannot_be_scheduled_fail_their_task(flow: Flow, what, text):
    result = run(flow, "BesideProblem", {"what": what}, workers=2)
    assert result.verdict() == TASK_FAILED
    assert result.fail["task"] == f"YieldsProblem(what={what})"
    assert text in result.fail["msg"]
    assert result.n["ran"] == 1


def test_complete_of_a_dynamic_dependency_ends_no_process(flow: Flow):
    result = run(flow, "BesideProblem", {"what": "exit"}, workers=2)
    assert result.verdict() == TASK_FAILED
    assert result.fail["exc"] == "SystemExit"
    assert result.n["ran"] == 1


def test_a_dynamic_dependency_with_a_private_parameter_runs(flow: Flow):
    assert run(flow, "YieldsPrivate").verdict() == SUCCEEDED
    (output,) = flow.home.glob("Private_*.out")
    assert output.read_text() == "4711"


def test_a_batch_with_a_private_parameter_runs(flow: Flow):
    assert run(flow, "AbovePrivateBatch").verdict() == SUCCEEDED
    assert flow.notes("batch") == [["2", "4711"]]


def test_a_batch_that_luigi_cannot_load_fails_and_harms_no_other(flow: Flow):
    result = run(flow, "AboveUnloadableBatch")
    assert result.verdict() == TASK_FAILED
    assert "cannot parse" in result.fail["msg"]
    assert (result.n["failed"], result.n["ran"]) == (2, 1)


# Dynamic dependencies that get nowhere


@pytest.mark.parametrize(
    ("how", "names"), [("one", "NoOutput(n=)"), ("list", "NoOutput(n=0), NoOutput(n=1), NoOutput(n=2)"), ("custom", "")]
)
def test_a_dynamic_dependency_that_never_completes_is_named(flow: Flow, how, names):
    result = run(flow, "YieldsNoOutput", {"how": how}, workers=2)
    assert result.verdict() == TASK_FAILED
    assert "ran, but complete() still returns False: " + names in result.fail["msg"]
    assert len(flow.notes("ran")) == {"one": 1, "list": 3, "custom": 0}[how]


def test_dependencies_made_from_the_clock_are_explained(flow: Flow):
    result = run(flow, "YieldsNoOutput", {"how": "clock"})
    assert result.verdict() == TASK_FAILED
    assert "do not make them from the current time" in result.fail["msg"]
    assert len(flow.notes("ran")) < 10


def test_a_dynamic_dependency_may_become_complete_a_little_later(flow: Flow):
    assert run(flow, "YieldsLate").verdict() == SUCCEEDED
    assert flow.notes("ran") == [["late"]]


def test_a_removed_dependency_is_made_again(flow: Flow):
    assert run(flow, "RemovesWhatItYields", {"always": "false"}).verdict() == SUCCEEDED


def test_dependencies_that_are_always_removed_are_explained(flow: Flow):
    result = run(flow, "RemovesWhatItYields", {"always": "true"})
    assert result.verdict() == TASK_FAILED
    assert "do not remove their outputs" in result.fail["msg"]


def test_many_yields_and_lists_that_grow_are_no_loop(flow: Flow):
    assert run(flow, "YieldsOneByOne").verdict() == SUCCEEDED


# Processes of tasks


@workers
def test_tasks_that_do_not_exit_do_not_pile_up(flow: Flow, workers):
    process = flow.start(flow.spec("ManyLeaveThread", workers=workers, task=UNUSUAL | {"family": "ManyLeaveThread"}))
    most = 0
    while process.poll() is None:
        most = max(most, len(children(process.pid)))
        time.sleep(0.05)
    result = flow.end(process)
    assert result.verdict() == SUCCEEDED
    assert most <= 8, "the Luigi process, running tasks and those that are about to be killed"
    assert [f"output of {n}" for n in range(12)] == sorted(
        (line["msg"] for line in result.logs if line["msg"].startswith("output of ")), key=lambda msg: int(msg[10:])
    )
    assert not any("after the run phase" in line["msg"] for line in result.logs)


def children(pid: int) -> list[psutil.Process]:
    try:
        found = psutil.Process(pid).children(recursive=True)
        return [child for child in found if child.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def test_timeouts_do_not_wait_for_each_other(flow: Flow):
    begin = time.monotonic()
    result = run(flow, "ManyIgnoreTerm", workers=6, timeouts={"taskSeconds": 1})
    assert time.monotonic() - begin < 10, "SIGKILL follows SIGTERM after 3 s, for all tasks at once"
    assert result.verdict() == TASK_FAILED
    assert result.n["failed"] == 6
    assert all(ended(pids) for pids in flow.notes("pids"))


def test_exit_codes_count_although_user_code_ignores_them(flow: Flow):
    flow.environment["AT_IMPORT"] = "sigchld"
    result = run(flow, "EndsQuietly")
    assert result.verdict() == TASK_FAILED
    assert "exit code 3" in result.fail["msg"]
