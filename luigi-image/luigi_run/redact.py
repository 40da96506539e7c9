# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Masks the values of secrets in any text."""

from __future__ import annotations

import bisect
import json
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

MASK = "***"
# Shorter values are common in ordinary text; masking them would make it unreadable.
SHORTEST = 4
_SHORTEST_NUMBER = 6
_ORDINARY = frozenset({"true", "false", "null", "none"})

# The operator cannot read Secrets, so it does not know the variables that envFrom creates from one. It adds the Secret
# a second time with this prefix: LUIGI_RUN_SECRET_NAME is a copy of NAME, and its value must be masked.
COPY = "LUIGI_RUN_SECRET_"

_MAX_FILES = 256
_MAX_FILE_BYTES = 1_048_576
_MAX_PATH_CHARS = 1_000
_MAX_DEPTH = 8
# A longer text of several lines is masked line by line only.
_WHOLE_CHARS = 1_000
# In a longer line, URLs and settings are not looked for: it is data.
_LINE_CHARS = 10_000
_LUIGI_ID_CHARS = 16

_LINE_ENDS = re.compile(r"[\r\n]+|(?:\\r|\\n)+")
_USER_INFO = re.compile(r"://([^\s/?#]*)@")
# A password in a URL may contain / and other characters that must be quoted there, but are not.
_USER_INFO_UNQUOTED = re.compile(r"://(\S*)@")
_SETTING = re.compile(
    r"(?:^|[\s;&?,{\[])['\"]?[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|credential|key|sig|signature|auth)"
    r"['\"]?\s*[=:]\s*(?:\"([^\"]+)\"|'([^']+)'|([^\s;&,'\"]+))",
    re.IGNORECASE,
)
_NOT_IN_LUIGI_ID = re.compile(r"[^A-Za-z0-9_]")


class Redactor:
    """Masks the values of the named environment variables, of all copies, and of the files in these paths.

    Masks them also if they are quoted, escaped or split into lines, and masks what code takes out of them: the strings
    in a JSON document, user name and password of a URL, and the values of settings such as password=value.
    The time is linear in the length of the text, whatever the number of secrets.
    """

    def __init__(self, names: Iterable[str], environment: Mapping[str, str], paths: Iterable[str] = ()) -> None:
        self.too_short: list[str] = []
        self.unreadable: list[str] = []
        secrets = [(name, environment.get(name, "")) for name in names]
        # In addition to the variable itself: env takes precedence over envFrom, so the values may differ.
        secrets += [(name.removeprefix(COPY), environment[name]) for name in copies(environment)]
        secrets += [(file, text) for path in paths for file, text in self._files(Path(path))]
        parts: set[str] = set()
        for name, value in secrets:
            if value.strip() and len(value.strip()) < SHORTEST and name not in self.too_short:
                self.too_short.append(name)
            parts |= _parts(value)
        forms = set().union(*map(_forms, parts)) if parts else set()
        self.longest = max(map(len, forms), default=0)
        self._groups = _grouped(forms)
        self._pattern = _any_of(self._groups) if forms else None

    def __call__(self, text: str) -> str:
        if not self._pattern or not self._pattern.search(text):
            return text
        kept, position = [], 0
        for start, end in self._found(text, len(text)):
            kept += [text[position:start], MASK]
            position = end
        return "".join([*kept, text[position:]])

    def safe_cut(self, text: str, limit: int) -> int:
        """The largest position up to limit at which a cut splits no secret; 0 if there is none."""
        for start, end in self._found(text, limit):
            if start < limit < end:
                return start
        return min(limit, len(text))

    def _found(self, text: str, before: int) -> Iterator[tuple[int, int]]:
        """Where secrets begin before this position: from left to right, the longest at each place, no overlaps."""
        if not self._pattern:
            return
        position = 0
        while candidate := self._pattern.search(text, position, before + SHORTEST - 1):
            start = candidate.start()
            position = start + 1
            for length, forms in self._groups[candidate.group()]:
                if text[start : start + length] in forms:
                    position = start + length
                    yield start, position
                    break

    def _files(self, path: Path) -> Iterator[tuple[str, str]]:
        found = [str(path)] if path.is_file() else list(_below(path))
        for file in found[:_MAX_FILES]:
            try:
                data = Path(file).read_bytes()[: _MAX_FILE_BYTES + 1]
            except OSError:
                self.unreadable.append(file)
                continue
            if len(data) > _MAX_FILE_BYTES:
                self.unreadable.append(file)
            if b"\0" not in data:  # otherwise it is no text, for example a key store
                yield file, data.decode("utf-8", "surrogateescape")
        if not found or len(found) > _MAX_FILES:
            self.unreadable.append(str(path))


