# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Every verdict with real Luigi, by exit code and final message."""

from __future__ import annotations

import os
import textwrap

import pytest
from conftest import HERE, IMAGE, Flow

SUCCEEDED = (0, "Succeeded", False)
MISSING_DATA = (20, "MissingData", True)
TASK_FAILED = (30, "TaskFailed", True)
TASK_FAILED_PERMANENT = (31, "TaskFailedPermanent", False)
SCHEDULING_TRANSIENT = (35, "SchedulingError", True)
SCHEDULING_CODE = (36, "SchedulingError", False)
INTERNAL_ERROR = (40, "InternalError", True)
UNVERIFIED = (45, "Unverified", False)
RANGE_CUT = (45, "Unverified", True)
INVALID_SPEC = (50, "InvalidSpec", False)

UNUSUAL = {"task": {"module": "flows.unusual"}}

workers = pytest.mark.parametrize("workers", [1, 3])


def counts(result, **expected):
    """Checks all counters; those that are not given must be zero."""
    assert {name: count for name, count in result.n.items() if count} == expected


# Succeeded


@workers
def test_a_tree_runs_and_its_root_is_verified(flow: Flow, workers):
    result = flow.run("Report", workers=workers)
    assert result.verdict() == SUCCEEDED
    assert result.message["phase"] == "verify"
    assert result.message["fail"] is None
    assert result.message["luigi"] == "3.8.1"
    assert (result.message["run"], result.message["att"]) == ("flights/ua-20130115", 1)
    counts(result, total=4, ran=4)


def test_what_is_complete_is_not_run_again(flow: Flow):
    flow.run("Report")
    result = flow.run("Report")
    assert result.verdict() == SUCCEEDED
    counts(result, total=1, complete=1)


@workers
def test_success_on_a_retry_within_the_run_is_success(flow: Flow, workers):
    (flow.home / "luigi.cfg").write_text(
        textwrap.dedent("""        [worker]
        keep_alive = true
        wait_interval = 0.1
        wait_jitter = 0
        [scheduler]
        retry_delay = 0.1
        """)
    )
    result = flow.run("AboveFailsOnce", workers=workers)
    assert result.verdict() == SUCCEEDED
    assert result.message["failed"] == []
    counts(result, total=2, ran=2)


@workers
def test_dynamic_dependencies(flow: Flow, workers):
    (flow.home / "notes").touch()
    result = flow.run("Dynamic", workers=workers)
    assert result.verdict() == SUCCEEDED
    # Leaf 7 and 8, NeedsData, and what that one requires: Data and Leaf 1.
    counts(result, total=6, ran=5, complete=1, dynamic=5)


@workers
def test_batched_tasks_are_counted_one_by_one(flow: Flow, workers):
    result = flow.run("AboveBatched", workers=workers)
    assert result.verdict() == SUCCEEDED
    counts(result, total=5, ran=5)


def test_a_thread_of_user_code_does_not_delay_the_end(flow: Flow):
    assert flow.run("KeepsThread").verdict() == SUCCEEDED


def test_a_background_process_is_killed_after_its_phase(flow: Flow):
    result = flow.run("LeavesDaemon")
    assert result.verdict() == SUCCEEDED
    assert any("still running after" in line["msg"] for line in result.logs)


# TaskFailed


@workers
def test_a_failed_task_is_described(flow: Flow, workers):
    result = flow.run("AboveFailure", workers=workers)
    assert result.verdict() == TASK_FAILED
    counts(result, total=3, ran=1, failed=1, pending=1)
    fail = result.fail
    assert (fail["task"], fail["exc"], fail["msg"]) == ("Fails(how=error)", "ZeroDivisionError", "division by zero")
    assert fail["id"].startswith("Fails_error_")
    assert fail["where"].startswith("flows/pipeline.py:")
    assert fail["where"].endswith(" mean")
    assert [frame.split()[-1] for frame in fail["trace"]][:2] == ["mean", "run"]
    assert fail["count"] == 1
    assert result.message["failed"] == ["Fails(how=error)"]
    assert result.message["t0"] <= fail["at"] <= result.message["t1"]


