# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The objects that the lanes create. A bare Job has a container like that of a run, and nothing else."""

from __future__ import annotations

from typing import Any

DURATION = "bench.duration"
IMAGE = "example.invalid/pipeline:1"
ENVIRONMENT = [{"name": "A", "value": "1"}, {"name": "B", "value": "two"}]
RESOURCES = {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}


def run_name(prefix: str, number: int) -> str:
    return f"{prefix}-{number:06d}"


def schedule(name: str, pod_seconds: float, mutex_scope: str, namespace: str = "runs") -> dict[str, Any]:
    """
    Args:
        name: by which runs refer to it.
        pod_seconds: how long each pod runs.
        mutex_scope: Client, or None for runs that need not wait for each other.
        namespace: of the schedule and its runs.
    """
    return {
        "apiVersion": "luigi-operator.io/v1beta1",
        "kind": "PipelineSchedule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clients": [],
            "pipeline": {
                "image": IMAGE,
                "task": {"module": "flow", "family": "Main"},
                "allow": {"unlistedClients": True},
                "mutex": {"scope": mutex_scope},
                "env": ENVIRONMENT,
                "resources": RESOURCES,
                "podTemplate": {"metadata": {"annotations": {DURATION: f"{pod_seconds}s"}}},
            },
        },
    }


def cron_schedule(name: str, pod_seconds: float, cron: str, clients: int) -> dict[str, Any]:
    """A schedule that creates runs: so many clients with one cron, and the mutex that a schedule has by default."""
    document = schedule(name, pod_seconds, "Client")
    document["spec"] |= {"crons": [cron], "clients": [{"id": f"client-{number:03d}"} for number in range(clients)]}
    return document


def run(name: str, schedule_name: str, client: str) -> dict[str, Any]:
    return {
        "apiVersion": "luigi-operator.io/v1beta1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": "runs"},
        "spec": {"scheduleRef": {"name": schedule_name}, "client": client, "date": "2026-08-01"},
    }


def critical_run(name: str, schedule_name: str, client: str, namespace: str) -> dict[str, Any]:
    """A run that is more urgent than those of crons."""
    document = run(name, schedule_name, client)
    document["metadata"]["namespace"] = namespace
    document["spec"]["priority"] = "Critical"
    return document


def cron_job(name: str, pod_seconds: float, cron: str) -> dict[str, Any]:
    """A CronJob whose Jobs are those of job()."""
    template = job(name, pod_seconds, name)["spec"]
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": "runs"},
        "spec": {"schedule": cron, "timeZone": "Etc/UTC", "jobTemplate": {"spec": template}},
    }


def job(name: str, pod_seconds: float, client: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": IMAGE,
        "command": ["luigi", "--module", "flow", "Main", "--date", "2026-08-01"],
        "env": [*ENVIRONMENT, {"name": "CLIENT", "value": client}],
        "resources": RESOURCES,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "runs", "labels": {"bench": "job"}},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": {"bench": "job"}, "annotations": {DURATION: f"{pod_seconds}s"}},
                "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    }
