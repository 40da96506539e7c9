# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing stays: processes end with the benchmark, and what a killed one has left is removed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmark import leftovers, memory_limit
from benchmark.load import in_parallel
from benchmark.processes import BenchmarkError, Process, run, wait_until


def ended_process():
    """The id of a process that has ended."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_settings_of_the_caller_do_not_reach_the_operator(tmp_path, monkeypatch):
    monkeypatch.setenv("LUIGI_OPERATOR_CACHE", "/elsewhere")
    monkeypatch.setenv("ANOTHER", "stays")
    process = Process("env", ["env"], tmp_path, {"LUIGI_OPERATOR_HTTP_PORT": "1"})
    wait_until(lambda: not process.is_running(), 10, "env ends")
    printed = process.log.read_text()
    assert "LUIGI_OPERATOR_CACHE" not in printed
    assert "LUIGI_OPERATOR_HTTP_PORT=1" in printed
    assert "ANOTHER=stays" in printed


def test_a_process_is_measured_and_stopped(tmp_path):
    process = Process("sleeper", ["sh", "-c", "echo begun; exec sleep 60"], tmp_path)
    wait_until(lambda: process.log.read_text() == "begun\n", 10, "it writes to its log", process)
    assert process.is_running()
    assert process.cpu_seconds() >= 0
    assert 0 < process.memory().resident <= process.memory().peak
    process.stop()
    assert not process.is_running()


def test_a_process_that_ignores_the_request_is_killed(tmp_path):
    process = Process("stubborn", ["sh", "-c", "trap '' TERM; echo begun; while true; do sleep 1; done"], tmp_path)
    wait_until(lambda: process.log.read_text() == "begun\n", 10, "it writes to its log", process)
    process.stop(seconds=0.2)
    assert not process.is_running()


def test_waiting_ends_with_the_process(tmp_path):
    process = Process("short", ["true"], tmp_path)
    with pytest.raises(BenchmarkError, match="the process short has ended"):
        wait_until(lambda: False, 10, "it answers", process)


def test_a_process_ends_when_the_benchmark_is_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from benchmark.processes import Process\n"
        "print(Process('sleeper', ['sleep', '60'], Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    benchmark = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True)
    assert benchmark.stdout
    sleeper = int(benchmark.stdout.readline())
    assert Path(f"/proc/{sleeper}").exists()
    benchmark.kill()
    benchmark.wait()
    benchmark.stdout.close()
    wait_until(lambda: has_ended(sleeper), 10, "the process has ended")


def has_ended(pid):
    """Whether there is no such process, or only its entry that no one has read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_leftovers_of_a_killed_benchmark_are_removed(tmp_path, monkeypatch):
    groups = tmp_path / "groups"
    data = tmp_path / "data"
    for parent in (groups, data):
        parent.mkdir()
        (parent / leftovers.owned_name(ended_process())).mkdir()
        (parent / leftovers.owned_name(os.getpid())).mkdir()
        (parent / "luigi-operator-dev").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(data))
    monkeypatch.setattr(memory_limit, "parent", lambda: groups)
    monkeypatch.setattr(memory_limit, "remove", Path.rmdir)
    leftovers.remove_leftovers()
    kept = {leftovers.owned_name(os.getpid()), "luigi-operator-dev"}
    assert {path.name for path in groups.iterdir()} == kept
    assert {path.name for path in data.iterdir()} == kept


def test_work_in_parallel_ends_with_its_first_error():
    called = []

    def call(number):
        called.append(number)
        if number == 1:
            raise BenchmarkError("refused")

    with pytest.raises(BenchmarkError, match="refused"):
        in_parallel(1, call, range(1000))
    assert len(called) < 1000
    called.clear()
    in_parallel(3, called.append, range(5))
    assert sorted(called) == [0, 1, 2, 3, 4]


def test_a_command_that_fails_says_why():
    with pytest.raises(BenchmarkError, match="exit code 3: because"):
        run("sh", "-c", "echo because >&2; exit 3")
    assert run("cat", stdin="text") == "text"
