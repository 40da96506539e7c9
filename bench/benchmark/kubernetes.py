# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A small client of the API server, with one connection that is kept open."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import BenchmarkError

# The API server closes connections that are idle for longer than a few minutes.
IDLE_SECONDS = 30.0
MERGE_PATCH = "application/merge-patch+json"
RUNS = "/apis/luigi-operator.io/v1beta1/namespaces/runs/pipelineruns"
SCHEDULES = "/apis/luigi-operator.io/v1beta1/namespaces/runs/pipelineschedules"
AD_HOC_RUNS = "/apis/luigi-operator.io/v1beta1/namespaces/ad-hoc/pipelineruns"
AD_HOC_SCHEDULES = "/apis/luigi-operator.io/v1beta1/namespaces/ad-hoc/pipelineschedules"
JOBS = "/apis/batch/v1/namespaces/runs/jobs"
CRON_JOBS = "/apis/batch/v1/namespaces/runs/cronjobs"
PODS = "/api/v1/namespaces/runs/pods"


@dataclass(frozen=True)
class Identity:
    """How a client proves who it is: by a certificate (paths without suffix), or by a token."""

    port: int
    authority: Path
    certificate: Path | None = None
    token: str | None = None

    def kubeconfig(self) -> str:
        """A kubeconfig file for this identity; JSON is YAML."""
        user: dict[str, Any] = {"token": self.token}
        if self.certificate:
            user = {"client-certificate": f"{self.certificate}.crt", "client-key": f"{self.certificate}.key"}
        server = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": str(self.authority)}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "bench", "cluster": server}],
                "users": [{"name": "bench", "user": user}],
                "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
                "current-context": "bench",
            }
        )


class ApiClient:
    """Not for more than one thread at a time."""

    def __init__(self, identity: Identity) -> None:
        self._port = identity.port
        self._tls = ssl.create_default_context(cafile=str(identity.authority))
        if identity.certificate:
            self._tls.load_cert_chain(f"{identity.certificate}.crt", f"{identity.certificate}.key")
        self._headers = {"User-Agent": "bench"}
        if identity.token:
            self._headers["Authorization"] = f"Bearer {identity.token}"
        self._connection: http.client.HTTPSConnection | None = None
        self._used = 0.0

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Sends one request and returns status and body; raises OSError when there is no connection."""
        if self._connection and time.monotonic() - self._used > IDLE_SECONDS:
            self.close()
        self._used = time.monotonic()
        if self._connection is None:
            self._connection = self._connect()
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._connection.request(method, path, payload, {**self._headers, "Content-Type": content_type})
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            # Never repeated: a request that was carried out would be counted twice.
            self.close()
            raise

    def must(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """Like request, and returns the parsed object; raises BenchmarkError when the API server refuses."""
        status, answer = self.request(method, path, body, content_type)
        if status >= 300:
            raise BenchmarkError(f"{method} {path}: {status} {answer[:800].decode(errors='replace')}")
        return json.loads(answer)

    def ready(self) -> bool:
        """Whether the API server reports that it is ready."""
        try:
            return self.request("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def watch(self, path: str, query: str, seconds: int, idle_seconds: float) -> Iterator[Any]:
        """Yields the present objects and then all changes, until the API server ends the watch after the given time.

        Raises TimeoutError when no event has arrived for idle_seconds.
        """
        connection = self._connect(idle_seconds)
        try:
            options = f"watch=1&resourceVersion=0&timeoutSeconds={seconds}"
            connection.request("GET", f"{path}?{options}&{query}", headers=self._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise BenchmarkError(f"watch {path}: {response.status} {response.read()[:800]!r}")
            while line := response.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self, timeout: float = 60) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=timeout)
