# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The termination message: one line of ASCII JSON of limited size, rewritten in place.

The kubelet reads the last 4096 bytes of the file and keeps the first 12288 / n bytes of each message of a pod with n
containers, also those that a webhook or a service mesh injects. So the fields on which the operator bases its decisions
are within the first PREFIX_BYTES, and a message has at most MAX_BYTES, which fit in a pod of six containers. If the
attempt is killed, the operator reads the message that is not final, so the file must contain one complete message at
any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

ENVIRONMENT_NAME = "LUIGI_RUN_TERMINATION_LOG"
DEFAULT_PATH = "/dev/termination-log"
MAX_BYTES = 2000
# v, final, verdict, exit, retry, att, tok and, of n, the counts failed, ran and complete.
PREFIX_BYTES = 300
_FIELDS = ("v", "final", "verdict", "exit", "retry", "att", "tok", "n", "phase", "uid", "t0", "t1", "luigi", "run")
_TEXTS = ("fail", "missing", "running", "failed", "slow", "cut")
_COUNTS = ("failed", "ran", "complete", "total", "pending", "missing", "running", "disabled", "unknown", "dynamic")

_ORDER = ("slow", "missing", "trace", "msg", "failed", "running", "names")
_NAME_CHARS = 160
_NAME_CHARS_AT_LAST = 30
_MSG_CHARS = 2000
_MSG_CHARS_KEPT = 160


def encode(message: Mapping[str, Any], budget: int) -> bytes:
    """The message as one line of at most budget bytes, including the newline.

    Fields are shortened in a fixed order until it fits: slow, missing, trace, msg, failed, running, names. `cut` lists
    the shortened ones.
    """
    slim = _bounded(message)
    cut: list[str] = slim["cut"]
    fail = slim["fail"]

    def size() -> int:
        return len(_line(slim))

    def shorten_list(holder: dict[str, Any], key: str) -> None:
        if size() > budget and holder[key]:
            cut.append(key)
            while holder[key] and size() > budget:
                holder[key].pop()

    def shorten_msg(keep: int) -> None:
        excess = size() - budget
        text = fail["msg"]
        if excess <= 0 or len(text) <= keep:
            return
        if "msg" not in cut:
            cut.append("msg")
            excess = size() - budget
        end, saved = len(text), -3
        while end > keep and saved < excess:
            end -= 1
            saved += len(json.dumps(text[end])) - 2
        fail["msg"] = text[:end] + "..."[: len(text) - end]

    shorten_list(slim, "slow")
    shorten_list(slim, "missing")
    if fail:
        shorten_list(fail, "trace")
        shorten_msg(_MSG_CHARS_KEPT)
    shorten_list(slim, "failed")
    shorten_list(slim, "running")
    if fail and size() > budget:
        cut.append("names")
        for length in (_NAME_CHARS_AT_LAST, 0):
            if size() > budget:
                if length == 0:
                    cut[:] = ["names"]
                for key in ("task", "id", "where", "exc"):
                    fail[key] = _clip(_ascii(fail[key]), length)
                shorten_msg(0)
        cut.sort(key=_ORDER.index)  # a short msg is shortened only here, after later fields
    return _line(slim)


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def _bounded(message: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the order of fields and the bounds of texts and lists of termination.schema.json."""
    slim = {key: message[key] for key in (*_FIELDS, *_TEXTS)}
    slim["n"] = {key: message["n"][key] for key in _COUNTS}
    slim["cut"] = []
    slim["missing"] = [_clip(name, _NAME_CHARS) for name in message["missing"][:20]]
    slim["running"] = [_clip(name, _NAME_CHARS) for name in message["running"][:20]]
    slim["failed"] = [_clip(name, _NAME_CHARS) for name in message["failed"][:10]]
    slim["slow"] = [[_clip(name, _NAME_CHARS), seconds] for name, seconds in message["slow"][:5]]
    if message["fail"]:
        fail = dict(message["fail"])
        for key in ("task", "id", "where", "exc"):
            fail[key] = _clip(fail[key], _NAME_CHARS)
        fail["msg"] = _clip(fail["msg"], _MSG_CHARS)
        fail["trace"] = [_clip(frame, _NAME_CHARS) for frame in fail["trace"][:20]]
        slim["fail"] = fail
    return slim


def _clip(text: str, chars: int) -> str:
    # Strict JSON parsers refuse lone surrogates, which for example undecodable bytes in file names become.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= chars else text[: max(0, chars - 3)] + "..."[:chars]


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii").replace("\\", "/").replace('"', "'").translate(_NO_CONTROL)


_NO_CONTROL = dict.fromkeys([*range(32), 127], "?")


class TerminationLog:
    """The file that the kubelet reads. Without such a file, as outside a container, write() does nothing."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._fd: int | None = None
        self._length = 0
        path = environment.get(ENVIRONMENT_NAME)
        try:
            if path:
                self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            elif os.path.exists(DEFAULT_PATH):
                self._fd = os.open(DEFAULT_PATH, os.O_WRONLY | os.O_CLOEXEC)
            if self._fd is not None:
                self._length = os.fstat(self._fd).st_size
        except OSError:
            self._fd = None

    def write(self, line: bytes) -> None:
        """Replaces the content in place: the file is a mount point, so it cannot be renamed.

        A shorter line is padded before the file is truncated, because the process may be killed between the two steps.
        Errors, such as a full disk, are ignored: the next write may succeed.
        """
        if self._fd is None:
            return
        try:
            data = line.ljust(self._length)
            self._length = len(data)
            done = 0
            while done < len(data):  # pwrite may write only a part when the disk becomes full
                done += os.pwrite(self._fd, data[done:], done)
            os.ftruncate(self._fd, len(line))
            self._length = len(line)
        except OSError:
            pass
