# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Log lines: one JSON object each, secrets masked, the output of tasks wrapped with the task's name."""

from __future__ import annotations

import datetime
import json
import os
from typing import Any

from luigi_run.redact import Redactor

# A child marks a structured record among its ordinary output with this character (RFC 7464).
RECORD_MARK = "\x1e"
LONGEST_LINE = 16_384
# A record is one JSON object and cannot be split; its writer bounds the message.
LONGEST_RECORD_MSG = 65_536
LONGEST_RECORD = 8 * LONGEST_RECORD_MSG


class Log:
    """Writes to standard output; a closed output never stops the run."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._run = ""
        self._attempt = 0
        self.redact = Redactor([], {})

    def identify(self, run: str, attempt: int, redact: Redactor) -> None:
        """Every line from now on carries these, with the secrets masked."""
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
    """Turns the bytes a process writes into log lines; lines longer than LONGEST_LINE are split."""

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
    # Surrogate escapes keep torn characters whole when a part of a line is taken back.
    return data.decode("utf-8", "surrogateescape")
