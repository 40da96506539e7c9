# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The lane ticks: when crons are due, what is made of the times, and the query for the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmark import objects, places
from benchmark.audit import parse
from benchmark.cron_times import daily_cron, distant_cron, jobs_of_cron_jobs, next_minute, split
from benchmark.goals import TICKS
from benchmark.idle import other_calls
from benchmark.ledger_check import NUMBERS, PAGE, documented_query
from benchmark.plan import DEFAULT_LANES, LANES
from benchmark.processes import BenchmarkError
from benchmark.ticks import Size

SAMPLE = Path(__file__).parent / "data" / "audit.log"


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "seconds", "expected"),
    [
        ("2026-03-01T10:00:00", 45, "2026-03-01T10:01:00"),
        ("2026-03-01T10:00:15", 45, "2026-03-01T10:01:00"),
        ("2026-03-01T10:00:15.100", 45, "2026-03-01T10:02:00"),
        ("2026-03-01T23:59:30", 45, "2026-03-02T00:01:00"),
    ],
)
def test_the_next_minute_leaves_time_before_it(now, seconds, expected):
    assert next_minute(moment(now), seconds) == moment(expected)


def test_a_daily_cron_is_due_at_its_minute():
    assert daily_cron(moment("2026-03-01T23:05:00")) == "5 23 * * *"
    assert daily_cron(moment("2026-03-02T00:01:00")) == "1 0 * * *"


@pytest.mark.parametrize(
    ("now", "cron"),
    [
        ("2026-01-31", "0 0 1 7 *"),
        ("2026-07-01", "0 0 1 1 *"),
        ("2026-08-31", "0 0 1 2 *"),
        ("2026-12-31", "0 0 1 6 *"),
    ],
)
def test_a_distant_cron_is_months_away(now, cron):
    assert distant_cron(moment(now)) == cron


def test_parts_of_a_total():
    assert split(10_000, 500) == [500] * 20
    assert split(1_001, 500) == [334, 334, 333]
    assert split(1, 500) == [1]


def created_job(name, seconds, **changes):
    event = json.loads(SAMPLE.read_text().splitlines()[0]) | {
        "verb": "create",
        "user": {"username": places.CRON_JOB_USER},
        "objectRef": {"resource": "jobs", "name": name},
        "stageTimestamp": f"2026-03-01T10:00:0{seconds}.000000Z",
    }
    return parse(json.dumps(event | changes))


def test_the_first_job_of_each_cron_job():
    requests = [
        created_job("cron-000001-29538600", 4),
        created_job("cron-000001-29538601", 5),
        created_job("cron-000000-29538600", 2),
        created_job("cron-000002-29538600", 3, responseStatus={"code": 409}),
        created_job("cron-000003", 3, user={"username": places.LOAD_USER}),
        created_job("other-000000-29538600", 1),
        created_job("cron-000004", 1, objectRef={"resource": "pods", "name": "cron-000004-29538600-x"}),
    ]
    began = moment("2026-03-01T10:00:00")
    assert jobs_of_cron_jobs(requests, "cron") == {"cron-000000": began + 2, "cron-000001": began + 4}


def test_a_smaller_size():
    assert Size().scaled(1) == Size()
    assert Size().scaled(0.02) == Size(ticks=200, idle=100, cron_jobs=20)
    assert Size().scaled(0.00001) == Size(1, 1, 1)


def test_other_calls():
    assert other_calls({"ledger.register": 6}, {"ledger.register": 9}) == 0
    assert other_calls({"ledger.register": 6}, {"ledger.register": 6, "ledger.clients": 3, "ledger.own": 1}) == 4


def test_the_documented_query():
    query = documented_query(PAGE.read_text())
    assert query.startswith("SELECT (SELECT COUNT(*) FROM")
    assert not query.endswith(";")
    assert "--" not in query
    assert "\n" not in query
    # In this order, as they are the columns of the row.
    positions = [query.index(f"AS {name}") for name in NUMBERS]
    assert positions == sorted(positions)
    with pytest.raises(BenchmarkError, match="no query"):
        documented_query("# Schedules\n```sql\nSELECT 1;\n```\n")


def test_the_objects():
    schedule = objects.cron_schedule("ticks-000000", 5, "5 10 * * *", 500)
    assert len({client["id"] for client in schedule["spec"]["clients"]}) == 500
    assert schedule["spec"]["crons"] == ["5 10 * * *"]
    assert schedule["spec"]["pipeline"]["mutex"] == {"scope": "Client"}
    run = objects.critical_run("critical-000000", "critical", "client-1", places.AD_HOC_NAMESPACE)
    assert run["metadata"]["namespace"] == "ad-hoc"
    assert run["spec"]["priority"] == "Critical"
    cron_job = objects.cron_job("cron-000000", 5, "5 10 * * *")
    assert cron_job["spec"]["jobTemplate"]["spec"] == objects.job("cron-000000", 5, "cron-000000")["spec"]
    assert "suspend" not in cron_job["spec"]


def test_the_lane_is_not_part_of_the_others():
    assert set(LANES) - set(DEFAULT_LANES) == {"ticks"}
    assert all(row.limit is None for row in TICKS)
