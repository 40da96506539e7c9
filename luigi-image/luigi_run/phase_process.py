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
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from luigi_run import processes
from luigi_run.logs import LineWrapper, Log
from luigi_run.progress import Progress

_READ_BYTES = 65_536
# Maximum output to read from each pipe after the end of the phase.
_REST_BYTES = 4 * 1024 * 1024


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
        self._tasks: dict[str, int] = {}
        self._reports = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(wakeup, selectors.EVENT_READ, None)
        self._control, control_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._report_fd, report_theirs = os.pipe()
        output_fd, output_theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "luigi_run.phase", name, str(report_theirs), str(control_theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=output_theirs,
                stderr=subprocess.STDOUT,
                pass_fds=(report_theirs, control_theirs.fileno()),
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
        self._add_output(output_fd, "")
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
        ready = self._selector.select(timeout)
        processes.reap_orphans(self._process.pid)
        # Reports first: a task is reported as running before its process sends its output pipe.
        yield from self._read_reports()
        for key, _ in ready:
            if key.data == "control":
                self._accept_output()
            elif isinstance(key.data, LineWrapper):
                self._read_output(key.fd, key.data)

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
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, LineWrapper):
                for _ in range(_REST_BYTES // _READ_BYTES):
                    if not self._read_output(key.fd, key.data):
                        break

    def task_ended(self, task_id: str) -> None:
        self._tasks.pop(task_id, None)

    def start_no_new_tasks(self) -> None:
        """Luigi finishes running tasks and starts no new ones. Until Luigi handles SIGUSR1, it ends the process."""
        if self.name == "run" and self.alive():
            self._process.send_signal(signal.SIGUSR1)

    def signal_tasks(self, number: signal.Signals) -> set[str]:
        """Signals the process group of every running task and returns their ids. A verify phase is killed instead."""
        if self.name != "run":
            self.kill()
        for pid in self._tasks.values():
            processes.signal_group(pid, number)
        return set(self._tasks)

    def kill(self) -> None:
        processes.kill_descendants(self._process.pid)

    def _add_output(self, fd: int, task: str) -> None:
        os.set_blocking(fd, False)
        self._selector.register(fd, selectors.EVENT_READ, LineWrapper(self._log, task))

    def _read_reports(self) -> Iterator[dict[str, Any]]:
        while data := _read(self._report_fd):
            *lines, self._reports = (self._reports + data).split(b"\n")
            for line in lines:
                yield json.loads(line)
        if data == b"" and self._report_fd in self._selector.get_map():
            self._selector.unregister(self._report_fd)

    def _accept_output(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 8192, 1)
        except OSError:
            return False
        hello = json.loads(data)
        task = self._progress.tasks.get(hello["id"])
        if task and task.state == "running":  # a short task may have ended before its output pipe arrived
            self._tasks[hello["id"]] = hello["pid"]
        for fd in fds:
            self._add_output(fd, task.name if task else hello["id"])
        return True

    def _read_output(self, fd: int, wrapper: LineWrapper) -> bool:
        data = _read(fd)
        if data:
            wrapper.feed(data)
        elif data == b"":
            wrapper.close()
            self._selector.unregister(fd)
            os.close(fd)
        return bool(data)

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, LineWrapper):
                key.data.close()
                os.close(key.fd)
        self._selector.close()
        self._control.close()
        os.close(self._report_fd)


def _read(fd: int) -> bytes | None:
    """The available data; empty at the end of the file, None if there is none now."""
    try:
        return os.read(fd, _READ_BYTES)
    except BlockingIOError:
        return None
