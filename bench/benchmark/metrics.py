# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's own metrics, in the text format of Prometheus."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass, field

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

CALLS = "luigi_operator_store_calls_seconds"
HEAP = "jvm_memory_used_bytes"


@dataclass(frozen=True)
class OperatorMetrics:
    """
    Attributes:
        calls: successful calls to MySQL and to the API server by store and name, e.g. {"ledger.load": 12}.
        call_seconds: the time that these calls took in all, by the same names.
        heap_bytes: heap in use.
    """

    calls: dict[str, int] = field(default_factory=dict)
    call_seconds: dict[str, float] = field(default_factory=dict)
    heap_bytes: float = 0


def parse(text: str) -> OperatorMetrics:
    calls: dict[str, int] = {}
    call_seconds: dict[str, float] = {}
    heap = 0.0
    for name, label_text, value in SAMPLE.findall(text):
        labels = dict(LABEL.findall(label_text))
        call = f"{labels.get('store')}.{labels.get('call')}"
        if name == HEAP and labels.get("area") == "heap":
            heap += float(value)
        elif name == f"{CALLS}_count" and labels.get("outcome") == "ok":
            calls[call] = int(float(value))
        elif name == f"{CALLS}_sum" and labels.get("outcome") == "ok":
            call_seconds[call] = float(value)
    return OperatorMetrics(calls, call_seconds, heap)


def scrape(port: int) -> OperatorMetrics:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
        return parse(response.read().decode())