def test_the_fingerprint_depends_on_the_error_not_on_the_run(flow: Flow, tmp_path_factory):
    first = flow.run("AboveFailure").fail["fp"]
    other = Flow(tmp_path_factory.mktemp("other"))
    assert other.run("Fails").fail["fp"] == first
    assert other.run("Fails", {"how": "data"}).fail["fp"] != first


@pytest.mark.parametrize(
    ("name", "workers"), [("ValueError", 1), ("ValueError", 3), ("BadData", 1), ("flows.pipeline.BadData", 1)]
)
def test_an_error_that_is_not_retryable(flow: Flow, workers, name):
    result = flow.run("Fails", {"how": "data"}, workers=workers, retry={"nonRetryableErrors": ["OSError", name]})
    assert result.verdict() == TASK_FAILED_PERMANENT
    assert result.fail["exc"] == "flows.pipeline.BadData"


@workers
def test_one_retryable_failure_is_enough_for_a_retry(flow: Flow, workers):
    result = flow.run("TwoFailures", workers=workers, retry={"nonRetryableErrors": ["ValueError"]})
    assert result.verdict() == TASK_FAILED
    assert sorted(result.message["failed"]) == ["Fails(how=data)", "Fails(how=error)"]


@workers
def test_sys_exit_in_a_task_is_a_failure(flow: Flow, workers):
    result = flow.run("Fails", {"how": "exit"}, workers=workers)
    assert result.verdict() == TASK_FAILED
    assert (result.fail["exc"], result.fail["msg"]) == ("SystemExit", "3")


def test_a_broken_failure_handler_hides_nothing(flow: Flow):
    result = flow.run("Fails", {"how": "broken handler"})
    assert result.verdict() == TASK_FAILED
    assert result.fail["exc"] == "ZeroDivisionError"


@pytest.mark.parametrize(("code", "workers"), [(0, 1), (0, 3), (7, 1)])
def test_a_task_process_that_ends_without_a_result(flow: Flow, workers, code):
    result = flow.run("Vanishes", {"code": str(code)}, workers=workers)
    assert result.verdict() == TASK_FAILED
    assert f"exit code {code}" in result.fail["msg"]
    assert result.fail["task"] == f"Vanishes(code={code})"
    assert result.lines(f"Vanishes(code={code})") == ["output without a line end"]


def test_a_task_without_a_result_does_not_block_others(flow: Flow):
    result = flow.run("AboveVanishes", workers=3)
    assert result.verdict() == TASK_FAILED
    counts(result, total=3, ran=1, failed=1, pending=1)


@workers
def test_a_killed_task_names_the_memory_limit(flow: Flow, workers):
    result = flow.run("KilledByKernel", workers=workers)
    assert result.verdict() == TASK_FAILED
    assert "exit code -9" in result.fail["msg"]
    assert "memory limit" in result.fail["msg"]


@workers
def test_a_dependency_that_wrote_nothing_is_named(flow: Flow, workers):
    result = flow.run("AboveWritesNothing", workers=workers)
    assert result.verdict() == TASK_FAILED
    assert result.fail["task"] == "AboveWritesNothing()"
    assert "Unfulfilled dependency at run time: WritesNothing_" in result.fail["msg"]


# complete() is judged by truth


@pytest.mark.parametrize("what", ["int", "float", "truth", "bool"])
def test_complete_may_return_what_equals_true(flow: Flow, what):
    result = flow.run("AboveCompleteReturns", {"what": what}, **UNUSUAL)
    assert result.verdict() == SUCCEEDED


@pytest.mark.parametrize("what", ["int", "float", "truth", "bool"])
def test_complete_may_return_what_equals_false(flow: Flow, what):
    (flow.home / "notes").touch()
    result = flow.run("CompleteReturnsFalse", {"what": what}, **UNUSUAL)
    assert result.verdict() == UNVERIFIED


