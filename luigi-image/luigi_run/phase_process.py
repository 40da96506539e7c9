# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The process of one phase as the supervisor sees it: its reports, its output, its tasks, its end."""

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

from luigi_run import procs
from luigi_run.board import Board
from luigi_run.logs import LineWrapper, Log

_READ_BYTES = 65_536
# Output that orphans of an ended phase left in a pipe: read that much of each at most.
_REST_BYTES = 4 * 1024 * 1024


class PhaseProcess:
    """A context manager: leaving it kills whatever the phase left behind."""

    def __init__(
        self, name: str, spec: bytes, environment: Mapping[str, str], log: Log, board: Board, wakeup: socket.socket
    ) -> None:
        self.name = name
        self._log = log
        self._board = board
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
                start_new_session=True,  # Ctrl-C at a terminal is for the supervisor
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
        """Waits for something to happen and yields the reports that came."""
        ready = self._selector.select(timeout)
        procs.reap_orphans(self._process.pid)
        # Reports first: a task is reported as running before its process hands over its output.
        yield from self._read_reports()
        for key, _ in ready:
            if key.data == "control":
                self._accept_output()
            elif isinstance(key.data, LineWrapper):
                self._read_output(key.fd, key.data)

    def rest(self) -> Iterator[dict[str, Any]]:
        """After the end: kills what is left of the phase, then yields the last reports and logs the last output."""
        left = procs.kill_descendants(self._process.pid)
        if left:
            self._log.line(f"Ended {left} processes that the {self.name} phase left behind", level="WARNING")
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

    def take_no_more(self) -> None:
        """Lets Luigi finish what runs and start nothing new. Before Luigi is ready it ends the process."""
        if self.name == "run" and self.alive():
            self._process.send_signal(signal.SIGUSR1)

    def signal_tasks(self, number: signal.Signals) -> set[str]:
        """Signals the process group of every running task and returns their ids. Verifying has none: it just ends."""
        if self.name != "run":
            self.kill()
        for pid in self._tasks.values():
            procs.signal_group(pid, number)
        return set(self._tasks)

    def kill(self) -> None:
        procs.kill_descendants(self._process.pid)

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
        task = self._board.tasks.get(hello["id"])
        if task and task.state == "running":  # a short task may have ended before its output came here
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
    """What there is; empty at the end, None when there is nothing now."""
    try:
        return os.read(fd, _READ_BYTES)
    except BlockingIOError:
        return None