def _below(path: Path) -> Iterator[str]:
    """The files of a mounted Secret. They are links into a folder whose name begins with two dots."""
    for folder, folders, files in os.walk(path, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith("..")]
        if len(folder) - len(str(path)) > _MAX_PATH_CHARS:
            folders.clear()  # a link to a folder above
        yield from (os.path.join(folder, name) for name in files)


def copies(environment: Mapping[str, str]) -> list[str]:
    """The names of the copies, which only the runner may see."""
    return [name for name in environment if name.startswith(COPY)]


def _parts(value: str, depth: int = 0) -> set[str]:
    """The value, its lines, and what code may take out of it."""
    value = value.strip()
    if len(value) < SHORTEST or value.lower() in _ORDINARY:
        return set()
    lines = [line.strip() for line in _LINE_ENDS.split(value)]
    parts = {line for line in lines if len(line) >= SHORTEST}
    if len(value) <= _WHOLE_CHARS:
        parts.add(value)
    if depth >= _MAX_DEPTH:
        return parts
    inner = list(_leaves(value))
    for line in dict.fromkeys(lines):
        if len(line) > _LINE_CHARS:
            continue
        inner += _user_info(line)
        inner += [next(filter(None, setting.groups())) for setting in _SETTING.finditer(line)]
    for part in inner:
        if part != value:
            parts |= _parts(part, depth + 1)
    return parts


def _leaves(value: str) -> Iterator[str]:
    """The strings and long numbers in a JSON document."""
    if value[0] not in '{["':
        return
    try:
        todo = [json.loads(value)]
    except (ValueError, RecursionError):
        return
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            todo += node.values()
        elif isinstance(node, list):
            todo += node
        elif isinstance(node, str):
            yield node
        elif isinstance(node, (int, float)) and not isinstance(node, bool) and len(str(node)) >= _SHORTEST_NUMBER:
            yield str(node)


def _user_info(line: str) -> Iterator[str]:
    if "://" not in line:
        return
    for pattern in (_USER_INFO, _USER_INFO_UNQUOTED):
        for found in pattern.finditer(line):
            user, _, password = found[1].partition(":")
            for part in (user, password):
                yield part
                yield urllib.parse.unquote(part)


def _forms(value: str) -> set[str]:
    """The spellings of a value."""
    try:
        data = value.encode("utf-8", "surrogateescape")  # the environment may contain bytes that are not valid text
    except UnicodeEncodeError:
        data = value.encode("utf-8", "replace")
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(value)[1:-1])[1:-1],
        repr(value)[1:-1],
        repr(data)[2:-1],
        urllib.parse.quote(data),
        urllib.parse.quote(data, safe=""),
        urllib.parse.quote_plus(data),
        # The id of a task begins with pieces of its parameters.
        _NOT_IN_LUIGI_ID.sub("_", value[:_LUIGI_ID_CHARS]),
    }


def _grouped(forms: set[str]) -> dict[str, list[tuple[int, set[str]]]]:
    """By their first SHORTEST characters, then by length, the longest first."""
    groups: dict[str, dict[int, set[str]]] = {}
    for form in forms:
        groups.setdefault(form[:SHORTEST], {}).setdefault(len(form), set()).add(form)
    return {start: sorted(lengths.items(), reverse=True) for start, lengths in groups.items()}


def _any_of(starts: Iterable[str]) -> re.Pattern[str]:
    """A pattern for any of these texts of equal length, as a tree: the time does not grow with their number."""

    def tree(ordered: list[str], position: int, begin: int, end: int) -> str:
        if position == SHORTEST - 1:
            return f"[{''.join(re.escape(text[position]) for text in ordered[begin:end])}]"
        branches = []
        while begin < end:
            char = ordered[begin][position]
            after = bisect.bisect_right(ordered, char, begin, end, key=lambda text: text[position])
            branches.append(re.escape(char) + tree(ordered, position + 1, begin, after))
            begin = after
        return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"

    ordered = sorted(starts)
    return re.compile(tree(ordered, 0, 0, len(ordered)))
