# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The log: one JSON object per line, with secrets masked and the output of tasks attributed to the task."""

from __future__ import annotations

import datetime
import json
import os
import secrets
import select
import time
from typing import Any

from luigi_run.redact import Redactor

LONGEST_LINE = 16_384
# A record is one JSON object and cannot be split, so its writer limits the message.
LONGEST_RECORD_MSG = 65_536
LONGEST_RECORD = 8 * LONGEST_RECORD_MSG
_CONGESTED_BYTES = 1_048_576


def new_mark() -> str:
    """What a child process puts before a structured record in its output."""
    return f"\x1e{secrets.token_hex(8)} "


class Log:
    """Writes to standard output, without waiting for its reader: it may block for a long time, or forever.

    What the reader does not accept is kept. While congested() is true, the output of other processes must not be read,
    so that they wait instead. Errors are ignored, so a closed output does not stop the attempt.
    """

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._run = ""
        self._attempt = 0
        self._rest = bytearray()
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.redact = Redactor([], {})

    def identify(self, run: str, attempt: int, redact: Redactor) -> None:
        """Sets the fields of all following lines, and the secrets to mask."""
        self._run, self._attempt, self.redact = run, attempt, redact

    def line(self, msg: str, *, level: str = "INFO", logger: str = "luigi_run", task: str = "") -> None:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        msg, task = (self.redact(text).encode("utf-8", "replace").decode("utf-8") for text in (msg, task))
        entry: dict[str, Any] = {"ts": now, "level": level, "logger": logger, "msg": msg}
        entry |= {"run": self._run, "attempt": self._attempt, "task": task}
        self.raw(json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n")

    def raw(self, data: bytes) -> None:
        self._rest += data
        self.flush()

    def fileno(self) -> int:
        return self._fd

    def pending(self) -> bool:
        """Whether the reader has not yet accepted everything."""
        return bool(self._rest)

    def congested(self) -> bool:
        return len(self._rest) > _CONGESTED_BYTES

    def flush(self, seconds: float = 0.0) -> bool:
        """Writes what the reader accepts within this time; returns whether nothing is left."""
        end = time.monotonic() + seconds
        try:
            while self._rest:
                # A pipe that is ready accepts this many bytes without blocking.
                if not self._poll.poll(max(0.0, end - time.monotonic()) * 1000):
                    return False
                del self._rest[: os.write(self._fd, self._rest[: select.PIPE_BUF])]
        except BlockingIOError:  # somebody has made the output non-blocking
            return False
        except OSError:
            self._rest.clear()
        return True


class LineWrapper:
    """Turns the output of a process into log lines; splits lines longer than LONGEST_LINE.

    Only what begins with the mark is a structured record. It contains a random number, so that whatever a program
    writes, for example JSON text sequences (RFC 7464), is not taken for one.
    """

    def __init__(self, log: Log, task: str, mark: str) -> None:
        self._log = log
        self._task = task
        self._mark = mark
        self._rest = b""
        self.last = ""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(_decode(line))
        bound = LONGEST_RECORD if self._mark.encode() in self._rest else LONGEST_LINE
        if len(self._rest) > bound + self._log.redact.longest:
            self._rest = self._split(_decode(self._rest)).encode("utf-8", "surrogateescape")

    def close(self) -> None:
        self.feed(b"\n")

    def _line(self, line: str) -> None:
        output, *records = line.split(self._mark)
        self._output(output)
        for record in records:
            entry = _parsed(record)
            if entry:
                self._log.line(entry["msg"], level=entry["level"], logger=entry["logger"], task=self._task)
            else:
                self._output(record)

    def _output(self, text: str) -> None:
        text = self._split(text.rstrip("\r"))
        if text:
            self.last = text
            self._log.line(text, logger="output", task=self._task)

    def _split(self, text: str) -> str:
        while len(text) > LONGEST_LINE:
            cut = self._log.redact.safe_cut(text, LONGEST_LINE) or LONGEST_LINE
            self._log.line(text[:cut], logger="output", task=self._task)
            text = text[cut:]
        return text


def _parsed(record: str) -> dict[str, str] | None:
    try:
        entry = json.loads(record)
    except (ValueError, RecursionError):
        return None
    valid = isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("msg", "level", "logger"))
    return entry if valid else None


def _decode(data: bytes) -> str:
    # Surrogate escapes preserve incomplete characters at the end of a part of a line.
    return data.decode("utf-8", "surrogateescape")
