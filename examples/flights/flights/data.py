# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Read-only access to the data: one SQLite file that `python -m flights.prepare` creates."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

DATA_VARIABLE = "FLIGHTS_DATA"
DEFAULT_DATA = "/opt/flights/flights.sqlite"


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """Opens the data; rows are `sqlite3.Row`. Raises FileNotFoundError if the file does not exist."""
    path = Path(os.environ.get(DATA_VARIABLE, DEFAULT_DATA)).absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; create it with 'python -m flights.prepare FILE' and set {DATA_VARIABLE}=FILE"
        )
    # immutable: the file is part of a read-only image, so SQLite needs no journal and no locks.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
