# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The audit log of two runs, as an API server wrote it (shortened)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmark import places
from benchmark.audit import CREDENTIAL, AuditLog, failures, parse
from benchmark.costs import long_waits
from benchmark.kill import takeover
from benchmark.processes import BenchmarkError
from benchmark.run_times import run_finder, times_of_runs

SAMPLE = Path(__file__).parent / "data" / "audit.log"
RUNS = {"single-000000", "single-000001"}


@pytest.fixture
def requests():
    return [parse(line) for line in SAMPLE.read_text().splitlines()]


def event(**changes):
    """One line of the log, with changes."""
    return json.dumps(json.loads(SAMPLE.read_text().splitlines()[0]) | changes)


def test_times_of_runs(requests):
    times = times_of_runs(requests, "single")
    for events in (times.submitted, times.job_requested, times.pod_created, times.allowed, times.bound):
        assert set(events) == RUNS
    for run in RUNS:
        chain = [
            times.submitted[run],
            times.job_requested[run],
            times.pod_created[run],
            times.allowed[run],
            times.bound[run],
            times.running[run],
            times.ended[run],
        ]
        assert chain == sorted(chain)
        assert chain[-1] - chain[-2] == pytest.approx(1, abs=0.5)
    assert times.pods == times.allowances == dict.fromkeys(RUNS, 1)
    assert times_of_runs(requests, "other").submitted == {}


def test_a_bare_job_is_submitted_and_allowed_without_a_gate(requests):
    """What is left when there is no operator: the Jobs are created by the load."""
    kept = [request for request in requests if not request.resource.startswith("pipelineruns")]
    as_load = [
        parse(
            json.dumps(
                {
                    **json.loads(line),
                    "user": {"username": places.LOAD_USER},
                }
            )
        )
        for line in SAMPLE.read_text().splitlines()
        if '"create"' in line and '"jobs"' in line
    ]
    without_operator = [request for request in kept if request.user != places.OPERATOR_USER] + as_load
    times = times_of_runs(without_operator, "single")
    assert set(times.submitted) == RUNS
    assert times.submitted == times.job_requested
    assert times.allowed == times.pod_created


def test_own_requests_by_kind(requests):
    own = Counter(request.kind for request in requests if request.user == places.OPERATOR_USER)
    assert own == {"get pipelineruns": 2, "create jobs": 2, "patch pods": 2, "patch pipelineruns/status": 4}
    assert sum(request.writes for request in requests if request.user == places.OPERATOR_USER) == 8


def test_agents_are_short(requests):
    assert {request.agent for request in requests} == {
        "bench",
        "fabric8-kubernetes-client",
        "kube-controller-manager (job-controller)",
        "kube-scheduler",
        "kwok",
    }


def test_what_failed_and_what_was_only_tried():
    failed = parse(event(responseStatus={"code": 409}))
    tried = parse(event(requestURI="/api/v1/namespaces/runs/pods?dryRun=All"))
    assert failures([failed, failed, tried]) == {"bench create pipelineruns: 409": 2}
    assert not failed.succeeded
    assert not tried.writes
    assert tried.kind == "create pipelineruns (dry run)"
    assert not times_of_runs([failed, tried], "single").submitted


def test_the_log_is_read_as_it_grows(tmp_path):
    log = AuditLog(tmp_path / "audit.log")
    assert log.read() == []
    line = SAMPLE.read_bytes().splitlines(keepends=True)[0]
    log.path.write_bytes(line + line[:50])
    assert len(log.read()) == 1
    with log.path.open("ab") as file:
        file.write(line[50:])
    assert len(log.read()) == 1
    assert len(log.requests) == 2
    received = log.requests[0].received
    assert len(log.since(received)) == 2
    assert log.since(received + 1) == []


def test_names_belong_to_runs():
    run_of = run_finder("cold")
    assert run_of("cold-000012") == "cold-000012"
    assert run_of("cold-000012-a1") == "cold-000012"
    assert run_of("cold-000012-a1-x2b9q") == "cold-000012"
    assert run_of("cold-000012.18ec35ea") == "cold-000012"
    assert run_of("cold-0000123") is None
    assert run_of("very-cold-000012") is None


def test_long_waits(requests):
    times = times_of_runs(requests, "single")
    assert long_waits(times) == []
    times.submitted["single-000001"] -= 3
    assert long_waits(times) == ["single-000001"]


def test_takeover():
    def gate(credential, code=200):
        return parse(
            event(
                verb="patch",
                user={"username": places.OPERATOR_USER, "extra": {CREDENTIAL: [credential]}},
                responseStatus={"code": code},
            )
        )

    first, second, third = gate("JTI=a"), gate("JTI=a"), gate("JTI=b")
    assert takeover([first, second, gate("JTI=b", code=409), third]) == (second, third)
    with pytest.raises(BenchmarkError, match="no other operator"):
        takeover([first, second])
