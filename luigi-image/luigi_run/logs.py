# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The log: one JSON object per line, with secrets masked and the output of tasks attributed to the task."""

from __future__ import annotations

import datetime
import json
import os
from typing import Any

from luigi_run.redact import Redactor

# A child process puts this character (RFC 7464) before a structured record in its output.
RECORD_MARK = "\x1e"
LONGEST_LINE = 16_384
# A record is one JSON object and cannot be split, so its writer limits the message.
LONGEST_RECORD_MSG = 65_536
LONGEST_RECORD = 8 * LONGEST_RECORD_MSG


class Log:
    """Writes to standard output. Errors are ignored, so a closed output does not stop the attempt."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._run = ""
        self._attempt = 0
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
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            pass


class LineWrapper:
    """Turns the output of a process into log lines; splits lines longer than LONGEST_LINE."""

    def __init__(self, log: Log, task: str) -> None:
        self._log = log
        self._task = task
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(_decode(line))
        bound = LONGEST_RECORD if RECORD_MARK.encode() in self._rest else LONGEST_LINE
        if len(self._rest) > bound + self._log.redact.longest:
            self._rest = self._split(_decode(self._rest)).encode("utf-8", "surrogateescape")

    def close(self) -> None:
        self.feed(b"\n")

    def _line(self, line: str) -> None:
        output, *records = line.split(RECORD_MARK)
        self._output(output)
        for record in records:
            try:
                entry = json.loads(record)
                self._log.line(entry["msg"], level=entry["level"], logger=entry["logger"], task=self._task)
            except (ValueError, KeyError, TypeError):
                self._output(record)

    def _output(self, text: str) -> None:
        text = self._split(text.rstrip("\r"))
        if text:
            self._log.line(text, logger="output", task=self._task)

    def _split(self, text: str) -> str:
        while len(text) > LONGEST_LINE:
            cut = self._log.redact.safe_cut(text, LONGEST_LINE) or LONGEST_LINE
            self._log.line(text[:cut], logger="output", task=self._task)
            text = text[cut:]
        return text


def _decode(data: bytes) -> str:
    # Surrogate escapes preserve incomplete characters at the end of a part of a line.
    return data.decode("utf-8", "surrogateescape")
