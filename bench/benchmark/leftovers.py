# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Removes what a benchmark has left that was itself killed: its MySQL server, its data, its control groups."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from . import memory_limit, places
from .processes import run

OWNED = re.compile(r"luigi-operator-bench-(\d+)-")


def owned_name(pid: int) -> str:
    """The beginning of the names of folders and control groups of the benchmark with this process id."""
    return f"luigi-operator-bench-{pid}-"


def remove_leftovers() -> None:
    """What belongs to a process that still runs is left alone."""
    for folder in _abandoned(Path(tempfile.gettempdir())):
        if (folder / "mysql").is_dir():
            run(places.DEV / "mysql", "stop", folder / "mysql")
        shutil.rmtree(folder)
    for group in _abandoned(memory_limit.parent()):
        memory_limit.remove(group)


def _abandoned(parent: Path) -> list[Path]:
    found = [(path, OWNED.match(path.name)) for path in parent.iterdir() if path.is_dir()]
    return [path for path, owner in found if owner and not Path(f"/proc/{owner[1]}").exists()]
