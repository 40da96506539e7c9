# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Starts one new process per phase, monitors it, and reports the outcome of the attempt.

It uses only the standard library and never imports Luigi or user code, so that errors there cannot end or block it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from luigi_run import message, outcome, processes
from luigi_run.logs import Log
from luigi_run.outcome import Outcome, PhaseEnd
from luigi_run.phase_process import PhaseProcess
from luigi_run.progress import Progress
from luigi_run.shutdown import Shutdown
from luigi_run.spec import Spec
from luigi_run.stall import StallWatch

_MESSAGE_INTERVAL = 1.0
# Time for a phase to exit after its result; threads of user code may keep it alive.
_EXIT_SECONDS = 5.0
# Time for the reader of the log to accept the last lines, also if little of the grace period is left.
_LOG_SECONDS = 10.0
_LOG_SECONDS_STOPPED = 1.0
_FAILURES_PER_LINE = 50


class Attempt:
    """One attempt, from its spec to its final message."""

    def __init__(self, environment: Mapping[str, str], log: Log) -> None:
        self._log = log
        self._environment = environment
        self._termination = message.TerminationLog(environment)
        self._t0 = time.time()
        self._spec: Spec | None = None
        self._raw = b""
        self._progress = Progress()
        self._phase = "start"
        self._luigi = ""
        self._shutdown = Shutdown(log)
        self._dirty = False
        self._written = 0.0
        self._write_rolling()

    def run(self, spec: Spec, raw: bytes) -> Outcome:
        """Runs the phases. From here on, this process handles SIGTERM and SIGINT."""
        self._spec, self._raw = spec, raw
        processes.adopt_orphans()
        self._write_rolling()
        deadline = time.monotonic() + spec.deadline_seconds if spec.deadline_seconds else None
        self._shutdown.watch(spec.grace_seconds, deadline)
        end = self._run_phase("run")
        shutdown = self._shutdown
        result = outcome.after_run(end, self._progress, spec, shutdown.verdict, shutdown.time_left())
        if result is None:
            end = self._run_phase("verify")
            result = outcome.after_verify(end, self._progress, spec, shutdown.verdict)
        return result

    def finish(self, result: Outcome) -> int:
        """Writes the final message, also as the last line of the output, and returns the exit code."""
        self._log_failures()
        self._log.line(outcome.summary(result, self._progress))
        line = message.encode(self._message(result), self._budget())
        self._termination.write(line)
        self._log.raw(line)
        self._log.flush(_LOG_SECONDS_STOPPED if self._shutdown.verdict else _LOG_SECONDS)
        return result.verdict.value

    def _run_phase(self, name: str) -> PhaseEnd:
        assert self._spec is not None
        self._phase = name
        self._write_rolling()
        self._log.line(f"Starting the {name} phase")
        last: dict[str, Any] | None = None
        exit_by: float | None = None
        watch = StallWatch(time.monotonic())
        with PhaseProcess(
            name, self._raw, self._child_environment(), self._log, self._progress, self._shutdown.wakeup
        ) as process:
            while process.alive():
                for event in process.events(self._wait(exit_by, watch)):
                    watch.progress(time.monotonic())
                    last = self._handle(event, process) or last
                now = time.monotonic()
                self._shutdown.tick(now, process)
                if last and exit_by is None:
                    exit_by = now + _EXIT_SECONDS
                if exit_by is not None and now >= exit_by:
                    process.kill()
                self._watch(watch, now, process)
                if self._dirty and now >= self._written + _MESSAGE_INTERVAL:
                    self._write_rolling()
            for event in process.rest():
                last = self._handle(event, process) or last
        self._write_rolling()
        return PhaseEnd(name, last, process.returncode, time.time(), process.last_output(), watch.ended)

    def _watch(self, watch: StallWatch, now: float, process: PhaseProcess) -> None:
        if now >= watch.next_due() and process.task_runs():
            watch.progress(now)
        seconds = watch.dump_due(now)
        if seconds is not None:
            self._log.line(
                f"Luigi has reported nothing for {seconds:.0f} s, and no task is running. The stacks of its threads:",
                level="WARNING",
            )
            process.dump_stacks()
        if watch.end_due(now):
            process.kill()

    def _wait(self, exit_by: float | None, watch: StallWatch) -> float:
        """Seconds until the next step is due."""
        due = [
            watch.next_due(),
            self._shutdown.next_due(),
            exit_by,
            self._written + _MESSAGE_INTERVAL if self._dirty else None,
        ]
        return max(0.0, min(moment for moment in due if moment is not None) - time.monotonic())

    def _handle(self, event: dict[str, Any], process: PhaseProcess) -> dict[str, Any] | None:
        """Handles one report of the phase; returns it if it is the result of the phase."""
        try:
            return self._apply(event, process)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._log.line(f"Ignored an invalid report ({type(error).__name__}: {error})", level="WARNING")
            return None

    def _apply(self, event: dict[str, Any], process: PhaseProcess) -> dict[str, Any] | None:
        self._dirty = True
        kind = event["e"]
        if kind == "task":
            if event["s"] == "failed" and event["id"] in self._shutdown.interrupted:
                return None  # the shutdown ended it: it stays in the list of running tasks, as interrupted
            if event["s"] != "running":
                process.task_ended(event["id"])
            self._progress.record(event)
        elif kind == "root":
            self._progress.root = event["id"]
        elif kind == "batch":
            self._progress.batches[event["id"]] = event["of"]
        elif kind == "luigi":
            self._luigi = event["version"]
        elif kind in ("end", "invalid", "broken"):
            return event
        return None

    def _log_failures(self) -> None:
        lines = outcome.failures(self._progress)
        for begin in range(0, len(lines), _FAILURES_PER_LINE):
            part = lines[begin : begin + _FAILURES_PER_LINE]
            which = f" ({begin + 1} to {begin + len(part)} of {len(lines)})" if len(lines) > len(part) else ""
            self._log.line("\n".join([f"Failed tasks{which}:", *part]), level="ERROR")

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
        self._termination.write(message.encode(self._message(None), self._budget()))
        self._dirty = False
        self._written = time.monotonic()

    def _budget(self) -> int:
        return min(self._spec.budget_bytes, message.MAX_BYTES) if self._spec else message.MAX_BYTES

    def _message(self, result: Outcome | None) -> dict[str, Any]:
        spec, progress = self._spec, self._progress
        return {
            "v": 1,
            "final": result is not None,
            "verdict": result.verdict.label if result else None,
            "exit": result.verdict.value if result else None,
            "retry": result.retry if result else None,
            "att": spec.attempt if spec else 0,
            "tok": spec.token if spec else "",
            "n": progress.counts(),
            "phase": self._phase,
            "uid": spec.uid if spec else "",
            "t0": int(self._t0),
            "t1": int(time.time()),
            "luigi": self._luigi,
            "run": spec.run if spec else "",
            **self._masked(
                {
                    "fail": self._fail(result),
                    "missing": progress.names("missing", 20),
                    "running": progress.names("running", 20),
                    "failed": progress.names("failed", 10),
                    "slow": progress.slow(),
                    "cut": [],
                }
            ),
        }

    def _fail(self, result: Outcome | None) -> dict[str, Any] | None:
        if result:
            return result.fail
        first = self._progress.first("failed")
        return self._progress.fail(*first) if first else None

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._log.redact(value)
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, dict):
            return {key: self._masked(item) for key, item in value.items()}
        return value
