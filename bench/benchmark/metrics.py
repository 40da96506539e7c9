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
TICK_DELAY = "luigi_operator_ticks_delay_seconds"


@dataclass(frozen=True)
class OperatorMetrics:
    """
    Attributes:
        calls: successful calls to MySQL and to the API server by store and name, e.g. {"ledger.load": 12}.
        call_seconds: the time that these calls took in all, by the same names.
        heap_bytes: heap in use.
        ticks: cron times that have fired.
        tick_delay_seconds: the sum of what passed between each of these and its decision.
    """

    calls: dict[str, int] = field(default_factory=dict)
    call_seconds: dict[str, float] = field(default_factory=dict)
    heap_bytes: float = 0
    ticks: int = 0
    tick_delay_seconds: float = 0


def parse(text: str) -> OperatorMetrics:
    calls: dict[str, int] = {}
    call_seconds: dict[str, float] = {}
    totals = {HEAP: 0.0, f"{TICK_DELAY}_count": 0.0, f"{TICK_DELAY}_sum": 0.0}
    for name, label_text, value in SAMPLE.findall(text):
        labels = dict(LABEL.findall(label_text))
        call = f"{labels.get('store')}.{labels.get('call')}"
        if name in totals and labels.get("area", "heap") == "heap":
            totals[name] += float(value)
        elif name == f"{CALLS}_count" and labels.get("outcome") == "ok":
            calls[call] = int(float(value))
        elif name == f"{CALLS}_sum" and labels.get("outcome") == "ok":
            call_seconds[call] = float(value)
    heap, ticks, delay = totals.values()
    return OperatorMetrics(calls, call_seconds, heap, int(ticks), delay)


def scrape(port: int) -> OperatorMetrics:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
        return parse(response.read().decode())
