# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Prepared data, an output directory per test, and a function that runs tasks."""

import datetime
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import luigi
import pytest

from flights import prepare
from flights.pipeline import CarrierReport, DayTask

from .reference import ReferenceFigures


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "flights.sqlite"
    prepare.prepare(path)
    return path


@pytest.fixture(scope="session")
def reference() -> Iterator[ReferenceFigures]:
    with ReferenceFigures() as computation:
        yield computation


@pytest.fixture
def out(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty output directory, with the environment set for tasks of this process and its children."""
    folder = tmp_path / "out"
    monkeypatch.setenv("FLIGHTS_OUT", str(folder))
    monkeypatch.setenv("FLIGHTS_DATA", str(prepared))
    monkeypatch.delenv("LUIGI_RUN_ATTEMPT", raising=False)
    yield folder
    # pytest keeps the directories of three sessions, which would need much space because of the pictures.
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Outcome:
    """Families of the tasks in the order in which they succeeded, and exceptions by family of the failed ones."""

    succeeded: list[str] = field(default_factory=list)
    failed: dict[str, BaseException] = field(default_factory=dict)


def run(*tasks: luigi.Task) -> Outcome:
    """Runs the tasks with real Luigi in this process, one at a time, and collects its events."""
    outcome = Outcome()

    def succeeded(task: luigi.Task) -> None:
        outcome.succeeded.append(task.get_task_family())

    def failed(task: luigi.Task, exception: BaseException) -> None:
        outcome.failed[task.get_task_family()] = exception

    luigi.Task.event_handler(luigi.Event.SUCCESS)(succeeded)
    luigi.Task.event_handler(luigi.Event.FAILURE)(failed)
    try:
        luigi.build(list(tasks), workers=1, local_scheduler=True, log_level="WARNING")
    finally:
        luigi.Task.remove_event_handler(luigi.Event.SUCCESS, succeeded)
        luigi.Task.remove_event_handler(luigi.Event.FAILURE, failed)
    return outcome


def day(carrier: str, date: str, family: type[DayTask] = CarrierReport, **parameters: object) -> DayTask:
    return family(carrier=carrier, date=datetime.date.fromisoformat(date), **parameters)
