# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""python -m benchmark.training FILE: writes the ahead-of-time cache of the operator (JEP 483 and 514).

The operator runs a small workload on a real control plane, while the JVM records which classes it loads. A second JVM
then writes the cache from that record. The workload is a small version of the lanes: runs that start at once, and runs
that wait for a slot or for another run of their client.
"""

from __future__ import annotations

import sys
from pathlib import Path

from . import places
from .installation import Installation, Schedule
from .kubernetes import RUNS
from .lanes import runs_of
from .leftovers import remove_leftovers
from .operator_process import aot_command
from .processes import BenchmarkError, interrupt_on_signals, run
from .workload import measure

SLOTS = 20
BURST = Schedule("burst", 0.1)
BURST_RUNS = 120
MUTEX = Schedule("mutex", 0.1, "Client")
MUTEX_RUNS = 30

# With C1 alone the JVM records no profiles of methods. bench/README.md says what they would cost and bring.
WITHOUT_PROFILES = "-XX:TieredStopAtLevel=1"

# To write the record takes the JVM several seconds.
STOP_SECONDS = 120


def train(file: Path) -> None:
    """Writes the cache. Raises BenchmarkError if the workload or one of the JVMs fails."""
    record = file.with_suffix(".aotconf")
    options = ("-XX:AOTMode=record", f"-XX:AOTConfiguration={record}", WITHOUT_PROFILES)
    with Installation("training", operators=1, capacity=SLOTS, aot_options=options) as installation:
        installation.add_schedules(BURST, MUTEX)
        _at_once(installation, "burst", BURST, BURST_RUNS)
        _at_once(installation, "mutex", MUTEX, MUTEX_RUNS)
        process = installation.operator.process
        process.stop(STOP_SECONDS)
    if not record.is_file():
        raise BenchmarkError(f"the operator did not write {record}: see {process.log}")
    print(run(*aot_command("-XX:AOTMode=create", f"-XX:AOTConfiguration={record}", f"-XX:AOTCache={file}")))
    if not file.is_file():
        raise BenchmarkError(f"the JVM did not write {file}")
    record.unlink()


def _at_once(installation: Installation, prefix: str, schedule: Schedule, count: int) -> None:
    runs = runs_of(prefix, schedule, count)
    measure(installation, prefix, count, 180, lambda: installation.load.create_at_once(RUNS, runs))


def main(arguments: list[str]) -> int:
    interrupt_on_signals()
    places.RESULTS.mkdir(exist_ok=True)
    remove_leftovers()
    try:
        train(Path(arguments[0]))
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
