# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes control plane on loopback: etcd, API server, controller manager, scheduler, and KWOK for the nodes."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

from . import places
from .audit import AuditLog
from .kubernetes import MERGE_PATCH, ApiClient, Identity
from .processes import BenchmarkError, Process, run, wait_until

# The default of 20 requests per second limits every system that runs its work as Jobs to about 3 Jobs per second.
REQUESTS_PER_SECOND = 1000
# Of the Job and of the CronJob controller. Their defaults are 5.
JOB_WORKERS = 50
NODES = 10
CONTROLLERS = ("job", "cronjob", "garbage-collector", "ttl-after-finished", "namespace", "serviceaccount")


class ControlPlane:
    """Starts everything in order; stop() ends what was started, in the opposite order."""

    def __init__(self, programs: Path, folder: Path, logs: Path) -> None:
        """
        Args:
            programs: where dev/binaries keeps the programs.
            folder: for data; made and removed by the caller.
            logs: for log files, which stay.
        """
        self._programs = programs
        self._folder = folder
        self._logs = logs
        self._keys = folder / "pki"
        self.processes: dict[str, Process] = {}
        self.audit = AuditLog(folder / "audit.log")

    def start(self) -> None:
        run(self._programs / "pki", self._keys, "bench", "127.0.0.1", "10.96.0.1")
        self.admin = ApiClient(self._by_certificate("admin"))
        self._start_etcd()
        self._start_api_server()
        self._make_namespaces()
        self._make_nodes()
        for user in ("load", "kwok"):
            self._make_administrator(user)
        self._start_controllers()

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.kill()

    def identity_of(self, namespace: str, service_account: str) -> Identity:
        """The identity of a service account, with a token of one day as a pod would have."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        token = self.admin.must("POST", path, {"spec": {"expirationSeconds": 86_400}})["status"]["token"]
        return Identity(places.API_PORT, self._keys / "ca.crt", token=token)

    def create(self, manifests: str) -> None:
        """Creates the objects of YAML or JSON documents as the administrator."""
        kubeconfig = self._write("admin.kubeconfig", self._by_certificate("admin").kubeconfig())
        run(self._programs / "kubectl", "--kubeconfig", kubeconfig, "create", "-f", "-", stdin=manifests)

    def _start(self, name: str, *arguments: str | Path) -> Process:
        self.processes[name] = Process(name, [self._programs / name, *arguments], self._logs)
        return self.processes[name]

    def _by_certificate(self, user: str) -> Identity:
        return Identity(places.API_PORT, self._keys / "ca.crt", certificate=self._keys / user)

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        return path

    def _start_etcd(self) -> None:
        client = f"http://127.0.0.1:{places.ETCD_PORT}"
        peer = f"http://127.0.0.1:{places.ETCD_PEER_PORT}"
        etcd = self._start(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--quota-backend-bytes=8589934592",
            "--log-level=warn",
        )
        wait_until(lambda: _answers(f"{client}/health"), 60, "etcd is healthy", etcd)

    def _start_api_server(self) -> None:
        server = self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{places.ETCD_PORT}",
            f"--secure-port={places.API_PORT}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            # An Endpoints object may not hold a loopback address.
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--cert-dir={self._folder}",
            f"--tls-cert-file={self._keys / 'kube-apiserver.crt'}",
            f"--tls-private-key-file={self._keys / 'kube-apiserver.key'}",
            f"--client-ca-file={self._keys / 'ca.crt'}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={self._keys / 'service-account.pub'}",
            f"--service-account-signing-key-file={self._keys / 'service-account.key'}",
            "--authorization-mode=Node,RBAC",
            # Without the node lifecycle controller no one would take the not-ready taint of new nodes away, and
            # without kubelets no token volume of a pod is ever read.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
            f"--audit-policy-file={places.CONFIG / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit.path}",
            "--audit-log-maxsize=20000",
            "--audit-log-mode=blocking",
        )
        wait_until(self.admin.ready, 120, "the API server is ready", server)

    def _make_namespaces(self) -> None:
        for name in (
            places.RUNS_NAMESPACE,
            places.AD_HOC_NAMESPACE,
            places.OPERATOR_NAMESPACE,
            places.BENCH_NAMESPACE,
        ):
            self.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def _make_nodes(self) -> None:
        room = {"cpu": "1000", "memory": "1Ti", "pods": "100000"}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Bench",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z",
        }
        status = {
            "capacity": room,
            "allocatable": room,
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        }
        for number in range(NODES):
            name = f"node-{number}"
            metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}
            self.admin.must("POST", "/api/v1/nodes", {"metadata": metadata})
            self.admin.must("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, MERGE_PATCH)

    def _make_administrator(self, name: str) -> None:
        namespace = places.BENCH_NAMESPACE
        self.admin.must("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        binding = {
            "metadata": {"name": f"bench-{name}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        }
        self.admin.must("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)

    def _start_controllers(self) -> None:
        kubeconfigs = {
            user: self._write(f"{user}.kubeconfig", self._by_certificate(user).kubeconfig())
            for user in ("kube-controller-manager", "kube-scheduler")
        }
        rate = (f"--kube-api-qps={REQUESTS_PER_SECOND}", f"--kube-api-burst={REQUESTS_PER_SECOND}")
        self._start(
            "kube-controller-manager",
            f"--kubeconfig={kubeconfigs['kube-controller-manager']}",
            f"--service-account-private-key-file={self._keys / 'service-account.key'}",
            f"--root-ca-file={self._keys / 'ca.crt'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={places.CONTROLLER_MANAGER_PORT}",
            f"--cert-dir={self._folder}",
            "--controllers=" + ",".join(f"{name}-controller" for name in CONTROLLERS),
            f"--concurrent-job-syncs={JOB_WORKERS}",
            f"--concurrent-cron-job-syncs={JOB_WORKERS}",
            *rate,
        )
        self._start(
            "kube-scheduler",
            f"--kubeconfig={kubeconfigs['kube-scheduler']}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={places.SCHEDULER_PORT}",
            f"--cert-dir={self._folder}",
            "--authentication-skip-lookup=true",
            *rate,
        )
        identity = self.identity_of(places.BENCH_NAMESPACE, "kwok")
        kwok = self._start(
            "kwok",
            f"--kubeconfig={self._write('kwok.kubeconfig', identity.kubeconfig())}",
            "--manage-all-nodes",
            f"--config={places.CONFIG / 'kwok-stages.yaml'}",
            "--node-ip=127.0.0.1",
            f"--server-address=127.0.0.1:{places.KWOK_PORT}",
        )
        wait_until(lambda: _answers(f"http://127.0.0.1:{places.KWOK_PORT}/healthz"), 60, "KWOK is healthy", kwok)

    def check(self) -> None:
        """Raises BenchmarkError when a program has ended."""
        for process in self.processes.values():
            if not process.is_running():
                raise BenchmarkError(f"{process.name} has ended; see {process.log}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError, json.JSONDecodeError):
        return False
