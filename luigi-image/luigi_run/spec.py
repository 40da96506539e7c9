# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Reads and validates the spec of an attempt. spec.schema.json contains the same rules."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_IDENTIFIER = r"[A-Za-z0-9._:+/=-]*"
_DNS = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_MAX_FILE_BYTES = 8 * 1024 * 1024


class InvalidSpec(Exception):
    """The spec is invalid. The message names the field and says what to do."""


@dataclass(frozen=True)
class Spec:
    """The input of one attempt. Times are in seconds; 0 means no limit."""

    namespace: str
    name: str
    uid: str
    attempt: int
    token: str
    fence: int
    client: str
    date: str
    module: str
    family: str
    params: dict[str, str]
    workers: int
    task_seconds: int
    grace_seconds: int
    deadline_seconds: int
    non_retryable: tuple[str, ...]
    verify_root: bool
    budget_bytes: int
    redact: tuple[str, ...]
    redact_files: tuple[str, ...]

    @property
    def run(self) -> str:
        return f"{self.namespace}/{self.name}"


def read_bytes(path: Path) -> bytes:
    """Reads the file; raises InvalidSpec."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidSpec(f"The spec {path} cannot be read ({error.strerror}); pass a readable file.") from error
    if len(raw) > _MAX_FILE_BYTES:
        raise InvalidSpec(f"The spec {path} is larger than {_MAX_FILE_BYTES} bytes; reduce its parameters.")
    return raw


def parse(raw: bytes) -> Spec:
    """Parses the JSON text; raises InvalidSpec."""
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InvalidSpec(f"The spec is not valid JSON ({error}); correct it.") from error
    if isinstance(data, dict) and "schemaVersion" in data and data["schemaVersion"] != 1:
        raise InvalidSpec(
            f"schemaVersion is {json.dumps(data['schemaVersion'])[:40]}, but this image supports only 1; "
            "use the Luigi image of the same version as the operator."
        )
    _SPEC.check(data, "")
    run, task, timeouts = data["run"], data["task"], data["timeouts"]
    return Spec(
        namespace=run["namespace"],
        name=run["name"],
        uid=run["uid"],
        attempt=run["attempt"],
        token=run["token"],
        fence=run["fence"],
        client=run["client"],
        date=run["date"],
        module=task["module"],
        family=task["family"],
        params=dict(task["params"]),
        workers=data["workers"],
        task_seconds=timeouts["taskSeconds"],
        grace_seconds=timeouts["graceSeconds"],
        deadline_seconds=timeouts["deadlineSeconds"],
        non_retryable=tuple(data["retry"]["nonRetryableErrors"]),
        verify_root=data["verify"] == "Root",
        budget_bytes=data["report"]["budgetBytes"],
        redact=tuple(data["redact"]),
        redact_files=tuple(data.get("redactFiles", ())),
    )


def suggestion(name: str, candidates: list[str]) -> str:
    """A hint for a mistyped name, with a leading space: similar candidates, otherwise all candidates."""
    close = difflib.get_close_matches(name, candidates, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(close)}?"
    if candidates:
        more = ", ..." if len(candidates) > 10 else ""
        return f" Possible values: {', '.join(sorted(candidates)[:10])}{more}."
    return ""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise InvalidSpec(f"The field {key} occurs twice in one object of the spec; remove one of them.")
        result[key] = value
    return result


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def _refuse(path: str, expected: str, value: Any) -> InvalidSpec:
    shown = f" {json.dumps(value)[:60]}" if isinstance(value, (bool, int, float, str)) else ""
    return InvalidSpec(f"{path or 'The spec'} must be {expected}, not {_kind(value)}{shown}; correct it.")


@dataclass(frozen=True)
class _Text:
    min_length: int
    max_length: int
    pattern: str | None = None

    def check(self, value: Any, path: str) -> None:
        if (
            not isinstance(value, str)
            or not self.min_length <= len(value) <= self.max_length
            or (self.pattern is not None and not re.fullmatch(self.pattern, value))
        ):
            raise _refuse(path, self.expected(), value)

    def expected(self) -> str:
        length = (
            f"of {self.min_length} to {self.max_length} characters"
            if self.min_length
            else f"of at most {self.max_length} characters"
        )
        return f"a string {length}" + (f" that matches {self.pattern}" if self.pattern else "")


@dataclass(frozen=True)
class _Number:
    low: int
    high: int

    def check(self, value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise _refuse(path, self.expected(), value)

    def expected(self) -> str:
        return f"an integer from {self.low} to {self.high}"


@dataclass(frozen=True)
class _OneOf:
    values: tuple[str, ...]

    def check(self, value: Any, path: str) -> None:
        if value not in self.values:
            raise _refuse(path, self.expected(), value)

    def expected(self) -> str:
        return " or ".join(self.values)


@dataclass(frozen=True)
class _Items:
    item: _Text
    max_items: int

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, list) or len(value) > self.max_items:
            raise _refuse(path, self.expected(), value)
        for index, item in enumerate(value):
            self.item.check(item, f"{path}[{index}]")

    def expected(self) -> str:
        return f"a list of at most {self.max_items} strings"


@dataclass(frozen=True)
class _Strings:
    value: _Text
    max_entries: int

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, dict) or len(value) > self.max_entries:
            raise _refuse(path, self.expected(), value)
        for key, entry in value.items():
            self.value.check(entry, f"{path}.{key[:60]}")

    def expected(self) -> str:
        return f"an object of at most {self.max_entries} strings"


@dataclass(frozen=True)
class _Fields:
    fields: dict[str, Any]
    optional: tuple[str, ...] = ()

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise _refuse(path, self.expected(), value)
        prefix = f"{path}." if path else ""
        for key in value:
            if key not in self.fields:
                hint = suggestion(key, [field for field in self.fields if field not in value] or list(self.fields))
                raise InvalidSpec(
                    f"The spec contains the unknown field {prefix}{key[:60]}; correct or remove it.{hint}"
                )
        for key, field in self.fields.items():
            if key not in value:
                if key in self.optional:
                    continue
                raise InvalidSpec(f"The field {prefix}{key} is missing in the spec; add it ({field.expected()}).")
            field.check(value[key], f"{prefix}{key}")

    def expected(self) -> str:
        return f"an object with {', '.join(self.fields)}"


_MONTH = 2_592_000
_SPEC = _Fields(
    {
        "schemaVersion": _Number(1, 1),
        "run": _Fields(
            {
                "namespace": _Text(1, 63, _DNS),
                "name": _Text(1, 52, _DNS),
                "uid": _Text(0, 40, _IDENTIFIER),
                "attempt": _Number(1, 1_000_000),
                "token": _Text(0, 40, _IDENTIFIER),
                "fence": _Number(0, 2**63 - 1),
                "client": _Text(0, 63),
                "date": _Text(0, 15),
            }
        ),
        "kind": _OneOf(("Run",)),
        "task": _Fields(
            {
                "module": _Text(1, 255),
                "family": _Text(1, 255),
                "params": _Strings(_Text(0, 4096), 256),
            }
        ),
        "rerun": _Fields({"mode": _OneOf(("Incomplete",))}),
        "workers": _Number(1, 256),
        "timeouts": _Fields(
            {
                "taskSeconds": _Number(0, _MONTH),
                "graceSeconds": _Number(0, 3600),
                "deadlineSeconds": _Number(0, _MONTH),
            }
        ),
        "retry": _Fields({"nonRetryableErrors": _Items(_Text(1, 255), 32)}),
        "verify": _OneOf(("Root", "None")),
        "report": _Fields({"budgetBytes": _Number(768, 4096)}),
        "redact": _Items(_Text(1, 255), 64),
        "redactFiles": _Items(_Text(1, 4096), 64),
    },
    optional=("redactFiles",),
)
