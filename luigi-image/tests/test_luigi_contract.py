# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The private members of Luigi that the runner overrides or reads. Check them before an upgrade of Luigi."""

from __future__ import annotations

import ast
import hashlib
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
from luigi_run.luigi_scheduler import ReportingScheduler
from luigi_run.luigi_worker import RunnerWorker
from luigi_run.task_process import RunnerTaskProcess


def test_the_installed_version_is_the_supported_one():
    pinned = re.search(r"^luigi==(\S+)", (IMAGE / "requirements" / "run.in").read_text(), re.MULTILINE)
    assert pinned
    assert luigi.__version__ == pinned[1] == LUIGI_VERSION


def test_another_luigi_is_refused(flow: Flow):
    (flow.home / "sitecustomize.py").write_text("import luigi\nluigi.__version__ = '3.9.0'\n")
    flow.environment["PYTHONPATH"] = os.pathsep.join(map(str, (flow.home, IMAGE, HERE)))
    result = flow.run("Report")
    assert result.verdict() == (50, "InvalidSpec", False)
    assert result.fail["msg"] == ("The image contains Luigi 3.9.0, but the runner requires 3.8.1; remove it.")


@pytest.mark.parametrize(
    ("ours", "base", "names"),
    [
        (ReportingScheduler, luigi.scheduler.Scheduler, ["add_task", "get_work", "prune", "count_pending"]),
        (
            RunnerWorker,
            luigi.worker.Worker,
            [
                "add",
                "run",
                "_add",
                "_email_error",
                "_get_work",
                "_handle_task_load_error",
                "_handle_next_task",
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
            ["start", "run", "_run_get_new_deps", "_handle_run_exception", "terminate", "_Popen"],
        ),
    ],
)
def test_overridden_members_exist_with_the_same_parameters(ours, base, names):
    for name in names:
        assert name in vars(ours)
        theirs = inspect.signature(getattr(base, name))
        mine = inspect.signature(getattr(ours, name))
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in mine.parameters.values())
        assert takes_all or list(mine.parameters) == list(theirs.parameters), name


def test_create_task_process_passes_the_arguments_that_luigi_passes():
    def keywords(cls):
        source = textwrap.dedent(inspect.getsource(cls._create_task_process))
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        return {keyword.arg for call in calls for keyword in call.keywords if len(call.keywords) > 3}

    assert keywords(RunnerWorker) == keywords(luigi.worker.Worker)


@pytest.mark.parametrize(
    ("member", "digest"),
    [
        (luigi.worker.Worker.add, "df29ac40ebe3"),
        (luigi.worker.Worker._handle_next_task, "5ecc3643b108"),
        (luigi.worker.Worker._purge_children, "9b5f1bd86844"),
        (luigi.worker.TaskProcess.run, "009b4ab824e7"),
        (luigi.worker.TaskProcess._run_get_new_deps, "e23c57f0b859"),
    ],
)
def test_members_that_are_replaced_have_not_changed(member, digest):
    """The runner has its own version of these members: compare it with theirs before you change a digest."""
    assert hashlib.sha256(inspect.getsource(member).encode()).hexdigest()[:12] == digest


def test_members_that_are_read_exist():
    source = inspect.getsource(luigi.worker)
    for member in ("_scheduled_tasks", "_running_tasks", "_task_result_queue", "_task_completion_cache"):
        assert f"self.{member} = " in source
    assert "self._cached_requires = " in inspect.getsource(RangeBase)
    assert callable(luigi.worker._is_external)
    assert "Unfulfilled %s at run time: %s" in source
    assert "Task is an external data dependency and data does not exist (yet?)." in source
    assert "(time.time() - task.updated) < self._config.stable_done_cooldown_secs" in inspect.getsource(
        luigi.scheduler.Scheduler.add_task
    )
    state = inspect.getsource(luigi.scheduler.SimpleTaskState)
    for member in ("get_task", "get_active_tasks_by_status"):
        assert f"def {member}(" in state


def test_the_supervisor_never_imports_luigi_or_user_code():
    supervisor = ["__main__", "supervisor", "shutdown", "phase_process", "outcome", "progress", "message", "logs"]
    supervisor += ["processes", "redact", "spec", "verdict", "stall", "interpreter", "validate"]
    supervisor += ["phase", "failure", "channel"]  # of a phase, but used before Luigi is imported
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
