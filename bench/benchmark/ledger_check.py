# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the ledger shows that cron times were lost or doubled: by the query that the documentation gives."""

from __future__ import annotations

import re

from . import places
from .mysql import MySqlServer
from .processes import BenchmarkError

PAGE = places.REPOSITORY / "docs" / "schedules.md"
HEADING = "### Check that nothing is lost or doubled"
NUMBERS = ("dates_with_several_runs", "dates_without_their_run", "clients_with_unaccounted_cron_times")


def documented_query(page: str) -> str:
    """The SQL below the heading, in one line and without comments."""
    found = re.search(r"```sql\n(.*?)```", page.partition(HEADING)[2], re.DOTALL)
    if not found:
        raise BenchmarkError(f"{PAGE.name} has no query below the heading {HEADING!r}")
    return " ".join(re.sub(r"--.*", "", found[1]).split()).rstrip(";")


def lost_or_doubled(mysql: MySqlServer) -> dict[str, int]:
    """The numbers of the query by name; all are 0 on a healthy ledger."""
    row = mysql.query(documented_query(PAGE.read_text()))[0]
    return dict(zip(NUMBERS, map(int, row), strict=True))
