# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Describes an exception, or the text of one, as a small record that is sent to the supervisor.

Record: {kind, exc, mro, msg, frames: [{file, line, function, user}] innermost first, transient}.
kind is "unfulfilled" for a task that failed only because a dependency was not complete, "range" for a range that
reached its task_limit, "outside" for a range that looks at none of its instances, "missing" for missing external data,
otherwise "error".
"""

from __future__ import annotations

import builtins
import functools
import importlib.util
import os
import re
import sys
import sysconfig
import traceback
from typing import Any

from luigi_run.redact import Redactor

_MAX_FRAMES = 40
_MAX_MSG_CHARS = 8_000
_UNFULFILLED = re.compile(r"Unfulfilled (dependency|dependencies) at run time: ")
_EXTERNAL = "Task is an external data dependency and data does not exist (yet?)."
_HEADER = re.compile(r"^Traceback \(most recent call last\):$", re.MULTILINE)
_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
_EXCEPTION = re.compile(r"^(?P<exc>[A-Za-z_][\w.]*)(?:: (?P<msg>.*))?$", re.DOTALL | re.MULTILINE)
_TRANSIENT_CLASS = re.compile(r"Connect|Timeout|TimedOut|Unavailable|Throttl|Temporar|TooManyRequests")
_TRANSIENT_TEXT = re.compile(r"\b(?:HTTP|status|code|error)\b[^\n]{0,24}\b5\d\d\b|\(5\d\d\)", re.IGNORECASE)


class RangeCut(Exception):
    """A Range task has reached its task_limit, and more instances are missing."""


class RangeOutside(Exception):
    """A Range task looks at none of its instances."""


class NeverComplete(Exception):
    """Dynamic dependencies ran and are still not complete."""


def from_exception(error: BaseException, package: str, redact: Redactor) -> dict[str, Any]:
    """Describes the exception; package is the top-level package of user code."""
    frames = [
        _frame(frame.filename, frame.lineno or 0, frame.name, package)
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    ]
    return _record(type(error), _qualified(type(error)), _text_of(error), frames, redact)


def from_text(text: str, package: str, redact: Redactor) -> dict[str, Any]:
    """Describes a failure that Luigi reports as text: a formatted traceback, or a sentence without an exception."""
    headers = list(_HEADER.finditer(text))
    if not headers:
        return _record(None, "", text.strip(), [], redact)
    last = text[headers[-1].end() :]
    found = list(_FRAME.finditer(last))
    tail = last[found[-1].end() :] if found else last
    # After the last frame follow indented source lines, then the exception, which may have several lines.
    message = _EXCEPTION.search(tail)
    exc = message["exc"] if message else ""
    msg = (message["msg"] or "").rstrip() if message else tail.strip()
    frames = [_frame(item["file"], int(item["line"]), item["function"], package) for item in reversed(found)]
    return _record(_resolve(exc), exc, msg, frames, redact)


def sentence(text: str, kind: str = "error", transient: bool = False) -> dict[str, Any]:
    """A failure without an exception."""
    return {"kind": kind, "exc": "", "mro": [], "msg": text, "frames": [], "transient": transient}


def _record(cls: type | None, exc: str, msg: str, frames: list[dict[str, Any]], redact: Redactor) -> dict[str, Any]:
    mro: list[str] = [exc] if exc else []
    for base in cls.__mro__ if cls else ():
        if base not in (object, BaseException, Exception):
            mro += [_qualified(base), base.__name__]
    mro = list(dict.fromkeys(mro))
    kind = "error"
    if _UNFULFILLED.match(msg):
        kind = "unfulfilled"
    elif cls is RangeCut:
        kind = "range"
    elif cls is RangeOutside:
        kind = "outside"
    elif msg == _EXTERNAL:
        kind = "missing"
    transient = (
        "OSError" in mro
        or any(_TRANSIENT_CLASS.search(name.rpartition(".")[2]) for name in mro)
        or bool(_TRANSIENT_TEXT.search(msg))
    )
    # Mask before cutting: a part of a secret would not be recognized.
    msg = redact(msg)[:_MAX_MSG_CHARS]
    return {"kind": kind, "exc": exc, "mro": mro, "msg": msg, "frames": frames[:_MAX_FRAMES], "transient": transient}


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(the message of the exception cannot be formatted)"


def _qualified(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _resolve(name: str) -> type | None:
    module, _, attribute = name.rpartition(".")
    found = getattr(sys.modules.get(module) if module else builtins, attribute, None)
    return found if isinstance(found, type) else None


def _frame(file: str, line: int, function: str, package: str) -> dict[str, Any]:
    return {"file": _shorten(file), "line": line, "function": function, "user": _is_user(file, package)}


@functools.lru_cache(maxsize=1024)
def _is_user(file: str, package: str) -> bool:
    """User code is the package of the root task, wherever it is installed, and every file outside the libraries."""
    module = sys.modules.get(package)
    if file == getattr(module, "__file__", None):
        return True
    if any(file.startswith(os.path.join(folder, "")) for folder in getattr(module, "__path__", ())):
        return True
    return not file.startswith("<") and not any(file.startswith(library) for library in _libraries())


@functools.lru_cache(maxsize=1)
def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    own = os.path.dirname(os.path.abspath(__file__))
    known = {paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"], own}
    # The image has Luigi and its dependencies in a directory of their own.
    luigi = sys.modules.get("luigi") or importlib.util.find_spec("luigi")  # its import may have failed
    file = getattr(luigi, "__file__", None) or getattr(luigi, "origin", None)
    if file:
        known.add(os.path.dirname(os.path.dirname(file)))
    known |= {entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")}
    return tuple(os.path.join(path, "") for path in known)


def _shorten(file: str) -> str:
    """The path relative to the longest entry of sys.path that contains it."""
    entries = [os.path.join(os.path.abspath(entry or os.getcwd()), "") for entry in sys.path]
    best = max((entry for entry in entries if file.startswith(entry)), key=len, default="")
    return file[len(best) :]
