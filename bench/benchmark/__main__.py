# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""bench/run [LANE...]: runs the lanes named, or all of them; prints the table and writes it to bench/target."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

from . import places
from .control_plane import JOB_WORKERS, REQUESTS_PER_SECOND
from .goals import ROWS
from .leftovers import remove_leftovers
from .plan import DEFAULT_LANES, LANES, Plan, Results
from .plot import draw
from .processes import BenchmarkError, interrupt_on_signals
from .table import render
from .ticks import Size


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures the operator on a real control plane.")
    parser.add_argument(
        "lanes", nargs="*", metavar="LANE", help=f"of {', '.join(LANES)}; none: all but ticks, repeated"
    )
    parser.add_argument("--scale", type=float, default=1, help="share of the numbers of lane ticks; 1 if not given")
    options = parser.parse_args(arguments)
    lanes = options.lanes
    unknown = sorted(set(lanes) - set(LANES))
    if unknown:
        parser.error(f"no such lane: {', '.join(unknown)} (there are: {', '.join(LANES)})")
    interrupt_on_signals()
    places.RESULTS.mkdir(exist_ok=True)
    remove_leftovers()
    plan = Plan(lanes or DEFAULT_LANES, repeat=not lanes, ticks=Size().scaled(options.scale))
    try:
        plan.run()
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything is stopped", file=sys.stderr)
        return 130
    finally:
        if plan.results.lanes:
            _report(plan.results)
    return 0


def _report(results: Results) -> None:
    notes = [
        f"{os.cpu_count()} CPUs, {platform.machine()}, Linux {platform.release()}",
        f"The controller manager may send {REQUESTS_PER_SECOND} requests per second and syncs {JOB_WORKERS} Jobs (and"
        " CronJobs) at a time, in all lanes: its defaults of 20 and 5 limit every system that runs its work as Jobs.",
        *results.notes,
    ]
    table = "\n".join([render(results.lanes, ROWS), "", *notes])
    print(table)
    (places.RESULTS / "table.txt").write_text(table + "\n")
    document = {"notes": notes, "lanes": results.lanes}
    (places.RESULTS / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    (places.RESULTS / "plot.svg").write_text(draw(results.lanes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