# Mail


MAIL = {
    "smtp": "[email]\nreceiver = ops@example.org\n[smtp]\nhost = 127.0.0.1\nport = 9\n",
    "batched": "[email]\nreceiver = ops@example.org\n[scheduler]\nbatch_emails = true\n",
    "batched, at once": (
        "[email]\nreceiver = o@example.org\n[scheduler]\nbatch_emails = true\n[batch_notifier]\n"
        "email_interval = 0\nbatch_mode = all\n"
    ),
    "ses": "[email]\nreceiver = ops@example.org\nmethod = ses\nforce_send = true\n",
    "sns": "[email]\nreceiver = arn:aws:sns:x\nmethod = sns\n",
    "sendgrid": "[email]\nreceiver = ops@example.org\nmethod = sendgrid\n",
    "invalid": "[email]\nreceiver = ops@example.org\nmethod = pigeon\nformat = stone\n",
    "disabled": "[email]\nreceiver = ops@example.org\nmethod = ses\n[scheduler]\nretry_count = 1\n",
}


@pytest.mark.parametrize("name", MAIL)
def test_mail_is_off_whatever_the_configuration_says(flow: Flow, name):
    (flow.home / "luigi.cfg").write_text(MAIL[name])
    result = flow.run("AboveFailure")
    assert result.verdict() == TASK_FAILED
    assert result.fail["exc"] == "ZeroDivisionError"


@pytest.mark.parametrize("name", ["batched", "invalid"])
def test_mail_is_off_for_errors_of_scheduling(flow: Flow, name):
    (flow.home / "luigi.cfg").write_text(MAIL[name])
    result = flow.run("AboveCompleteRaises")
    assert result.verdict() == SCHEDULING_CODE
    assert result.fail["exc"] == "KeyError"


# Cycles


@workers
@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("AboveCycle", ["Cycle(n=0)", "Cycle(n=1)", "Cycle(n=2)"]),
        ("YieldsCycle", ["YieldsCycle()", "RequiresAbove()"]),
    ],
)
def test_a_cycle_is_named(flow: Flow, workers, family, names):
    result = flow.run(family, workers=workers, **UNUSUAL)
    assert result.verdict() == SCHEDULING_CODE
    assert "cycle" in result.fail["msg"]
    for name in names:
        assert f"{name} -> " in result.fail["msg"]
        assert f" -> {name}" in result.fail["msg"]


# Parallel scheduling

PARALLEL = "[core]\nparallel_scheduling = true\n"


def test_parallel_scheduling(flow: Flow):
    (flow.home / "luigi.cfg").write_text(PARALLEL)
    assert flow.run("Report", workers=3).verdict() == SUCCEEDED
    assert flow.run("CompleteRaises", {"how": "network"}).verdict() == SCHEDULING_TRANSIENT


@pytest.mark.parametrize(("family", "exc"), [("Unpicklable", "TypeError"), ("CheckerDies", "BrokenProcessPool")])
def test_parallel_scheduling_that_cannot_work_ends(flow: Flow, family, exc):
    (flow.home / "luigi.cfg").write_text(PARALLEL)
    result = flow.run(family, **UNUSUAL)
    assert result.verdict() == SCHEDULING_CODE
    assert (result.fail["task"], result.fail["exc"].rpartition(".")[2]) == (f"{family}()", exc)


# Unverified


@workers
def test_a_root_that_wrote_nothing(flow: Flow, workers):
    result = flow.run("WritesNothing", workers=workers)
    assert result.verdict() == UNVERIFIED
    assert str(flow.home) in result.fail["msg"]
    assert ".out" in result.fail["msg"]
    counts(result, total=1, ran=1)


@workers
@pytest.mark.parametrize("family", ["Blocked", "AboveBlocked"])
def test_a_root_that_luigi_never_ran(flow: Flow, workers, family):
    result = flow.run(family, workers=workers)
    assert result.verdict() == UNVERIFIED
    assert "resources" in result.fail["msg"]


