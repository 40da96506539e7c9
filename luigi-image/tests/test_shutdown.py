# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Timeouts, SIGTERM, the deadline and SIGKILL: the attempt ends in time, reports it, and leaves no process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import psutil
import pytest
from conftest import HERE, IMAGE, Flow, wait_for

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


@pytest.mark.parametrize(
    ("family", "params", "who"),
    [
        ("AboveBatchWaits", {}, "batch"),
        ("ProgramInItsOwnSession", {"daemon": "false"}, "program"),
        ("ProgramInItsOwnSession", {"daemon": "true"}, "program"),
    ],
)
def test_sigterm_reaches_every_process_before_sigkill(flow: Flow, family, params, who):
    task = {"module": "flows.unusual", "family": family, "params": params}
    process = flow.start(flow.spec(family, workers=2, task=task, timeouts={"graceSeconds": 14}))
    wait_for(lambda: flow.notes("started"), "the task runs")
    process.send_signal(signal.SIGTERM)
    result = flow.end(process, seconds=14)
    assert result.verdict() == DRAINED
    assert flow.notes("term") == [[who]]
    assert result.n["running"] == len(result.message["running"]) >= 1
    assert result.n["failed"] == 0


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


# A phase that blocks


def test_a_deadline_while_complete_blocks_logs_the_stack(flow: Flow):
    task = {"module": "flows.unusual", "family": "AboveHangs"}
    result = flow.run("AboveHangs", task=task, timeouts={"deadlineSeconds": 3})
    assert result.verdict() == DEADLINE
    assert any("unusual.py" in line and "in complete" in line for line in result.lines(""))


@pytest.mark.parametrize("family", ["AboveHangs", "CompleteAfterRun"])
def test_a_phase_without_progress_is_ended(flow: Flow, family):
    (flow.home / "sitecustomize.py").write_text(
        "from luigi_run import stall\nstall.DUMP_SECONDS, stall.END_SECONDS = 2.0, 4.0\n"
    )
    flow.environment["PYTHONPATH"] = os.pathsep.join(map(str, (flow.home, IMAGE, HERE)))
    result = flow.run(family, task={"module": "flows.unusual", "family": family})
    assert result.verdict() == (35, "SchedulingError", True)
    assert "reported nothing for 4 s" in result.fail["msg"]
    assert result.message["phase"] == ("run" if family == "AboveHangs" else "verify")
    assert len([line for line in result.lines("") if "unusual.py" in line and "in complete" in line]) >= 2


def test_a_task_that_runs_is_no_stall(flow: Flow):
    (flow.home / "sitecustomize.py").write_text(
        "from luigi_run import stall\nstall.DUMP_SECONDS, stall.END_SECONDS = 1.0, 4.0\n"
    )
    flow.environment["PYTHONPATH"] = os.pathsep.join(map(str, (flow.home, IMAGE, HERE)))
    process = flow.start(flow.spec("WaitsForSignal"))
    wait_for(lambda: flow.notes("started"), "the task runs")
    begin = time.monotonic()
    wait_for(lambda: time.monotonic() > begin + 6, "longer than a phase may stall")
    (flow.home / "go").touch()
    assert flow.end(process).verdict() == (0, "Succeeded", False)


def test_a_timed_out_task_logs_its_stack(flow: Flow):
    result = flow.run("WaitsForever", timeouts={"taskSeconds": 1})
    (task,) = result.message["failed"]
    assert any("pipeline.py" in line and "in run" in line for line in result.lines(task))


@pytest.mark.parametrize("how", ["SIGTERM", "deadline"])
def test_a_reader_that_stops_reading_the_log_does_not_block_the_attempt(flow: Flow, how):
    """As when the container runtime does not read the log."""
    task = {"module": "flows.unusual", "family": "Floods"}
    limits = {"graceSeconds": 4, "deadlineSeconds": 6 if how == "deadline" else 0}
    process = flow.start(flow.spec("Floods", task=task, timeouts=limits), output=subprocess.PIPE)
    wait_for(lambda: flow.notes("started"), "the task writes")
    if how == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert process.returncode == (60 if how == "SIGTERM" else 61)
    message = flow.rolling()
    assert (message["final"], message["exit"]) == (True, process.returncode)
    assert flow.processes() == []
    process.stdout.close()


def test_a_log_that_is_read_late_is_complete(flow: Flow):
    process = flow.start(
        flow.spec("Chatty", task={"module": "flows.unusual", "family": "Chatty"}), output=subprocess.PIPE
    )
    wait_for(lambda: flow.rolling().get("final"), "the attempt is over, but its log was not read")
    output = process.stdout.read()
    process.wait(20)
    process.stdout.close()
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["msg"] for line in lines if "msg" in line and line["msg"].startswith("line ")] == [
        f"line {n}" for n in range(1000)
    ]
    assert lines[-1]["final"]


def test_keep_alive_does_not_wait_for_a_retry_that_nobody_configured(flow: Flow):
    (flow.home / "luigi.cfg").write_text("[worker]\nkeep_alive = true\n")
    result = flow.run("AboveFailure")
    assert result.verdict() == (30, "TaskFailed", True)


def test_keep_alive_gives_up_a_task_that_always_fails(flow: Flow):
    (flow.home / "luigi.cfg").write_text(
        "[worker]\nkeep_alive = true\nwait_interval = 0.05\nwait_jitter = 0\n[scheduler]\nretry_delay = 0.01\n"
        "disable_window = 0\n"
    )
    result = flow.run("AboveFailure")
    assert result.verdict() == (30, "TaskFailed", True)
    assert result.fail["count"] == 10
