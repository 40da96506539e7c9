# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The process of one phase in the supervisor: its reports, its output, its tasks and its end."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from luigi_run import interpreter, processes
from luigi_run.logs import LineWrapper, Log, new_mark
from luigi_run.progress import Progress

_READ_BYTES = 65_536
# Maximum output to read from each pipe after the end of the phase.
_REST_BYTES = 4 * 1024 * 1024
# Time for the reader of the log to accept this output.
_REST_SECONDS = 1.0


class PhaseProcess:
    """A context manager; leaving it kills the remaining processes of the phase."""

    def __init__(
        self,
        name: str,
        spec: bytes,
        environment: Mapping[str, str],
        log: Log,
        progress: Progress,
        wakeup: socket.socket,
    ) -> None:
        self.name = name
        self._log = log
        self._progress = progress
        self._mark = new_mark()
        self._tasks: dict[str, _TaskProcess] = {}
        self._started = False
        self._reports = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(wakeup, selectors.EVENT_READ, None)
        self._outputs = selectors.EpollSelector()
        self._control, control_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._report_fd, report_theirs = os.pipe()
        output_fd, output_theirs = os.pipe()
        fds = (report_theirs, control_theirs.fileno())
        try:
            self._process = subprocess.Popen(
                interpreter.command("phase", "main", name, *map(str, fds), self._mark),
                stdin=subprocess.PIPE,
                stdout=output_theirs,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
                start_new_session=True,  # only the supervisor handles Ctrl-C
                env=dict(environment),
            )
        finally:
            os.close(report_theirs)
            os.close(output_theirs)
            control_theirs.close()
        assert self._process.stdin
        for fd in (self._report_fd, self._control.fileno()):
            os.set_blocking(fd, False)
        self._selector.register(self._report_fd, selectors.EVENT_READ, "report")
        self._selector.register(self._control, selectors.EVENT_READ, "control")
        self._own_output = self._add_output(output_fd, "")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(spec)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def __enter__(self) -> PhaseProcess:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()
        self._process.wait()
        self._close()

    @property
    def returncode(self) -> int:
        """The exit status, negative for a signal; valid once alive() is false."""
        return self._process.wait()

    def alive(self) -> bool:
        return self._process.poll() is None

    def events(self, timeout: float | None) -> Iterator[dict[str, Any]]:
        """Waits for an event or the timeout, handles output, and yields the new reports."""
        self._watch_log()
        ready = self._selector.select(timeout)
        processes.reap_orphans(self._process.pid)
        # Reports first: a task is reported as running before its process sends its output pipe.
        yield from self._read_reports()
        for key, _ in ready:
            if key.data == "control":
                self._accept_output()
            elif key.data == "log":
                self._log.flush()
            elif key.data == "outputs":
                for output, _ in self._outputs.select(0):
                    self._read_output(output.fd, output.data)

    def rest(self) -> Iterator[dict[str, Any]]:
        """After the end of the process: kills its descendants, yields the last reports and logs the last output."""
        left = processes.kill_descendants(self._process.pid)
        if left:
            self._log.line(
                f"Killed {left} processes that were still running after the {self.name} phase", level="WARNING"
            )
        yield from self._read_reports()
        while self._accept_output():
            pass
        for key in list(self._outputs.get_map().values()):
            for _ in range(_REST_BYTES // _READ_BYTES):
                if self._log.congested() and not self._log.flush(_REST_SECONDS):
                    self._log.line("The rest of the output is lost, because the log was not read", level="WARNING")
                    return
                if not self._read_output(key.fd, key.data):
                    break

    def last_output(self) -> str:
        """The last line that the process of the phase wrote; its tasks have outputs of their own."""
        return self._own_output.last

    def task_runs(self) -> bool:
        """Whether the process of a task exists. Luigi may not have received its result yet."""
        return any(processes.exists(task.pid) for task in self._tasks.values())

    def task_ended(self, task_id: str) -> None:
        self._tasks = {name: task for name, task in self._tasks.items() if task_id not in task.members}

    def start_no_new_tasks(self) -> None:
        """Luigi finishes running tasks and starts no new ones. Until Luigi handles SIGUSR1, it ends the process."""
        if self.name == "run" and self.alive():
            self._process.send_signal(signal.SIGUSR1)

    def dump_stacks(self) -> None:
        """Makes the process write the stacks of its threads to its output."""
        if self._started and self.alive():
            self._process.send_signal(signal.SIGUSR2)

    def signal_tasks(self, number: signal.Signals) -> set[str]:
        """Signals all processes of every running task and returns the ids. A verify phase is killed instead."""
        if self.name != "run":
            self.kill()
        groups = {task.pid for task in self._tasks.values()}
        # Programs with a session of their own, also those whose parent has ended. Helper processes of Luigi stay.
        outside = processes.outside_groups({self._process.pid, *groups})
        for pid in groups:
            processes.signal_group(pid, number)
        for pid in outside:
            processes.signal_process(pid, number)
        return {member for task in self._tasks.values() for member in task.members}

    def kill(self) -> None:
        processes.kill_descendants(self._process.pid)

    def _watch_log(self) -> None:
        """Waits for the reader of the log if it is slow. If it is too slow, output is not read: its writers wait."""
        self._select(self._log, selectors.EVENT_WRITE, "log", self._log.pending())
        self._select(self._outputs, selectors.EVENT_READ, "outputs", not self._log.congested())

    def _select(self, source: Any, events: int, data: str, wanted: bool) -> None:
        registered = source.fileno() in self._selector.get_map()
        if wanted and not registered:
            self._selector.register(source, events, data)
        elif registered and not wanted:
            self._selector.unregister(source)

    def _add_output(self, fd: int, task: str) -> LineWrapper:
        os.set_blocking(fd, False)
        wrapper = LineWrapper(self._log, task, self._mark)
        self._outputs.register(fd, selectors.EVENT_READ, wrapper)
        return wrapper

    def _read_reports(self) -> Iterator[dict[str, Any]]:
        while data := _read(self._report_fd):
            *lines, self._reports = (self._reports + data).split(b"\n")
            for line in lines:
                event = _parsed(line)
                if event is None:
                    self._log.line(f"Ignored an invalid report of the {self.name} phase", level="WARNING")
                    continue
                self._started = True
                yield event
        if data == b"" and self._report_fd in self._selector.get_map():
            self._selector.unregister(self._report_fd)

    def _accept_output(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 8192, 1)
        except OSError:
            return False
        hello = _parsed(data) or {}
        task_id, pid = str(hello.get("id", "")), hello.get("pid")
        # A short task may have ended before its output pipe arrived.
        members = [
            member for member in self._progress.members(task_id) if self._progress.tasks[member].state == "running"
        ]
        if members and isinstance(pid, int):
            self._tasks[task_id] = _TaskProcess(pid, members)
        task = self._progress.tasks.get(task_id)
        for fd in fds:
            self._add_output(fd, task.name if task else task_id)
        return True

    def _read_output(self, fd: int, wrapper: LineWrapper) -> bool:
        data = _read(fd)
        if data:
            wrapper.feed(data)
        elif data == b"":
            wrapper.close()
            self._outputs.unregister(fd)
            os.close(fd)
        return bool(data)

    def _close(self) -> None:
        for key in list(self._outputs.get_map().values()):
            key.data.close()
            os.close(key.fd)
        self._outputs.close()
        self._selector.close()
        self._control.close()
        os.close(self._report_fd)


class _TaskProcess(NamedTuple):
    """The process of a task, or of a batch of tasks."""

    pid: int
    members: list[str]


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _read(fd: int) -> bytes | None:
    """The available data; empty at the end of the file, None if there is none now."""
    try:
        return os.read(fd, _READ_BYTES)
    except BlockingIOError:
        return None
