# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The command validate, the last step of the build of a pipeline image."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from conftest import HERE, IMAGE, Flow


def validate(flow: Flow, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{IMAGE}{os.pathsep}{HERE}", "FLOWS_DIR": str(flow.home)}
    command = [sys.executable, "-m", "luigi_run", "validate", *arguments]
    return subprocess.run(
        command,
        env={**environment, **flow.environment},
        cwd=flow.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--module", "flows.pipeline"], 0, "flows.pipeline: ok. Task families: AboveBatched, "),
        (["--module", "flows.pipeline", "--family", "Report"], 0, "Report of flows.pipeline: ok."),
        (["--module", "flows.pipeline", "--family", "Data"], 0, "Required parameters: name."),
        (["--module", "flows.pipeline", "--family", "Report", "--param", "date=2013-01-15"], 0, "ok."),
        (["--module", "flows.pipeline", "--family", "Reprot"], 50, "Did you mean Report?"),
        (["--module", "flows.pipeline", "--family", "Report", "--param", "carier=UA"], 50, "Did you mean carrier?"),
        (
            ["--module", "flows.pipeline", "--family", "Report", "--param", "date=x"],
            50,
            "'x' is not a valid value of the parameter date",
        ),
        (["--module", "flows.pipeline", "--family", "Report", "--param", "date"], 50, "use --param date=VALUE"),
        (["--module", "flows.pipeline", "--param", "date=x"], 50, "--param requires --family"),
        (["--family", "Report"], 50, "require --module"),
        (["--module", "flows.nothing"], 50, "flows.nothing does not exist"),
        (["--module", "flows.broken"], 1, "a module that cannot be imported"),
        (["--module", "flows.ends"], 36, "flows.ends ended the process (SystemExit"),
        (["--module", "flows.leaves", "--family", "Report"], 36, "flows.leaves ended the process; do not call exit()"),
        (["--module", "flows.daemonizes"], 36, "flows.daemonizes ended the process"),
        ([], 50, "There is nothing to validate"),
    ],
)
def test_names_and_values(flow: Flow, arguments, code, text):
    done = validate(flow, *arguments)
    assert (done.returncode, text in done.stdout + done.stderr) == (code, True), done


def test_a_spec(flow: Flow):
    spec = flow.home / "spec.json"
    spec.write_text(json.dumps(flow.spec("Report", {"carrier": "AA"})))
    done = validate(flow, str(spec))
    assert (done.returncode, done.stdout) == (0, "Report(date=2013-01-15, carrier=AA): ok.\n")
    flow.environment["LUIGI_RUN_SPEC"] = str(spec)
    assert validate(flow).returncode == 0
    spec.write_text(json.dumps(flow.spec("Data")))
    done = validate(flow)
    assert (done.returncode, "Data requires the parameter name" in done.stderr) == (50, True)
    assert list(flow.home.iterdir()) == [spec], "validating writes nothing"
