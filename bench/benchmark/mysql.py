# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The MySQL server of the benchmark, its counters, and queries to the ledger."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from . import places
from .processes import BenchmarkError, Memory, cpu_seconds, memory, run

# Questions are the statements that clients sent, however many came in one packet.
COUNTERS = (
    "Questions",
    "Com_select",
    "Com_insert",
    "Com_update",
    "Com_delete",
    "Com_set_option",
    "Com_begin",
    "Com_commit",
    "Com_rollback",
    "Innodb_os_log_fsyncs",
)
USER = PASSWORD = DATABASE = "luigi"


class MySqlServer:
    """A server made by dev/mysql, with a session of the benchmark that stays open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._session: subprocess.Popen[str] | None = None
        self._own_statements = 0
        self._own_selects = 0
        self.pid = 0
        self.version = ""
        self.ca = folder / "data" / "ca.pem"

    def start(self) -> None:
        answer = run(places.DEV / "mysql", "start", self._folder, str(places.MYSQL_PORT))
        found = re.search(r"pid (\d+) version (\S+)", answer)
        if not found:
            raise BenchmarkError(f"dev/mysql start: unexpected answer {answer!r}")
        self.pid, self.version = int(found[1]), found[2]
        # The client runs with the libraries of the unpacked server, as dev/lib/mysql.sh does it.
        script = 'source "$1/lib/common.sh"; source "$1/lib/mysql.sh"; root=$2; with_root bin/mysql "${@:3}"'
        program = ["bash", "-c", script, "mysql", places.DEV, run(places.DEV / "mysql-root").strip()]
        server = ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={places.MYSQL_PORT}"]
        user = [f"--user={USER}", f"--password={PASSWORD}"]
        self._session = subprocess.Popen(
            [*program, *server, *user, "--batch", "--skip-column-names", "--unbuffered", DATABASE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def stop(self) -> None:
        if self._session:
            self._session.kill()
            self._session.wait()
        if self._folder.exists():
            run(places.DEV / "mysql", "stop", self._folder)

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def memory(self) -> Memory:
        return memory(self.pid)

    def counters(self) -> dict[str, int]:
        """The server's counters. The difference of two calls holds no statement of the benchmark itself."""
        names = ", ".join(f"'{name}'" for name in COUNTERS)
        rows = self._ask(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({names})", len(COUNTERS))
        values = {name: int(value) for name, value in rows}
        # The statement that asks is counted by the time it is answered.
        self._own_statements += 1
        values["Questions"] -= self._own_statements
        values["Com_select"] -= self._own_selects
        return values

    def query(self, statement: str) -> list[list[str]]:
        """The rows of a SELECT, as text; its own statements do not appear in the counters' differences."""
        marker = "end of rows"
        self._send(f"{statement}; SELECT '{marker}'")
        self._own_statements += 2
        self._own_selects += 2
        rows = []
        while (line := self._receive()) != marker:
            rows.append(line.split("\t"))
        return rows

    def _ask(self, statement: str, rows: int) -> list[list[str]]:
        self._send(statement)
        return [self._receive().split("\t") for _ in range(rows)]

    def _send(self, statement: str) -> None:
        if not self._session or not self._session.stdin:
            raise BenchmarkError("the MySQL server was not started")
        self._session.stdin.write(f"{statement};\n")
        self._session.stdin.flush()

    def _receive(self) -> str:
        if not self._session or not self._session.stdout:
            raise BenchmarkError("the MySQL server was not started")
        line = self._session.stdout.readline()
        if not line:
            raise BenchmarkError(f"the MySQL client has ended; see {self._folder / 'mysqld.log'}")
        return line.rstrip("\n")
