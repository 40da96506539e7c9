# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Starts one fresh process per phase, watches it, and says how the attempt ended.

Uses the standard library only and never imports Luigi or user code, so that no mistake of theirs can end it, block it
or silence it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from luigi_run import judge, message, procs
from luigi_run.board import Board
from luigi_run.judge import Judgement, PhaseEnd
from luigi_run.logs import Log
from luigi_run.phase_process import PhaseProcess
from luigi_run.spec import Spec
from luigi_run.stopping import Stopping

_MESSAGE_INTERVAL = 1.0
# A phase that has reported its result should exit at once; threads of user code may keep it.
_EXIT_SECONDS = 5.0


class Attempt:
    """One attempt from its spec to its final message."""

    def __init__(self, environment: Mapping[str, str], log: Log) -> None:
        self._log = log
        self._environment = environment
        self._termination = message.TerminationLog(environment)
        self._t0 = time.time()
        self._spec: Spec | None = None
        self._raw = b""
        self._board = Board()
        self._phase = "start"
        self._luigi = ""
        self._stopping = Stopping(log)
        self._dirty = False
        self._written = 0.0
        self._write_rolling()

    def run(self, spec: Spec, raw: bytes) -> Judgement:
        """Runs the phases; the signals are this process's from here to the end."""
        self._spec, self._raw = spec, raw
        procs.adopt_orphans()
        self._write_rolling()
        deadline = time.monotonic() + spec.deadline_seconds if spec.deadline_seconds else None
        self._stopping.watch(spec.grace_seconds, deadline)
        end = self._run_phase("run")
        stopping = self._stopping
        judgement = judge.after_run(end, self._board, spec, stopping.verdict, stopping.time_left())
        if judgement is None:
            end = self._run_phase("verify")
            judgement = judge.after_verify(end, self._board, spec, stopping.verdict)
        return judgement

    def finish(self, judgement: Judgement) -> int:
        """Writes the final message, as the last line of the output too; returns the exit code."""
        final = self._message(judgement)
        budget = self._spec.budget_bytes if self._spec else 4000
        self._termination.write(message.encode(final, budget))
        self._log.raw(message.encode(final, min(budget, message.LAST_LINE_BYTES)))
        return judgement.verdict.value

    def _run_phase(self, name: str) -> PhaseEnd:
        assert self._spec is not None
        self._phase = name
        self._write_rolling()
        self._log.line(f"The {name} phase starts")
        last: dict[str, Any] | None = None
        exit_by: float | None = None
        with PhaseProcess(
            name, self._raw, self._child_environment(), self._log, self._board, self._stopping.wakeup
        ) as process:
            while process.alive():
                for event in process.events(self._wait(exit_by)):
                    last = self._take(event, process) or last
                now = time.monotonic()
                self._stopping.tick(now, process)
                if last and exit_by is None:
                    exit_by = now + _EXIT_SECONDS
                if exit_by is not None and now >= exit_by:
                    process.kill()
                if self._dirty and now >= self._written + _MESSAGE_INTERVAL:
                    self._write_rolling()
            for event in process.rest():
                last = self._take(event, process) or last
        self._write_rolling()
        return PhaseEnd(name, last, process.returncode, time.time())

    def _wait(self, exit_by: float | None) -> float | None:
        """Seconds until something is due; None for as long as nothing happens."""
        due = [self._stopping.next_due(), exit_by, self._written + _MESSAGE_INTERVAL if self._dirty else None]
        times = [moment for moment in due if moment is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _take(self, event: dict[str, Any], process: PhaseProcess) -> dict[str, Any] | None:
        """Takes one report of the phase; returns it if it is the phase's result."""
        self._dirty = True
        kind = event["e"]
        if kind == "task":
            if event["s"] == "failed" and event["id"] in self._stopping.interrupted:
                return None  # it ended because we ended it: it stays among the running, as interrupted
            if event["s"] != "running":
                process.task_ended(event["id"])
            self._board.report(event)
        elif kind == "root":
            self._board.root = event["id"]
        elif kind == "luigi":
            self._luigi = event["version"]
        else:
            return event
        return None

    def _child_environment(self) -> dict[str, str]:
        spec = self._spec
        assert spec is not None
        deadline = str(int(self._t0) + spec.deadline_seconds) if spec.deadline_seconds else ""
        own = ("LUIGI_RUN_SPEC", message.ENVIRONMENT_NAME)
        return {
            **{name: value for name, value in self._environment.items() if name not in own},
            "LUIGI_RUN_NAMESPACE": spec.namespace,
            "LUIGI_RUN_NAME": spec.name,
            "LUIGI_RUN_UID": spec.uid,
            "LUIGI_RUN_ATTEMPT": str(spec.attempt),
            "LUIGI_RUN_FENCE": str(spec.fence),
            "LUIGI_RUN_DATE": spec.date,
            "LUIGI_RUN_DEADLINE": deadline,
            "PYTHONUNBUFFERED": "1",
        }

    def _write_rolling(self) -> None:
        budget = self._spec.budget_bytes if self._spec else 4000
        self._termination.write(message.encode(self._message(None), budget))
        self._dirty = False
        self._written = time.monotonic()

    def _message(self, judgement: Judgement | None) -> dict[str, Any]:
        spec, board = self._spec, self._board
        return {
            "v": 1,
            "final": judgement is not None,
            "verdict": judgement.verdict.word if judgement else None,
            "exit": judgement.verdict.value if judgement else None,
            "retry": judgement.retry if judgement else None,
            "phase": self._phase,
            "run": spec.run if spec else "",
            "uid": spec.uid if spec else "",
            "att": spec.attempt if spec else 0,
            "tok": spec.token if spec else "",
            "luigi": self._luigi,
            "t0": int(self._t0),
            "t1": int(time.time()),
            "n": board.counts(),
            **self._masked(
                {
                    "fail": self._fail(judgement),
                    "missing": board.names("missing", 20),
                    "running": board.names("running", 20),
                    "slow": board.slow(),
                    "cut": [],
                    "failed": board.names("failed", 10),
                }
            ),
        }

    def _fail(self, judgement: Judgement | None) -> dict[str, Any] | None:
        if judgement:
            return judgement.fail
        first = self._board.first("failed")
        return self._board.fail(*first) if first else None

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._log.redact(value)
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, dict):
            return {key: self._masked(item) for key, item in value.items()}
        return value
