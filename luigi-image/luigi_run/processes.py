# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Ends processes reliably: by process group, and by descent for those that left it. Linux, standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Wait at most two seconds for killed processes: one may be blocked in the kernel.
_ROUNDS = 200
_ROUND_SECONDS = 0.01
_ENDED = ("Z", "X")


def die_with_parent() -> None:
    """Makes the kernel kill this process when its parent dies, so that it does not outlive a killed supervisor."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def signal_group(pgid: int, number: signal.Signals) -> None:
    """Signals a process group; does nothing if it no longer exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def signal_process(pid: int, number: signal.Signals) -> None:
    """Signals a process; does nothing if it no longer exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def exists(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        return _state_and_parent(Path(f"/proc/{pid}/stat"))[0] not in _ENDED
    except (OSError, ValueError):
        return False


def outside_groups(groups: set[int]) -> set[int]:
    """All descendants of this process that belong to none of these process groups."""
    found = set()
    for pid in _descendants():
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) not in groups:
                found.add(pid)
    return found


def adopt_orphans() -> None:
    """Makes this process the parent of every descendant whose own parent ends, also across sessions."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own_child: int) -> None:
    """Reaps adopted processes that have ended; own_child is left to its Popen."""
    with contextlib.suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == own_child:
                return
            os.waitpid(ended.si_pid, 0)


def kill_descendants(child: int) -> int:
    """Kills all descendants of this process and returns their number. Its Popen reaps child."""
    killed: set[int] = set()
    # A process may fork during the search, and killed processes exist until they are reaped: repeat until none is left.
    for _ in range(_ROUNDS):
        alive = _descendants()
        for pid in alive:
            signal_process(pid, signal.SIGKILL)
        killed |= alive
        reap_orphans(child)
        if not alive:
            break
        time.sleep(_ROUND_SECONDS)
    return len(killed)


def _state_and_parent(stat: Path) -> list[str]:
    # The command, in parentheses, may contain blanks and parentheses itself.
    return stat.read_text(errors="replace").rpartition(")")[2].split()[:2]


def _descendants() -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = _state_and_parent(entry)
        except (OSError, ValueError):
            continue
        if state not in _ENDED:
            children.setdefault(int(parent), []).append(int(entry.parent.name))
    found: set[int] = set()
    parents = [os.getpid()]
    while parents:
        below = children.get(parents.pop(), [])
        found.update(below)
        parents += below
    return found
