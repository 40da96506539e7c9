# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Processes of the benchmark: started with a log file, measured in /proc, always stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """The benchmark cannot continue; the message says why and where to read more."""


@dataclass(frozen=True)
class Memory:
    """Resident memory of one process in MiB: now, and the highest since it started."""

    resident: float
    peak: float


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process since its start, to 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def thread_cpu_seconds(pid: int) -> dict[str, float]:
    """User and system time of the threads that a process has now, by the first 15 characters of their names.

    Threads of one name are added up. What threads have used that have ended is missing.
    """
    seconds: Counter[str] = Counter()
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            start, _, end = stat.read_text().rpartition(")")
            fields = end.split()
            seconds[start.partition("(")[2]] += (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    return dict(seconds)


def memory(pid: int) -> Memory:
    """What /proc reports as VmRSS and VmHWM."""
    lines = dict(line.partition(":")[::2] for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    kibibytes = {name: int(lines[name].split()[0]) for name in ("VmRSS", "VmHWM")}
    return Memory(kibibytes["VmRSS"] / 1024, kibibytes["VmHWM"] / 1024)


class Process:
    """A child process whose output goes to a log file.

    It stays in the process group of the benchmark, so that whatever ends the group also ends the process; and the
    kernel kills it when the benchmark has ended in whatever way.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log_folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log_folder / f"{name}.log"
        self.started_at = time.time()
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**_inherited(), **(environment or {})},
            )
        self.pid = self._child.pid

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def memory(self) -> Memory:
        return memory(self.pid)

    def is_running(self) -> bool:
        return self._child.poll() is None

    def stop(self, seconds: float = 15) -> None:
        """Asks the process to end and kills it when it has not done so in time."""
        if self.is_running():
            self._child.terminate()
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """Ends the process with SIGKILL and waits for its end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._child.wait()


def _inherited() -> dict[str, str]:
    """The caller's environment without what configures the operator, which refuses variables that it does not know.

    LUIGI_OPERATOR_CACHE, for example, is for the scripts in dev/.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("LUIGI_OPERATOR_")}


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    what: str,
    process: Process | None = None,
    interval: float = 0.1,
) -> None:
    """Evaluates the condition until it holds.

    Raises BenchmarkError after the given time, or as soon as the process that should make it hold has ended.
    """
    end = time.monotonic() + seconds
    while not condition():
        log = f"; see {process.log}" if process else ""
        if process and not process.is_running():
            raise BenchmarkError(f"{what}: the process {process.name} has ended{log}")
        if time.monotonic() > end:
            raise BenchmarkError(f"{what}: not within {seconds:.0f} s{log}")
        time.sleep(interval)


def interrupt_on_signals() -> None:
    """Makes SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once; the clean-up ignores further signals.

    A signal that the caller ignores, as nohup does, stays ignored.
    """
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(*command: str | Path, stdin: str | None = None) -> str:
    """Runs a command to its end and returns its output; raises BenchmarkError with its errors when it fails."""
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchmarkError(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
