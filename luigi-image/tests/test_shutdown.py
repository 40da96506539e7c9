# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Timeouts, SIGTERM, the deadline and SIGKILL: the attempt ends in time, reports it, and leaves no process."""

from __future__ import annotations

import signal
import time

import psutil
import pytest
from conftest import Flow, wait_for

workers = pytest.mark.parametrize("workers", [1, 3])

DRAINED = (60, "Drained", True)
DEADLINE = (61, "Deadline", True)


def ended(pids: list[str]) -> bool:
    return not any(psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != "zombie" for pid in pids)


def draining(flow: Flow) -> bool:
    return "Drained: no new tasks" in (flow.home / "output").read_text()


@workers
def test_a_task_timeout_ends_its_grandchildren(flow: Flow, workers):
    result = flow.run("WaitsForever", workers=workers, timeouts={"taskSeconds": 2})
    assert result.verdict() == (30, "TaskFailed", True)
    assert "timed out after 2 seconds" in result.fail["msg"]
    (pids,) = flow.notes("pids")
    assert ended(pids)


def test_a_timeout_ends_a_task_that_ignores_sigterm_while_others_run(flow: Flow):
    process = flow.start(flow.spec("TimeoutBesideWork", workers=3, timeouts={"taskSeconds": 1}))
    wait_for(lambda: flow.rolling().get("n", {}).get("failed"), "the task has timed out")
    (pids,) = flow.notes("pids")
    assert ended(pids)
    assert flow.rolling()["n"]["running"] == 1
    (flow.home / "go").touch()
    result = flow.end(process)
    assert result.verdict() == (30, "TaskFailed", True)
    assert (result.n["ran"], result.n["failed"]) == (1, 1)


@workers
def test_sigterm_lets_running_tasks_finish_and_starts_no_more(flow: Flow, workers):
    process = flow.start(flow.spec("ManyWaits", workers=workers))
    wait_for(lambda: len(flow.notes("started")) == workers, "every worker is busy")
    process.send_signal(signal.SIGTERM)
    # Luigi has received SIGUSR1; now the tasks may end, and no other task may start.
    wait_for(lambda: draining(flow), "SIGUSR1 was sent to the Luigi process")
    (flow.home / "go").touch()
    result = flow.end(process)
    assert result.verdict() == DRAINED
    assert len(flow.notes("started")) == workers
    assert (result.n["ran"], result.n["running"], result.n["failed"]) == (workers, 0, 0)
    assert result.message["fail"] is None


def test_work_that_was_finished_while_draining_counts(flow: Flow):
    process = flow.start(flow.spec("WaitsForSignal"))
    wait_for(lambda: flow.notes("started"), "the task runs")
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: draining(flow), "the drain has begun")
    (flow.home / "go").touch()
    assert flow.end(process).verdict() == (0, "Succeeded", False)


@workers
def test_sigterm_with_tasks_that_do_not_end(flow: Flow, workers):
    spec = flow.spec("ManyWaitForever", workers=workers, timeouts={"graceSeconds": 11})
    process = flow.start(spec)
    wait_for(lambda: len(flow.notes("pids")) == workers, "every worker is busy")
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    result = flow.end(process, seconds=11)
    assert time.monotonic() - begin >= 1, "the tasks had no time to finish"
    assert result.verdict() == DRAINED
    assert result.n["running"] == len(result.message["running"]) == workers
    assert result.n["failed"] == 0
    assert all(ended(pids) for pids in flow.notes("pids"))


def test_sigterm_with_a_task_that_ignores_it(flow: Flow):
    process = flow.start(flow.spec("WaitsForever", {"stubborn": "true"}, timeouts={"graceSeconds": 4}))
    wait_for(lambda: flow.notes("pids"), "the task runs")
    process.send_signal(signal.SIGTERM)
    result = flow.end(process, seconds=4)
    assert result.verdict() == DRAINED
    assert result.message["running"] == ["WaitsForever(n=0, stubborn=True)"]


def test_sigterm_before_luigi_is_ready(flow: Flow):
    process = flow.start(flow.spec("SlowImport", task={"module": "flows.slow"}))
    wait_for(lambda: flow.notes("importing"), "the module is being imported")
    process.send_signal(signal.SIGTERM)
    assert flow.end(process, seconds=10).verdict() == DRAINED


def test_a_second_interrupt_ends_the_attempt_immediately(flow: Flow):
    process = flow.start(flow.spec("WaitsForever"))
    wait_for(lambda: flow.notes("pids"), "the task runs")
    process.send_signal(signal.SIGINT)
    wait_for(lambda: draining(flow), "the first interrupt is handled")
    process.send_signal(signal.SIGINT)
    assert flow.end(process, seconds=10).verdict() == DRAINED


@workers
def test_the_deadline(flow: Flow, workers):
    result = flow.run("ManyWaitForever", workers=workers, timeouts={"deadlineSeconds": 4})
    assert result.verdict() == DEADLINE
    assert "The attempt exceeded its deadline of 4 s while WaitsForever" in result.fail["msg"]
    assert result.n["running"] == workers
    assert all(ended(pids) for pids in flow.notes("pids"))


def test_the_deadline_of_an_import_that_does_not_end(flow: Flow):
    result = flow.run("SlowImport", task={"module": "flows.slow"}, timeouts={"deadlineSeconds": 1})
    assert result.verdict() == DEADLINE


@workers
def test_a_killed_runner_leaves_the_last_state_and_no_process(flow: Flow, workers):
    process = flow.start(flow.spec("ManyWaitForever", workers=workers))
    wait_for(lambda: flow.rolling().get("n", {}).get("running") == workers, "the message lists the running tasks")
    process.kill()
    process.wait()
    message = flow.rolling()
    assert (message["final"], message["verdict"], message["exit"]) == (False, None, None)
    assert message["phase"] == "run"
    assert message["tok"] == flow.spec("ManyWaitForever")["run"]["token"]
    assert len(message["running"]) == workers
    # Processes that a task started in their own session end with the container: tini ends all remaining processes.
    direct = [pids[0] for pids in flow.notes("pids")]
    wait_for(lambda: ended(direct), "the Luigi process and its tasks die with the supervisor")


def test_the_message_is_there_from_the_start(flow: Flow):
    process = flow.start(flow.spec("SlowImport", task={"module": "flows.slow"}))
    wait_for(lambda: flow.notes("importing"), "the module is being imported")
    message = flow.rolling()
    assert (message["final"], message["phase"], message["run"]) == (False, "run", "flights/ua-20130115")
    process.send_signal(signal.SIGTERM)
    flow.end(process)