@workers
def test_a_disabled_root(flow: Flow, workers):
    result = flow.run("DisabledRoot", workers=workers)
    assert result.verdict() == UNVERIFIED
    assert "DisabledRoot() is disabled" in result.fail["msg"]
    counts(result, total=1, disabled=1)


@workers
def test_a_cut_range_stops_what_needs_it_and_continues(flow: Flow, workers):
    result = flow.run("DailyReport", workers=workers)
    assert result.verdict() == RANGE_CUT
    assert "task_limit of 3" in result.fail["msg"]
    counts(result, total=5, ran=3, failed=1, pending=1)
    result = flow.run("DailyReport", workers=workers)
    assert result.verdict() == SUCCEEDED
    (report,) = flow.home.glob("DailyReport_*.out")
    assert report.read_text() == "5 days"


def test_a_range_as_root(flow: Flow):
    params = {"of": "Daily", "start": "2013-01-01", "stop": "2013-01-06", "now": "1357776000"}
    assert flow.run("Days", params).verdict() == RANGE_CUT
    assert flow.run("Days", params).verdict() == SUCCEEDED


OLD = {"of": "Daily", "start": "2013-01-01", "stop": "2013-01-04"}


def test_a_range_outside_the_time_it_looks_at_is_no_success(flow: Flow):
    result = flow.run("Days", OLD)
    assert result.verdict() == UNVERIFIED
    assert "The instance 2013-01-01 is missing" in result.fail["msg"]
    assert "days_back=100 and days_forward=0" in result.fail["msg"]
    later = OLD | {"now": "1356998400", "start": "2013-02-01", "stop": "2013-02-03"}
    result = flow.run("Days", later)
    assert result.verdict() == UNVERIFIED
    assert "The instance 2013-02-01 is missing" in result.fail["msg"]


@pytest.mark.parametrize(
    ("family", "of", "start", "stop"),
    [
        ("RangeDaily", "OfDay", "2013-01-01", "2013-02-01"),
        ("RangeDaily", "BulkOfDay", "2013-01-01", "2013-02-01"),
        ("RangeHourly", "OfHour", "2013-01-01T00", "2013-01-02T00"),
        ("RangeByMinutes", "OfMinute", "2013-01-01T0000", "2013-01-01T0100"),
        ("RangeMonthly", "OfMonth", "2003-01", "2003-04"),
    ],
)
def test_every_range_class_is_judged(flow: Flow, family, of, start, stop):
    params = {"of": of, "start": start, "stop": stop}
    result = flow.run(family, task={"module": "flows.unusual", "family": family, "params": params})
    assert result.verdict() == UNVERIFIED
    assert "are outside the time that the range looks at" in result.fail["msg"]


def test_a_range_without_a_start_outside_the_time_it_looks_at_is_no_success(flow: Flow):
    params = {"of": "OfDay", "stop": "2013-01-01", "reverse": "true"}
    result = flow.run("RangeDaily", task={"module": "flows.unusual", "family": "RangeDaily", "params": params})
    assert result.verdict() == UNVERIFIED
    assert "All instances before 2013-01-01" in result.fail["msg"]


def test_a_range_outside_the_time_it_looks_at_that_is_complete_is_a_success(flow: Flow):
    assert flow.run("Days", OLD | {"now": "1357430400"}).verdict() == SUCCEEDED
    result = flow.run("Days", OLD)
    assert result.verdict() == SUCCEEDED
    assert result.n["ran"] == 0


@pytest.mark.parametrize("family", ["AboveOldRange", "YieldsOldRange"])
def test_a_required_range_outside_the_time_it_looks_at_is_no_success(flow: Flow, family):
    result = flow.run(family, workers=2, **UNUSUAL)
    assert result.verdict() == UNVERIFIED
    assert "2013-01-01 is missing" in result.fail["msg"]
    assert not list(flow.home.glob(f"{family}_*.out"))


