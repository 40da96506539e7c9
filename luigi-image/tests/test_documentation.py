# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline that docs/pipelines.md writes is one that runs, and its image would be built."""

from __future__ import annotations

import json
import os
import re

import pytest
from conftest import IMAGE, Flow
from test_validate import validate

PAGE = (IMAGE.parent / "docs" / "pipelines.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def orders(flow: Flow) -> Flow:
    [module] = blocks("python")
    (flow.home / "orders.py").write_text(module)
    flow.environment = {"PYTHONPATH": f"{IMAGE}{os.pathsep}{flow.home}", "ORDERS_DATA": str(flow.home / "out")}
    return flow


def test_the_pipeline_succeeds_and_a_second_run_finds_it_complete(orders: Flow) -> None:
    spec = orders.spec("DailyReport", {"client": "acme", "date": "2013-01-15", "min_amount": "20"})
    spec["task"]["module"] = "orders"
    first = orders.end(orders.start(spec))
    assert first.verdict() == (0, "Succeeded", False)
    assert first.n["ran"] == 2
    report = orders.home / "out" / "acme" / "2013-01-15" / "report-min20.json"
    assert json.loads(report.read_text()) == {"orders": 4, "total": 140}
    second = orders.end(orders.start(spec))
    assert second.verdict() == (0, "Succeeded", False)
    assert second.n["ran"] == 0


def test_every_image_ends_with_a_validation_that_passes(orders: Flow) -> None:
    images = blocks("dockerfile")
    assert images
    for image in images:
        command = json.loads(image.replace("\\\n", " ").splitlines()[-1].removeprefix("RUN "))
        assert command[:4] == ["python3", "-m", "luigi_run", "validate"]
        result = validate(orders, *command[4:])
        assert (result.returncode, result.stderr) == (0, "")
