# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A file is complete or does not exist, even if its writer is killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flights.outputs import AtomicFile

from .conftest import day, run

# A writer that is killed when half of the rows are in the file.
DIES_WHILE_WRITING = """
import os, signal, sys
from flights.outputs import AtomicFile

with AtomicFile(sys.argv[1]).replacement() as path, path.open("w") as stream:
    stream.write("key\\nhalf")
    stream.flush()
    print(path, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""

# The pipeline, killed just before its n-th file gets its name.
DIES_BEFORE_NAMING = """
import datetime, os, pathlib, signal, sys
import luigi
from flights.pipeline import CarrierReport

remaining = int(sys.argv[1])
replace = pathlib.Path.replace

def replace_or_die(path, target):
    global remaining
    remaining -= 1
    if remaining == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)

pathlib.Path.replace = replace_or_die
root = CarrierReport(carrier="AS", date=datetime.date(2013, 1, 30))
luigi.build([root], workers=1, local_scheduler=True, log_level="WARNING")
"""


def child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = AtomicFile(str(tmp_path / "a.csv"))
    file.write_rows(["key"], [{"key": "old"}])

    def rows() -> Iterator[dict[str, str]]:
        yield {"key": "new"}
        raise RuntimeError("the source is not available")

    with pytest.raises(RuntimeError):
        file.write_rows(["key"], rows())
    assert names(tmp_path) == ["a.csv"]
    assert file.read_rows() == [{"key": "old"}]


def test_a_killed_writer_leaves_no_target_and_the_next_one_removes_its_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.csv"
    dead = child(DIES_WHILE_WRITING, str(target))
    assert dead.returncode == -signal.SIGKILL
    assert not target.exists()
    # The incomplete file exists, but not with the name of the target.
    assert Path(dead.stdout.strip()).read_text() == "key\nhalf"

    bystander = target.with_name(".b.csv.other.tmp")
    bystander.touch()
    AtomicFile(str(target)).write_rows(["key"], [{"key": "whole"}])
    assert names(target.parent) == [bystander.name, "a.csv"]
    assert target.read_text() == "key\nwhole\n"


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    file = AtomicFile(str(tmp_path / "a.csv"))
    file.write_rows(["key"], [])
    assert Path(file.path).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 11, 12])
def test_a_run_killed_anywhere_is_completed_by_the_next(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    """AS flies to one destination only: twelve files, the report last, the others in an order of Luigi's choice."""
    assert child(DIES_BEFORE_NAMING, str(n)).returncode == -signal.SIGKILL
    folder = out / "AS" / "2013-01-30"
    survived = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}
    assert len(survived) == n - 1

    resumed = run(day("AS", "2013-01-30"))
    assert resumed.failed == {}
    monkeypatch.setenv("FLIGHTS_OUT", str(tmp_path / "reference"))
    assert run(day("AS", "2013-01-30")).failed == {}
    reference = {path.name: path.read_bytes() for path in (tmp_path / "reference/AS/2013-01-30").iterdir()}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == reference
    # Files that had their name before the kill were complete and were not computed again.
    assert all(reference[name] == content for name, content in survived.items())
    assert len(resumed.succeeded) == len(reference) - len(survived)
