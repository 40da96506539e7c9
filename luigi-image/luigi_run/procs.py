# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Ends processes for certain: by group, and by session for what left its group. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """On Linux the kernel kills this process when its parent dies, so that nothing outlives a killed supervisor."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def signal_group(pgid: int, number: signal.Signals) -> None:
    """Signals a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def kill_session(sid: int) -> int:
    """SIGKILL for every process of the session (where there is no /proc: of its first group). Returns how many."""
    killed: set[int] = set()
    # A process may fork while we look: look again until a round finds nothing.
    for _ in range(10):
        found = _session_members(sid)
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            except (ProcessLookupError, PermissionError):
                pass
        if not found:
            break
    if not Path("/proc/self/stat").exists():
        signal_group(sid, signal.SIGKILL)
    return len(killed)


def _session_members(sid: int) -> list[int]:
    members = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The command, in parentheses, may itself hold blanks and parentheses.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == sid and fields[0] not in ("Z", "X"):
            members.append(int(entry.parent.name))
    return members
