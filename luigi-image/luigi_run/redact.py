# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Masks the values of secrets in any text."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping

MASK = "***"
# Shorter values are common in ordinary text; masking them would make it unreadable.
SHORTEST = 4


# The operator cannot read Secrets, so it does not know the variables that envFrom creates from one. It adds the Secret
# a second time with this prefix: LUIGI_RUN_SECRET_NAME is a copy of NAME, and its value must be masked.
COPY = "LUIGI_RUN_SECRET_"


class Redactor:
    """Masks the values of the named environment variables and of all copies, also quoted, escaped or line by line."""

    def __init__(self, names: Iterable[str], environment: Mapping[str, str]) -> None:
        self.too_short: list[str] = []
        forms: set[str] = set()
        secrets = [(name, environment.get(name, "")) for name in names]
        # In addition to the variable itself: env takes precedence over envFrom, so the values may differ.
        secrets += [(name.removeprefix(COPY), environment[name]) for name in copies(environment)]
        for name, value in secrets:
            if value and len(value) < SHORTEST and name not in self.too_short:
                self.too_short.append(name)
            for part in [value, *value.splitlines()]:
                part = part.strip()
                if len(part) >= SHORTEST:
                    forms |= _forms(part)
        self.longest = max(map(len, forms), default=0)
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def safe_cut(self, text: str, limit: int) -> int:
        """The largest position up to limit at which a cut splits no secret; 0 if there is none."""
        if self._pattern:
            for match in self._pattern.finditer(text, 0, min(len(text), limit + self.longest)):
                if match.start() < limit < match.end():
                    return match.start()
        return min(limit, len(text))


def copies(environment: Mapping[str, str]) -> list[str]:
    """The names of the copies, which only the runner may see."""
    return [name for name in environment if name.startswith(COPY)]


def _forms(value: str) -> set[str]:
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        # The environment may contain bytes that are not valid text.
        urllib.parse.quote(value, errors="surrogateescape"),
        urllib.parse.quote(value, safe="", errors="surrogateescape"),
        urllib.parse.quote_plus(value, errors="surrogateescape"),
    }
