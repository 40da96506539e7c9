# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline with the runner of the Luigi image, as in a pod: several workers, one process per task."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IMAGE_SOURCES = Path(__file__).resolve().parents[3] / "luigi-image"


def attempt(out: Path, number: int = 1, **parameters: str) -> tuple[int, dict[str, Any]]:
    """Exit code and termination message of one attempt."""
    spec = json.loads((IMAGE_SOURCES / "tests/golden/spec.json").read_text(encoding="utf-8"))
    spec["run"] |= {"client": parameters["carrier"], "date": parameters["date"], "attempt": number}
    spec["task"] = {"module": "flights.pipeline", "family": "CarrierReport", "params": parameters}
    spec["redact"] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.parent / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    modules = os.pathsep.join([str(IMAGE_SOURCES), os.environ["PYTHONPATH"]])
    command = [sys.executable, "-m", "luigi_run", "run", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": modules}
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_a_day_succeeds_and_is_complete_the_second_time(out: Path) -> None:
    code, message = attempt(out, carrier="UA", date="2013-01-30")
    assert (code, message["verdict"]) == (0, "Succeeded"), message
    assert (message["n"]["total"], message["n"]["ran"], message["n"]["dynamic"]) == (16, 16, 5)
    code, message = attempt(out, carrier="UA", date="2013-01-30")
    assert (code, message["verdict"], message["n"]["ran"]) == (0, "Succeeded", 0), message


def test_broken_data_is_a_permanent_failure_with_a_message(out: Path) -> None:
    code, message = attempt(out, carrier="VX", date="2013-12-31")
    assert (code, message["verdict"]) == (31, "TaskFailedPermanent"), message
    assert message["fail"]["exc"] == "ValueError"
    assert message["fail"]["msg"].startswith(
        "the weather data has no observation for 13 of the 13 flights of VX on 2013-12-31"
    )


@pytest.mark.parametrize(("number", "expected"), [(2, (30, "TaskFailed")), (3, (0, "Succeeded"))])
def test_an_unreliable_source_is_retryable(out: Path, number: int, expected: tuple[int, str]) -> None:
    code, message = attempt(out, number, carrier="AS", date="2013-01-30", unreliable_attempts="2")
    assert (code, message["verdict"]) == expected, message
