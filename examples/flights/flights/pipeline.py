# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The tasks: from the flights of one carrier on one day to a report and a picture of their delays.

    CarrierReport ── DelayPicture ─┬─ DelayOfDay ─────────── ExtractFlights
                                   ├─ DelayByOrigin ──────── ExtractFlights
                                   ├─ DelayByHour ────────── ExtractFlights
                                   ├─ DelayByWeather ─────── JoinWeather ── ExtractFlights
                                   ├─ DelayByAircraft ────── JoinPlanes ─── ExtractFlights
                                   └─ DelayByDestination ─── ExtractFlights
                                        └╌ DestinationDelay (one per busy destination, known only at run time)

Every task writes one file to `$FLIGHTS_OUT/<carrier>/<date>/`. A parameter that affects the content of a file is part
of its name, so a run with another value computes a new file.
"""

import datetime
import logging
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar

import luigi

from flights import data
from flights.outputs import AtomicFile
from flights.summary import COLUMNS, Flight, figures, grouped

OUT_VARIABLE = "FLIGHTS_OUT"
DEFAULT_OUT = "/data"

# The data has the flights of this year only.
DATA_YEAR = 2013
BUSY_DESTINATIONS = 5
WEATHER_NEEDED_PERCENT = 50

logger = logging.getLogger("flights")


class DayTask(luigi.Task):
    """Base class of all tasks: a carrier, a day, and a directory for the two."""

    carrier = luigi.Parameter(description="code of the carrier in the data, for example UA or 9E")
    date = luigi.DateParameter(description="a day of any year; the flights are those of this day in 2013")
    # These two do not affect the result, so they are not part of the identity of a task.
    unreliable_attempts = luigi.NumericalParameter(
        default=0,
        var_type=int,
        min_value=0,
        max_value=100,
        significant=False,
        description="to demonstrate retries: the extract fails up to this attempt (LUIGI_RUN_ATTEMPT).",
    )
    pace_seconds = luigi.NumericalParameter(
        default=0.0,
        var_type=float,
        min_value=0.0,
        max_value=600.0,
        significant=False,
        description="to observe a run: seconds that the extract waits, like a slow source.",
    )

    @property
    def flown(self) -> datetime.date:
        """The day of the data: the same one in 2013, so that a schedule has flights in each year."""
        if (self.date.month, self.date.day) == (2, 29):
            return datetime.date(DATA_YEAR, 2, 28)
        return self.date.replace(year=DATA_YEAR)

    def file(self, name: str) -> AtomicFile:
        out = Path(os.environ.get(OUT_VARIABLE, DEFAULT_OUT))
        return AtomicFile(str(out / self.carrier / self.date.isoformat() / name))


class ExtractFlights(DayTask):
    """The scheduled flights of the carrier on this day, including cancelled ones."""

    COLUMNS = (
        "scheduled",
        "flight",
        "origin",
        "destination",
        "tail_number",
        "departure_delay",
        "arrival_delay",
        "hour_utc",
    )

    def output(self) -> AtomicFile:
        return self.file("flights.csv")

    def run(self) -> None:
        time.sleep(self.pace_seconds)
        attempt = int(os.environ.get("LUIGI_RUN_ATTEMPT", "1"))
        if attempt <= self.unreliable_attempts:
            raise ConnectionError(
                f"the source of the flights did not respond in attempt {attempt};"
                f" the parameter unreliable_attempts makes the first {self.unreliable_attempts} attempts fail"
            )
        with data.database() as connection:
            known = [row["carrier"] for row in connection.execute("SELECT carrier FROM airlines ORDER BY carrier")]
            if self.carrier not in known:
                raise ValueError(f"carrier {self.carrier} is not in the data; the carriers are {', '.join(known)}")
            rows = connection.execute(
                f"SELECT {', '.join(self.COLUMNS)} FROM flights WHERE carrier = ? AND date = ?"
                " ORDER BY scheduled, flight, origin, destination",
                (self.carrier, self.flown.isoformat()),
            ).fetchall()
        # A day without flights is not an error: some carriers do not fly every day.
        self.output().write_rows(self.COLUMNS, map(dict, rows))
        logger.info("carrier %s has %d scheduled flights on %s", self.carrier, len(rows), self.flown)


class JoinWeather(DayTask):
    """The flights with the weather at their origin in the hour of departure.

    Fails if the weather of more than half of the flights is unknown, because figures by weather would be misleading.
    """

    COLUMNS = (*ExtractFlights.COLUMNS, "wind_speed", "precipitation", "visibility")

    def requires(self) -> ExtractFlights:
        return self.clone(ExtractFlights)

    def output(self) -> AtomicFile:
        return self.file("flights-weather.csv")

    def run(self) -> None:
        flights = self.input().read_rows()
        joined: list[dict[str, object]] = []
        missing: list[Flight] = []
        with data.database() as connection:
            for flight in flights:
                observation = connection.execute(
                    "SELECT wind_speed, precipitation, visibility FROM weather WHERE origin = ? AND hour_utc = ?",
                    (flight["origin"], flight["hour_utc"]),
                ).fetchone()
                if observation is None:
                    missing.append(flight)
                joined.append({**flight, **dict(observation or {})})
        if len(missing) * 100 > len(flights) * WEATHER_NEEDED_PERCENT:
            raise ValueError(
                f"the weather data has no observation for {len(missing)} of the {len(flights)} flights of"
                f" {self.carrier} on {self.date} (first: {missing[0]['origin']} at {missing[0]['hour_utc']});"
                f" at least {WEATHER_NEEDED_PERCENT} % must have one"
            )
        self.output().write_rows(self.COLUMNS, joined)


class JoinPlanes(DayTask):
    """The flights with the year in which their plane was built, if known."""

    COLUMNS = (*ExtractFlights.COLUMNS, "built")

    def requires(self) -> ExtractFlights:
        return self.clone(ExtractFlights)

    def output(self) -> AtomicFile:
        return self.file("flights-planes.csv")

    def run(self) -> None:
        with data.database() as connection:
            built = dict(connection.execute("SELECT tail_number, built FROM planes").fetchall())
        flights = self.input().read_rows()
        self.output().write_rows(
            self.COLUMNS, ({**flight, "built": built.get(flight["tail_number"])} for flight in flights)
        )


class DelayTask(DayTask):
    """A task whose result depends on the parameter min_delay."""

    min_delay = luigi.NumericalParameter(
        default=15,
        var_type=int,
        min_value=1,
        max_value=1440,
        description="a flight is delayed if it departs at least this many minutes late.",
    )

    def figures_file(self, name: str) -> AtomicFile:
        return self.file(f"{name}-min{self.min_delay}.csv")


class DelaySection(DelayTask):
    """One section of the report: the figures of the flights, grouped by the key that the subclass defines."""

    section: ClassVar[str]
    source: ClassVar[type[DayTask]] = ExtractFlights

    def key(self, flight: Flight) -> str:
        raise NotImplementedError

    def requires(self) -> DayTask:
        return self.clone(self.source)

    def output(self) -> AtomicFile:
        return self.figures_file(f"delay-by-{self.section}")

    def run(self) -> None:
        groups = grouped(self.input().read_rows(), self.key)
        self.output().write_rows(COLUMNS, (self.row(key, flights) for key, flights in groups.items()))

    def row(self, key: str, flights: list[Flight]) -> dict[str, object]:
        start = {"carrier": self.carrier, "date": self.date.isoformat(), "section": self.section, "key": key}
        return start | figures(flights, self.min_delay)


class DelayOfDay(DelaySection):
    """The figures of the whole day; one row, also without flights."""

    section = "day"

    def run(self) -> None:
        self.output().write_rows(COLUMNS, [self.row("all", self.input().read_rows())])


class DelayByOrigin(DelaySection):
    """By airport: EWR, JFK or LGA."""

    section = "origin"

    def key(self, flight: Flight) -> str:
        return flight["origin"]


class DelayByHour(DelaySection):
    """By the local hour of the scheduled departure."""

    section = "hour"

    def key(self, flight: Flight) -> str:
        return flight["scheduled"][:2]


class DelayByWeather(DelaySection):
    """By the weather at the origin; the first category that applies."""

    section = "weather"
    source = JoinWeather

    def key(self, flight: Flight) -> str:
        if not flight["visibility"]:
            return "unknown"
        if float(flight["visibility"]) < 3:
            return "poor visibility"
        if float(flight["precipitation"]) > 0:
            return "rain or snow"
        if flight["wind_speed"] and float(flight["wind_speed"]) >= 20:
            return "strong wind"
        return "fair"


class DelayByAircraft(DelaySection):
    """By the age of the plane in years."""

    section = "aircraft"
    source = JoinPlanes

    def key(self, flight: Flight) -> str:
        if not flight["built"]:
            return "unknown"
        age = self.flown.year - int(flight["built"])
        for first, last in ((0, 4), (5, 9), (10, 14), (15, 19)):
            if age <= last:
                return f"{first:02}-{last:02} years"
        return "20 years or more"


class DestinationDelay(DelaySection):
    """The figures of one destination."""

    section = "destination"
    destination = luigi.Parameter(description="airport code")

    def output(self) -> AtomicFile:
        return self.figures_file(f"delay-to-{self.destination}")

    def run(self) -> None:
        flights = [flight for flight in self.input().read_rows() if flight["destination"] == self.destination]
        self.output().write_rows(COLUMNS, [self.row(self.destination, flights)])


class DelayByDestination(DelaySection):
    """The busiest destinations. They are known only after the extract, so they are dynamic dependencies."""

    section = "destination"

    def run(self) -> Generator[list[DestinationDelay], list[AtomicFile], None]:
        groups = grouped(self.input().read_rows(), lambda flight: flight["destination"])
        busiest = sorted(groups, key=lambda destination: (-len(groups[destination]), destination))[:BUSY_DESTINATIONS]
        files = yield [self.clone(DestinationDelay, destination=destination) for destination in busiest]
        self.output().write_rows(COLUMNS, (row for file in files for row in file.read_rows()))


SECTIONS: tuple[type[DelaySection], ...] = (
    DelayOfDay,
    DelayByOrigin,
    DelayByHour,
    DelayByWeather,
    DelayByAircraft,
    DelayByDestination,
)


class DelayPicture(DelayTask):
    """The sections as bar charts in one PNG file."""

    def requires(self) -> list[DelaySection]:
        return [self.clone(section) for section in SECTIONS]

    def output(self) -> AtomicFile:
        return self.file(f"report-min{self.min_delay}.png")

    def run(self) -> None:
        # Imported only here, because the import takes longer than all other tasks together.
        from flights import picture

        with data.database() as connection:
            (name,) = connection.execute("SELECT name FROM airlines WHERE carrier = ?", (self.carrier,)).fetchone()
        rows = [row for file in self.input() for row in file.read_rows()]
        with self.output().replacement() as path:
            picture.draw(path, f"{name} ({self.carrier}), {self.flown:%A} {self.flown}", rows, self.min_delay)


class CarrierReport(DelayTask):
    """The root task: all sections in one CSV file. Also requires the picture."""

    def requires(self) -> dict[str, DelayPicture | list[DelaySection]]:
        return {"picture": self.clone(DelayPicture), "sections": [self.clone(section) for section in SECTIONS]}

    def output(self) -> AtomicFile:
        return self.figures_file("report")

    def run(self) -> None:
        sections: list[AtomicFile] = self.input()["sections"]
        self.output().write_rows(COLUMNS, (row for file in sections for row in file.read_rows()))
