# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are written atomically."""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import luigi


class AtomicFile(luigi.LocalTarget):
    """A local file that gets its name only after it is complete and on disk."""

    @contextmanager
    def replacement(self) -> Iterator[Path]:
        """Yields a temporary path in the directory of the target; renames it on success, removes it on failure.

        If the process is killed here, the temporary file remains. The next writer removes it. There is only one writer
        at a time, because runs of one client exclude each other and the tasks of a run have different outputs.
        """
        target = Path(self.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def write_rows(self, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
        """Writes a CSV file with these columns; None becomes an empty field."""
        with self.replacement() as path, path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def read_rows(self) -> list[dict[str, str]]:
        """Reads a CSV file; a missing value is an empty string."""
        with Path(self.path).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


def _sync(path: Path) -> None:
    # Otherwise the file may be empty after a power failure that follows the rename.
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
