# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The data of the example, read only: one SQLite file that `python -m flights.prepare` makes."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

DATA_VARIABLE = "FLIGHTS_DATA"
DEFAULT_DATA = "/opt/flights/flights.sqlite"


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """Opens the prepared data; rows come as `sqlite3.Row`. Raises FileNotFoundError when it is not there."""
    path = Path(os.environ.get(DATA_VARIABLE, DEFAULT_DATA)).absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; make it with 'python -m flights.prepare FILE' and set {DATA_VARIABLE}=FILE"
        )
    # immutable: the file is part of a read-only image, so SQLite need not look for a journal or take locks.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
