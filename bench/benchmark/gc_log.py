# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""How much the operator allocated, from the garbage collector's log and the heap in use."""

from __future__ import annotations

import re

MEBIBYTE = 2**20
COLLECTION = re.compile(r"GC\(\d+\) Pause .* (\d+)([KMG])->(\d+)([KMG])\((\d+)([KMG])\)")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def freed_bytes(log: str) -> int:
    """What the collections in this part of the log have freed, to one MiB each (option -Xlog:gc)."""
    return sum(
        int(before) * UNITS[unit_before] - int(after) * UNITS[unit_after]
        for before, unit_before, after, unit_after, *_ in COLLECTION.findall(log)
    )


def allocated_mebibytes(used_before: float, used_after: float, log_between: str) -> float:
    """What was allocated between two moments: the growth of the heap in use (bytes), and what was freed meanwhile."""
    return (used_after - used_before + freed_bytes(log_between)) / MEBIBYTE
