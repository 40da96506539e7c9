# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The private members of Luigi that the runner overrides or reads; look at a new version before using it."""

from __future__ import annotations

import ast
import inspect
import os
import re
import textwrap
from pathlib import Path

import luigi
import luigi.scheduler
import luigi.worker
import pytest
from conftest import HERE, IMAGE, Flow
from luigi.tools.range import RangeBase

from luigi_run import LUIGI_VERSION
from luigi_run.luigi_worker import RunnerTaskProcess, RunnerWorker, TapScheduler


def test_the_version_is_the_one_that_was_read():
    pinned = re.search(r"^luigi==(\S+)", (IMAGE / "requirements" / "run.in").read_text(), re.MULTILINE)
    assert pinned
    assert luigi.__version__ == pinned[1] == LUIGI_VERSION


def test_another_luigi_is_refused(flow: Flow):
    (flow.home / "sitecustomize.py").write_text("import luigi\nluigi.__version__ = '3.9.0'\n")
    flow.environment["PYTHONPATH"] = os.pathsep.join(map(str, (flow.home, IMAGE, HERE)))
    result = flow.run("Report")
    assert result.verdict() == (50, "InvalidSpec", False)
    assert result.fail["msg"] == "The image holds Luigi 3.9.0; remove it, the runner brings 3.8.1."


@pytest.mark.parametrize(
    ("ours", "base", "names"),
    [
        (TapScheduler, luigi.scheduler.Scheduler, ["add_task", "get_work"]),
        (
            RunnerWorker,
            luigi.worker.Worker,
            [
                "run",
                "_log_complete_error",
                "_log_dependency_error",
                "_create_task_process",
                "_purge_children",
                "_keep_alive",
            ],
        ),
        (
            RunnerTaskProcess,
            luigi.worker.TaskProcess,
            ["start", "run", "_run_get_new_deps", "_handle_run_exception", "terminate"],
        ),
    ],
)
def test_what_is_overridden_is_there_and_called_so(ours, base, names):
    for name in names:
        assert name in vars(ours)
        theirs = inspect.signature(getattr(base, name))
        mine = inspect.signature(getattr(ours, name))
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in mine.parameters.values())
        assert takes_all or list(mine.parameters) == list(theirs.parameters), name


def test_create_task_process_passes_all_that_luigi_passes():
    def keywords(cls):
        source = textwrap.dedent(inspect.getsource(cls._create_task_process))
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        return {keyword.arg for call in calls for keyword in call.keywords if len(call.keywords) > 3}

    assert keywords(RunnerWorker) == keywords(luigi.worker.Worker)


def test_what_is_read_is_there():
    source = inspect.getsource(luigi.worker)
    for member in ("_scheduled_tasks", "_running_tasks", "_task_result_queue", "_task_completion_cache"):
        assert f"self.{member} = " in source
    assert "self._cached_requires = " in inspect.getsource(RangeBase)
    assert callable(luigi.worker._is_external)
    assert "Unfulfilled %s at run time: %s" in source
    assert "Task is an external data dependency and data does not exist (yet?)." in source
    state = inspect.getsource(luigi.scheduler.SimpleTaskState)
    for member in ("get_task", "get_active_tasks_by_status"):
        assert f"def {member}(" in state


def test_the_supervisor_never_imports_luigi_or_user_code():
    supervisor = ["__main__", "supervisor", "stopping", "phase_process", "judge", "board", "message", "logs", "spec"]
    supervisor += ["redact", "procs", "verdict"]
    for name in supervisor:
        tree = ast.parse((Path(IMAGE) / "luigi_run" / f"{name}.py").read_text())
        imported = {
            name.partition(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [f"{node.module}.{alias.name}" for alias in node.names if node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert "luigi" not in imported, name
        assert "psutil" not in imported, name