def test_a_range_that_ignores_a_part_of_its_instances_says_so(flow: Flow):
    params = {"of": "Daily", "start": "2012-01-01", "stop": "2013-01-03", "now": "1357257600", "days_back": "3"}
    result = flow.run("Days", params)
    assert result.verdict() == SUCCEEDED
    assert any("A part of the instances of Days_" in line["msg"] for line in result.logs)
    # At noon of the last day of the range, so all instances are inside.
    result = flow.run("Days", params | {"start": "2013-01-01", "days_back": "9", "now": "1357128000"})
    assert not any("A part of the instances" in line["msg"] for line in result.logs)


# MissingData


@workers
def test_external_data_is_missing(flow: Flow, workers):
    result = flow.run("NeedsData", workers=workers)
    assert result.verdict() == MISSING_DATA
    assert result.message["missing"] == ["Data(name=flights.csv)"]
    assert "Data(name=flights.csv)" in result.fail["msg"]
    counts(result, total=3, ran=1, missing=1, pending=1)


@workers
def test_external_data_is_found_missing_while_a_task_runs(flow: Flow, workers):
    result = flow.run("NeedsDataLater", workers=workers)
    assert result.verdict() == MISSING_DATA
    counts(result, total=2, missing=1, pending=1, dynamic=1)


@workers
@pytest.mark.parametrize("retry_external", ["true", "false"])
def test_keep_alive_does_not_wait_for_external_data(flow: Flow, workers, retry_external):
    (flow.home / "luigi.cfg").write_text(f"[worker]\nkeep_alive = true\nretry_external_tasks = {retry_external}\n")
    result = flow.run("NeedsData", workers=workers)
    assert result.verdict() == MISSING_DATA


# SchedulingError


@workers
@pytest.mark.parametrize("family", ["CompleteRaises", "AboveCompleteRaises"])
def test_complete_raises(flow: Flow, workers, family):
    result = flow.run(family, workers=workers)
    assert result.verdict() == SCHEDULING_CODE
    assert (result.fail["task"], result.fail["exc"]) == ("CompleteRaises(how=code)", "KeyError")
    assert result.fail["where"].endswith(" complete")
    result = flow.run(family, {"how": "network"}, workers=workers)
    assert result.verdict() == SCHEDULING_TRANSIENT
    assert result.fail["exc"] == "ConnectionRefusedError"


@workers
def test_requires_raises(flow: Flow, workers):
    result = flow.run("RequiresRaises", workers=workers)
    assert result.verdict() == SCHEDULING_CODE
    assert (result.fail["exc"], result.fail["msg"]) == ("TypeError", "wrong argument")
    assert flow.run("RequiresRaises", {"how": "network"}, workers=workers).verdict() == SCHEDULING_TRANSIENT


def test_an_error_in_luigi_itself(flow: Flow):
    result = flow.run("RequiresTarget")
    assert result.verdict() == SCHEDULING_CODE
    assert "can not return Target objects" in result.fail["msg"]


@pytest.mark.parametrize(
    ("module", "exc"),
    [
        ("flows.ends", "SystemExit"),
        ("flows.interrupts", "KeyboardInterrupt"),
        ("flows.broken", "KeyError"),
        ("flows.lacking", "ModuleNotFoundError"),
    ],
)
def test_a_module_that_cannot_be_imported(flow: Flow, module, exc):
    result = flow.run("Report", task={"module": module})
    assert result.verdict() == SCHEDULING_CODE
    assert result.fail["exc"] == exc
    assert result.fail["where"].startswith("flows/")


# Errors before Luigi is ready


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"luigi.cfg": "[core\nno section"}, "luigi.cfg"),
        ({"luigi.cfg": "[core]\nx = %(y)s\n\xff"}, "luigi.cfg"),
        ({"luigi/__init__.py": "raise ImportError('not the real luigi')"}, "not the real luigi"),
    ],
)
def test_what_prevents_luigi_from_starting_is_named(flow: Flow, files, text):
    for name, content in files.items():
        (flow.home / name).parent.mkdir(exist_ok=True)
        (flow.home / name).write_bytes(content.encode("latin-1"))
    flow.environment["PYTHONPATH"] = os.pathsep.join(map(str, (flow.home, IMAGE, HERE)))
    result = flow.run("Report")
    assert result.verdict() == SCHEDULING_CODE
    assert text in f"{result.fail['exc']} {result.fail['msg']} {result.output}"


