# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Starts code of the runner in a new interpreter, where files of the user cannot replace Python's standard library.

Python searches the working directory and PYTHONPATH before its standard library, so a file queue.py in /app would be
imported in place of the module that Luigi needs. The runner and Luigi are therefore imported with the standard library
first. User code is imported with the usual search path.
"""

from __future__ import annotations

import sys
from pathlib import Path

# os is a part of the interpreter, so no file can replace it. -P omits the working directory.
_BOOT = """
import os, sys
path = list(sys.path)
library = os.path.dirname(os.__file__)
sys.path[:] = [library, os.path.join(library, "lib-dynload"), *path, {root!r}]
from luigi_run.{module} import {function}
{function}(path)
"""


def command(module: str, function: str, *arguments: str) -> list[str]:
    """The command that calls the function of the module of the runner with the search path for use_path_of_user."""
    root = str(Path(__file__).resolve().parent.parent)
    return [sys.executable, "-P", "-c", _BOOT.format(root=root, module=module, function=function), *arguments]


def use_path_of_user(path: list[str]) -> None:
    """Sets the search path to what it would be without this module. Call it before user code is imported."""
    try:
        folder = [str(Path.cwd())]
    except FileNotFoundError:
        folder = []
    root = str(Path(__file__).resolve().parent.parent)
    sys.path[:] = [*folder, *path, *([] if root in path else [root])]
