# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Ends processes for certain: by group, and by descent for what left its group. Linux, standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Waiting for killed processes to go: two seconds at most, for one may hang in the kernel.
_ROUNDS = 200
_ROUND_SECONDS = 0.01


def die_with_parent() -> None:
    """The kernel kills this process when its parent dies, so that nothing outlives a killed supervisor."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def signal_group(pgid: int, number: signal.Signals) -> None:
    """Signals a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def adopt_orphans() -> None:
    """Every descendant whose parent ends becomes a child of this process, whatever session it made itself."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own_child: int) -> None:
    """Takes the exit status of adopted processes that have ended; that of own_child is left to its Popen."""
    with contextlib.suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == own_child:
                return
            os.waitpid(ended.si_pid, 0)


def kill_descendants(child: int) -> int:
    """SIGKILL for all descendants of this process; child is left to its Popen to reap. Returns how many."""
    killed: set[int] = set()
    # A process may fork while we look, and the dead must be reaped to disappear: look until a round finds nothing.
    for _ in range(_ROUNDS):
        alive = _descendants()
        for pid in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed |= alive
        reap_orphans(child)
        if not alive:
            break
        time.sleep(_ROUND_SECONDS)
    return len(killed)


def _descendants() -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The command, in parentheses, may itself hold blanks and parentheses.
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in ("Z", "X"):
            children.setdefault(int(parent), []).append(int(entry.parent.name))
    found: set[int] = set()
    parents = [os.getpid()]
    while parents:
        below = children.get(parents.pop(), [])
        found.update(below)
        parents += below
    return found