@pytest.mark.parametrize("where", ["working directory", "PYTHONPATH"])
def test_a_file_with_the_name_of_a_standard_module_does_not_replace_it(flow: Flow, where):
    for name in ("queue", "signal", "json", "logging", "selectors", "multiprocessing", "concurrent", "email", "random"):
        (flow.home / f"{name}.py").write_text("raise RuntimeError('not the standard library')\n")
    if where == "PYTHONPATH":
        flow.environment["PYTHONPATH"] = os.pathsep.join(map(str, (flow.home, IMAGE, HERE)))
    assert flow.run("Report").verdict() == SUCCEEDED


def test_user_modules_come_before_libraries(flow: Flow):
    (flow.home / "psutil_of_the_user.py").write_text("from flows.pipeline import *\n")
    assert flow.run("Report", task={"module": "psutil_of_the_user"}).verdict() == SUCCEEDED


# InternalError


def test_the_luigi_process_ends_without_a_result(flow: Flow):
    result = flow.run("LeavesDuringScheduling")
    assert result.verdict() == INTERNAL_ERROR
    assert "run phase ended with exit code 0" in result.fail["msg"]
    assert "The last line of its output: about to leave" in result.fail["msg"]


# InvalidSpec: names and values


@workers
@pytest.mark.parametrize("task", [{"family": "Reprot"}, {"params": {"carier": "UA"}}])
def test_unknown_names(flow: Flow, workers, task):
    assert flow.run("Report", task=task, workers=workers).verdict() == INVALID_SPEC


@pytest.mark.parametrize(
    ("task", "texts"),
    [
        ({"module": "flows.pipelin"}, ["flows.pipelin does not exist", "Did you mean pipeline?"]),
        ({"module": "no_such_package.pipeline"}, ["no_such_package was not found"]),
        ({"module": "..pipeline"}, ["'..pipeline' is not a valid name of a Python module"]),
        ({"family": "Reprot"}, ["no task family Reprot", "Did you mean Report"]),
        ({"module": "calendar"}, ["calendar is the name of a module of Python's standard library"]),
        ({"params": {"carier": "UA"}}, ["Report has no parameter carier", "Did you mean carrier?"]),
        (
            {"family": "NoParameters", "params": {"x": "1"}},
            ["NoParameters has no parameter x", "The task has no parameters."],
        ),
        (
            {"params": {"date": "yesterday"}},
            ["'yesterday' is not a valid value of the parameter date of Report", "DateParameter"],
        ),
        ({"params": {"date": ""}}, ["'' is not a valid value of the parameter date of Report"]),
        ({"family": "Data"}, ["Data requires the parameter name"]),
    ],
)
def test_wrong_names_and_values_are_explained(flow: Flow, task, texts):
    result = flow.run("Report", task=task)
    assert result.verdict() == INVALID_SPEC
    for text in texts:
        assert text in result.fail["msg"]


def test_an_empty_string_is_a_value(flow: Flow):
    assert flow.run("Report", {"carrier": ""}).verdict() == SUCCEEDED
    (report,) = flow.home.glob("Report_*.out")
    assert report.name.startswith("Report__2013_01_15_"), "the default is UA"


# verify: None


def test_without_verification_the_result_of_luigi_counts(flow: Flow):
    assert flow.run("WritesNothing", verify="None").verdict() == SUCCEEDED


@pytest.mark.parametrize("family", ["Blocked", "DisabledRoot"])
def test_without_verification_a_root_that_never_ran_is_no_success(flow: Flow, family):
    assert flow.run(family, verify="None").verdict() == UNVERIFIED
