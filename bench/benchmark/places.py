# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Folders, ports and names. The benchmark has a network namespace of its own, so the ports are free."""

from __future__ import annotations

from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
REPOSITORY = BENCH.parent
DEV = REPOSITORY / "dev"
CONFIG = BENCH / "config"
RESULTS = BENCH / "target"

ETCD_PORT = 2379
ETCD_PEER_PORT = 2380
API_PORT = 6443
CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259
KWOK_PORT = 10247
MYSQL_PORT = 3306
MYSQL_PROXY_PORT = 3307
# Of the first operator; a second one has the next.
OPERATOR_PORT = 8080

RUNS_NAMESPACE = "runs"
# Of runs that must find a slot while those of the other namespace fill all slots that a namespace may fill.
AD_HOC_NAMESPACE = "ad-hoc"
OPERATOR_NAMESPACE = "luigi-operator"
BENCH_NAMESPACE = "bench"

OPERATOR_USER = "system:serviceaccount:luigi-operator:luigi-operator"
LOAD_USER = "system:serviceaccount:bench:load"
KWOK_USER = "system:serviceaccount:bench:kwok"
CRON_JOB_USER = "system:serviceaccount:kube-system:cronjob-controller"
