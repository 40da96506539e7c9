# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""When what happened to each run, from the requests in the audit log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from . import places
from .audit import ApiRequest


@dataclass
class RunTimes:
    """Times by run, in seconds since the epoch; an event that has not happened is absent.

    Attributes:
        submitted: the run's object was received.
        job_requested: its Job was received.
        pod_created: its pod was created.
        allowed: its pod may be scheduled: the gate was opened, or a pod without gate was created.
        bound: the scheduler has chosen a node.
        running: the node reported that the pod runs.
        ended: the node reported that the pod has ended.
        pods: how many pods there were.
        allowances: how often a gate was opened.
    """

    submitted: dict[str, float] = field(default_factory=dict)
    job_requested: dict[str, float] = field(default_factory=dict)
    pod_created: dict[str, float] = field(default_factory=dict)
    allowed: dict[str, float] = field(default_factory=dict)
    bound: dict[str, float] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    pods: dict[str, int] = field(default_factory=dict)
    allowances: dict[str, int] = field(default_factory=dict)


def times_of_runs(requests: Iterable[ApiRequest], prefix: str) -> RunTimes:
    """Of runs whose names begin with the prefix. Their objects are PipelineRuns, or Jobs without one."""
    run_of = run_finder(prefix)
    times = RunTimes()
    jobs_submitted: dict[str, float] = {}
    for request in sorted(requests, key=lambda one: one.answered):
        run = run_of(request.name)
        if not run or not request.succeeded or not request.writes:
            continue
        match request.verb, request.resource, request.user:
            case "create", "pipelineruns", _:
                times.submitted[run] = request.received
            case "create", "jobs", places.LOAD_USER:
                jobs_submitted[run] = request.received
                times.job_requested.setdefault(run, request.received)
            case "create", "jobs", _:
                times.job_requested.setdefault(run, request.received)
            case "create", "pods", _:
                times.pod_created.setdefault(run, request.answered)
                times.pods[run] = times.pods.get(run, 0) + 1
            case "patch", "pods", places.OPERATOR_USER:
                times.allowed.setdefault(run, request.answered)
                times.allowances[run] = times.allowances.get(run, 0) + 1
            case "create", "pods/binding", _:
                times.bound.setdefault(run, request.answered)
            case "patch", "pods/status", places.KWOK_USER:
                # A pod has two such changes: it runs, and it has ended.
                if run in times.running:
                    times.ended.setdefault(run, request.answered)
                else:
                    times.running[run] = request.answered
    if not times.submitted:
        times.submitted = jobs_submitted
        times.allowed = dict(times.pod_created)
    return times


def run_finder(prefix: str) -> Callable[[str], str | None]:
    """A function that finds the run in the name of an object: its own name, or that of its Job or pod."""
    pattern = re.compile(rf"{re.escape(prefix)}-\d{{6}}(?=-|\.|$)")

    def run_of(name: str) -> str | None:
        found = pattern.match(name)
        return found[0] if found else None

    return run_of
