# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Runs attempts as in a pod: in a separate process, with a spec file and a termination log."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
from hypothesis import settings

# Hypothesis uses the same examples in every run and stores nothing.
settings.register_profile("build", derandomize=True, database=None, deadline=None)
settings.load_profile("build")

HERE = Path(__file__).resolve().parent
IMAGE = HERE.parent
GOLDEN_SPEC = json.loads((HERE / "golden" / "spec.json").read_text())
TERMINATION_SCHEMA = json.loads((IMAGE / "termination.schema.json").read_text())
LONGEST_ATTEMPT = 60


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Polls until the condition returns a true value; fails after the given seconds."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return result


@dataclass
class Result:
    """The result of an attempt that has passed the checks of Flow.end."""

    code: int
    message: dict[str, Any]
    logs: list[dict[str, Any]]
    output: str

    @property
    def n(self) -> dict[str, int]:
        return self.message["n"]

    @property
    def fail(self) -> dict[str, Any]:
        assert self.message["fail"] is not None
        return self.message["fail"]

    def lines(self, task: str, logger: str = "output") -> list[str]:
        return [line["msg"] for line in self.logs if line["task"] == task and line["logger"] == logger]

    def verdict(self) -> tuple[int, str, bool]:
        return self.code, self.message["verdict"], self.message["retry"]


def check_message(text: str, budget: int) -> dict[str, Any]:
    """Checks what every termination message must fulfil."""
    assert text.isascii()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert len(text) <= budget
    message = json.loads(text)
    jsonschema.validate(message, TERMINATION_SCHEMA)
    n = message["n"]
    assert list(message) == TERMINATION_SCHEMA["required"], "the order is a part of the contract"
    assert list(n) == TERMINATION_SCHEMA["properties"]["n"]["required"]
    assert n["total"] == sum(count for state, count in n.items() if state not in ("total", "dynamic"))
    return message


class Flow:
    """A directory for one pipeline, and attempts to run it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.termination = home / "termination-log"
        self.environment: dict[str, str] = {}
        self.budget = GOLDEN_SPEC["report"]["budgetBytes"]

    def spec(self, family: str, params: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        spec = copy.deepcopy(GOLDEN_SPEC)
        spec["task"] = {"module": "flows.pipeline", "family": family, "params": params or {}}
        for key, value in changes.items():
            spec[key] = {**spec.get(key, {}), **value} if isinstance(value, dict) else value
        return spec

    def start(self, spec: dict[str, Any], output: int | None = None) -> subprocess.Popen[bytes]:
        """Starts an attempt as in a container: with an empty termination log and the path of the spec in a variable.

        The output goes to a file, unless a pipe is wanted.
        """
        self.termination.write_bytes(b"")
        path = self.home / "spec.json"
        path.write_text(json.dumps(spec))
        self.budget = spec.get("report", {}).get("budgetBytes", 4000)
        environment = {
            **os.environ,
            "PYTHONPATH": f"{IMAGE}{os.pathsep}{HERE}",
            "FLOWS_DIR": str(self.home),
            "LUIGI_RUN_SPEC": str(path),
            "LUIGI_RUN_TERMINATION_LOG": str(self.termination),
            **self.environment,
        }
        with open(self.home / "output", "wb") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "luigi_run", "run"],
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file if output is None else output,
                stderr=subprocess.STDOUT,
            )

    def end(self, process: subprocess.Popen[bytes], seconds: float = LONGEST_ATTEMPT) -> Result:
        """Waits for the end and checks the output, the final message and that no process is left."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"the attempt did not end within {seconds} s:\n{(self.home / 'output').read_text()}")
        output = (self.home / "output").read_text()
        *lines, last = output.splitlines(keepends=True)
        message = check_message(self.termination.read_text(), min(self.budget, 2000))
        assert last == self.termination.read_text()
        assert message["final"], output
        assert process.returncode == message["exit"]
        logs = [json.loads(line) for line in lines]
        assert all(set(line) == {"ts", "level", "logger", "msg", "run", "attempt", "task"} for line in logs)
        assert self.processes() == [], "no process may outlive an attempt"
        return Result(process.returncode, message, logs, output)

    def run(self, family: str, params: dict[str, str] | None = None, **changes: Any) -> Result:
        return self.end(self.start(self.spec(family, params, **changes)))

    def rolling(self) -> dict[str, Any]:
        """The current message, which must be complete at any time."""
        text = self.termination.read_text()
        return check_message(text.rstrip() + "\n", self.budget) if text else {}

    def notes(self, first: str) -> list[list[str]]:
        """The rest of the lines that tasks noted and that begin with this word."""
        path = self.home / "notes"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [line[1:] for line in lines if line[0] == first]

    def processes(self) -> list[psutil.Process]:
        """The processes of this flow that still exist."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("FLOWS_DIR") == str(self.home) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture
def flow(tmp_path: Path) -> Iterator[Flow]:
    flow = Flow(tmp_path)
    yield flow
    for process in flow.processes():
        process.kill()
