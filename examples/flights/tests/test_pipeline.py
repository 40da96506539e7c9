# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline on the real data."""

import csv
import subprocess
import sys
from pathlib import Path

import luigi
import pytest
from PIL import Image

from flights.pipeline import (
    SECTIONS,
    CarrierReport,
    DelayByAircraft,
    DelayByDestination,
    DelayByHour,
    DelayByOrigin,
    DelayOfDay,
    DelayPicture,
    DestinationDelay,
    ExtractFlights,
    JoinPlanes,
    JoinWeather,
)

from .conftest import day, run
from .reference import Figures, ReferenceFigures

# On this day all 16 carriers fly.
FULL_DAY = "2013-01-30"
CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]

CARRIER_DAYS = [
    *((carrier, FULL_DAY) for carrier in CARRIERS),
    ("B6", "2013-01-01"),  # weather data of the first hours is missing
    ("EV", "2013-03-08"),  # snow: half of the flights cancelled
    ("DL", "2013-03-10"),  # clocks go forward
    ("AS", "2013-07-02"),  # weather data of one of two flights is missing: still enough
    ("9E", "2013-08-22"),  # gaps in the weather data
    ("UA", "2013-11-03"),  # clocks go back
    ("B6", "2013-12-30"),  # the weather data ends during the day
    ("OO", "2013-01-31"),  # no flight at all
    ("YV", "2013-02-08"),  # all flights cancelled
    ("HA", "2013-09-17"),  # no flight of a carrier that flies nearly every day
]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def expected(reference: ReferenceFigures, carrier: str, date: str, min_delay: int) -> list[tuple[str, Figures]]:
    sections = ["day", "origin", "hour", "weather", "aircraft", "destination"]
    rows = [(name, row) for name in sections for row in reference.section(carrier, date, name, min_delay)]
    # Without rows SQL has no group, but the report has a row with zero flights.
    nothing: Figures = {"key": "all", "flights": 0, "cancelled": 0, "delayed": 0}
    return rows or [("day", nothing)]


def assert_same(reported: dict[str, str], computed: Figures) -> None:
    for name in ("flights", "cancelled", "delayed"):
        assert int(reported[name]) == computed[name], (name, reported)
    precision = {
        "delayed_percent": 0.05,
        "mean_departure_delay": 0.005,
        "median_departure_delay": 0.05,
        "longest_departure_delay": 0,
        "mean_arrival_delay": 0.005,
    }
    for name, rounding in precision.items():
        value = computed.get(name)
        if value is None:
            assert reported[name] == "", (name, reported)
        else:
            assert float(reported[name]) == pytest.approx(value, abs=rounding + 1e-9, rel=0), (name, reported)


@pytest.mark.parametrize(("carrier", "date"), CARRIER_DAYS)
def test_report_has_the_reference_figures(out: Path, reference: ReferenceFigures, carrier: str, date: str) -> None:
    outcome = run(day(carrier, date))
    assert outcome.failed == {}
    reported = read(out / carrier / date / "report-min15.csv")
    computed = expected(reference, carrier, date, 15)
    assert [(row["section"], row["key"]) for row in reported] == [(name, row["key"]) for name, row in computed]
    for row, (_, figures) in zip(reported, computed, strict=True):
        assert (row["carrier"], row["date"]) == (carrier, date)
        assert_same(row, figures)


def test_another_threshold_is_another_report(out: Path, reference: ReferenceFigures) -> None:
    for min_delay in (15, 60):
        assert run(day("UA", "2013-07-01", min_delay=min_delay)).failed == {}
        reported = read(out / "UA/2013-07-01" / f"report-min{min_delay}.csv")
        for row, (_, figures) in zip(reported, expected(reference, "UA", "2013-07-01", min_delay), strict=True):
            assert_same(row, figures)


# Left, upper, right, lower: the hours above, and the four panels below.
PANELS = [(66, 130, 1190, 400), *((145 + 289 * n, 490, 330 + 289 * n, 765) for n in range(4))]
BAR_COLOURS = {(0x4A, 0x90, 0xB8), (0xD9, 0x82, 0x2B)}


@pytest.mark.parametrize(("carrier", "date"), [("UA", FULL_DAY), ("OO", "2013-01-31"), ("YV", "2013-02-08")])
def test_picture_is_a_png_with_bars_where_something_departed(out: Path, carrier: str, date: str) -> None:
    assert run(day(carrier, date, DelayPicture)).failed == {}
    with Image.open(out / carrier / date / "report-min15.png") as image:
        assert (image.format, image.size) == ("PNG", (1200, 800))
        pixels = image.convert("RGB")

    def counts(part: Image.Image) -> dict[tuple[int, int, int], int]:
        return {colour: count for count, colour in part.getcolors(1200 * 800)}

    title = counts(pixels.crop((40, 20, 800, 90)))
    assert sum(title.values()) - max(title.values()) > 2_000
    for panel in PANELS:
        bars = sum(count for colour, count in counts(pixels.crop(panel)).items() if colour in BAR_COLOURS)
        assert (bars > 3_000) == (carrier == "UA"), (panel, bars)


def test_destinations_are_found_while_running(out: Path, reference: ReferenceFigures) -> None:
    root = day("UA", FULL_DAY)
    static: set[str] = set()
    waiting: list[luigi.Task] = [root]
    while waiting:
        task = waiting.pop()
        static.add(task.get_task_family())
        waiting.extend(task.deps())
    assert "DelayByDestination" in static
    assert "DestinationDelay" not in static

    outcome = run(root)
    busiest = [row["key"] for row in reference.section("UA", FULL_DAY, "destination", 15)]
    assert len(busiest) == 5
    assert outcome.succeeded.count("DestinationDelay") == 5
    found = {path.name for path in (out / "UA" / FULL_DAY).glob("delay-to-*")}
    assert found == {f"delay-to-{destination}-min15.csv" for destination in busiest}


