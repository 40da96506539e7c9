# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Communication from a phase process and its tasks to the supervisor.

The phase process writes reports as JSON lines to an inherited pipe; it is the only writer. A forked task sends the
read end of its output pipe over a datagram socket, so the supervisor reads it and the Luigi process needs no thread.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import socket
import time
from typing import Any

from luigi_run.logs import LONGEST_RECORD_MSG
from luigi_run.redact import Redactor


class Outlet:
    """The write end of a pipe that the runner and user code have in the same process."""

    def __init__(self, fd: int) -> None:
        # Programs that tasks execute must not inherit it.
        os.set_inheritable(fd, False)
        self._fd = fd
        self._inode = os.fstat(fd).st_ino

    def write(self, data: bytes) -> None:
        """Writes everything. Raises OSError if user code has closed the file descriptor."""
        # The number of a file descriptor that user code has closed may now belong to a file of user code.
        if os.fstat(self._fd).st_ino != self._inode:
            raise OSError("user code has closed a file descriptor of the runner")
        while data:
            data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        os.close(self._fd)


class Channel:
    """The side of the phase process."""

    def __init__(self, report_fd: int, control_fd: int) -> None:
        os.set_inheritable(control_fd, False)
        self._reports = Outlet(report_fd)
        self._control = socket.socket(fileno=control_fd)

    def send(self, event: dict[str, Any]) -> None:
        data = json.dumps({**event, "at": time.time()}, separators=(",", ":")).encode("ascii") + b"\n"
        self._reports.write(data)

    def become_task(self, task_id: str) -> None:
        """In a forked task: redirects the output to the supervisor and closes the file descriptors of the parent."""
        read_end, write_end = os.pipe()
        os.dup2(write_end, 1)
        os.dup2(write_end, 2)
        os.close(write_end)
        hello = json.dumps({"id": task_id, "pid": os.getpid()}).encode("ascii")
        socket.send_fds(self._control, [hello], [read_end])
        os.close(read_end)
        self._control.close()
        self._reports.close()


class RecordHandler(logging.Handler):
    """Writes marked log records into the output of the process; the supervisor adds the remaining fields."""

    def __init__(self, redact: Redactor, mark: str) -> None:
        super().__init__()
        self._redact = redact
        self._mark = mark
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            msg = self._redact(self.format(_shortened(record)))[:LONGEST_RECORD_MSG]
            entry = json.dumps({"level": record.levelname, "logger": record.name, "msg": msg})
            data = f"{self._mark}{entry}\n".encode("ascii")
            while data:
                data = data[os.write(1, data) :]
        except Exception:
            self.handleError(record)


def _shortened(record: logging.LogRecord) -> logging.LogRecord:
    """Luigi writes the whole task, with all parameters, into several records of each task: uses its id instead."""
    if not record.name.startswith("luigi") or not isinstance(record.args, tuple):
        return record
    short = copy.copy(record)
    short.args = tuple(getattr(arg, "task_id", arg) for arg in record.args)
    return short
