# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are either whole or not there."""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import luigi


class WholeFile(luigi.LocalTarget):
    """A local file that appears under its name only when it is complete and on disk."""

    @contextmanager
    def replacement(self) -> Iterator[Path]:
        """Yields a path beside the target to write to; on success it takes the target's name, else it goes.

        A process that was killed here leaves its unfinished file behind. The next writer removes it: there is
        none beside us, because runs of one client exclude each other and no two tasks of a run share an output.
        """
        target = Path(self.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        unfinished = Path(name)
        try:
            yield unfinished
            unfinished.chmod(0o644)
            _to_disk(unfinished)
            unfinished.replace(target)
            _to_disk(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)

    def write_rows(self, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
        """Writes a CSV file with these columns; None becomes an empty field."""
        with self.replacement() as path, path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def read_rows(self) -> list[dict[str, str]]:
        """Reads a CSV file; an absent value is the empty string."""
        with Path(self.path).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


def _to_disk(path: Path) -> None:
    # Without this a power cut after the rename can leave the name with nothing in it.
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