def test_a_finished_run_is_not_run_again(out: Path) -> None:
    first = run(day("VX", FULL_DAY))
    assert first.succeeded[-1] == "CarrierReport"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert run(day("VX", FULL_DAY)).succeeded == []
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_day_without_weather_fails_with_a_message_and_keeps_the_other_files(out: Path) -> None:
    outcome = run(day("UA", "2013-12-31"))
    assert list(outcome.failed) == ["JoinWeather"]
    assert isinstance(outcome.failed["JoinWeather"], ValueError)
    assert str(outcome.failed["JoinWeather"]) == (
        "the weather data has no observation for 143 of the 143 flights of UA on 2013-12-31"
        " (first: EWR at 2013-12-31T10:00:00Z); at least 50 % must have one"
    )
    assert {"ExtractFlights", "JoinPlanes", "DelayByHour", "DelayByDestination"} <= set(outcome.succeeded)
    assert {path.name for path in (out / "UA/2013-12-31").glob("*weather*")} == set()
    assert list(out.rglob("report*")) == []


def test_the_days_that_fail_are_those_without_weather(out: Path, reference: ReferenceFigures) -> None:
    without = reference.days_without_weather()
    assert without == {("HA", "2013-11-04")} | {(carrier, "2013-12-31") for carrier in CARRIERS if carrier != "OO"}
    for carrier, date in sorted(without):
        assert list(run(day(carrier, date, JoinWeather)).failed) == ["JoinWeather"], (carrier, date)


def test_unreliable_source_fails_the_given_number_of_attempts(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt in (1, 2):
        monkeypatch.setenv("LUIGI_RUN_ATTEMPT", str(attempt))
        outcome = run(day("AS", FULL_DAY, unreliable_attempts=2))
        assert isinstance(outcome.failed["ExtractFlights"], ConnectionError)
        assert f"did not respond in attempt {attempt};" in str(outcome.failed["ExtractFlights"])
        assert outcome.succeeded == []
    monkeypatch.setenv("LUIGI_RUN_ATTEMPT", "3")
    outcome = run(day("AS", FULL_DAY, unreliable_attempts=2))
    assert outcome.failed == {}
    assert outcome.succeeded[-1] == "CarrierReport"


def test_parameters_without_effect_on_the_result_do_not_change_the_identity() -> None:
    assert day("AS", FULL_DAY).task_id == day("AS", FULL_DAY, unreliable_attempts=2, pace_seconds=5.0).task_id
    assert day("AS", FULL_DAY).task_id != day("AS", FULL_DAY, min_delay=16).task_id


def test_pace_makes_the_extract_wait(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("flights.pipeline.time.sleep", waited.append)
    assert run(day("AS", FULL_DAY, pace_seconds=2.5)).failed == {}
    assert waited.count(2.5) == 1


def test_a_carrier_outside_the_data_is_refused(out: Path) -> None:
    outcome = run(day("XX", FULL_DAY))
    assert str(outcome.failed["ExtractFlights"]).startswith(
        "carrier XX is not in the data; the carriers are 9E, AA, AS, B6, "
    )
    assert not out.exists()


@pytest.mark.parametrize(("date", "flown"), [("2026-03-08", "2013-03-08"), ("2028-02-29", "2013-02-28")])
def test_another_year_has_the_flights_of_2013(out: Path, reference: ReferenceFigures, date: str, flown: str) -> None:
    assert run(day("UA", date)).failed == {}
    reported = read(out / "UA" / date / "report-min15.csv")
    computed = expected(reference, "UA", flown, 15)
    assert [(row["section"], row["key"]) for row in reported] == [(name, row["key"]) for name, row in computed]
    for row, (_, figures) in zip(reported, computed, strict=True):
        assert row["date"] == date
        assert_same(row, figures)


def test_missing_data_file_says_how_to_make_it(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTS_DATA", str(out / "nowhere.sqlite"))
    outcome = run(day("UA", FULL_DAY))
    assert str(outcome.failed["ExtractFlights"]) == (
        f"{out}/nowhere.sqlite does not exist;"
        " create it with 'python -m flights.prepare FILE' and set FLIGHTS_DATA=FILE"
    )


@pytest.mark.parametrize(("name", "value"), [("min_delay", "0"), ("unreliable_attempts", "-1"), ("pace_seconds", "x")])
def test_parameters_out_of_range_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        CarrierReport.from_str_params({"carrier": "UA", "date": FULL_DAY, name: value})


def test_sections_share_nothing_but_the_extract() -> None:
    """The sections can run in parallel, and each reads the join that it needs."""
    inputs = {section: section.source for section in SECTIONS}
    assert inputs[DelayByAircraft] is JoinPlanes
    assert inputs[DelayOfDay] is inputs[DelayByOrigin] is inputs[DelayByHour] is ExtractFlights
    paths = [day("UA", FULL_DAY, section).output().path for section in SECTIONS]
    paths += [day("UA", FULL_DAY, DestinationDelay, destination=name).output().path for name in ("ORD", "IAH")]
    assert len(set(paths)) == len(paths)
    assert day("UA", FULL_DAY, DelayByDestination).deps() == [day("UA", FULL_DAY, ExtractFlights)]


def test_importing_the_pipeline_does_not_import_matplotlib() -> None:
    heavy = "import sys, flights.pipeline; print(sorted({'matplotlib', 'numpy', 'pandas', 'PIL'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
