# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Prints the package sources of pip on this machine as lines of a pip.conf, from its files and the environment."""

import configparser
import os
from pathlib import Path

KEYS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def files() -> list[Path]:
    """The configuration files of pip, in increasing precedence."""
    home = Path.home()
    own = os.environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    return [
        *(Path(folder) / "pip/pip.conf" for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")),
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf",
        *([Path(own)] if own else []),
    ]


def main() -> None:
    settings = configparser.RawConfigParser()
    settings.read(files())
    for key in KEYS:
        value = os.environ.get("PIP_" + key.upper().replace("-", "_")) or settings.get("global", key, fallback="")
        if value:
            print(f"{key} = " + "\n  ".join(value.split("\n")).strip())


main()
