# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The API server's audit log as a list of requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

CREDENTIAL = "authentication.kubernetes.io/credential-id"
READING_VERBS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True)
class ApiRequest:
    """One request, with the times at which the API server received and answered it (seconds since the epoch).

    The credential identifies the token of the client; each replica of the operator has a token of its own.
    """

    received: float
    answered: float
    verb: str
    resource: str
    name: str
    agent: str
    user: str
    credential: str
    status: int
    dry_run: bool

    @property
    def succeeded(self) -> bool:
        return self.status < 300

    @property
    def writes(self) -> bool:
        """Whether the request changed something in etcd; a dry run changes nothing."""
        return self.verb not in READING_VERBS and not self.dry_run

    @property
    def kind(self) -> str:
        """What was done to what, e.g. "patch pods" or "patch pipelineruns/status"."""
        return f"{self.verb} {self.resource}" + (" (dry run)" if self.dry_run else "")


def parse(line: str | bytes) -> ApiRequest:
    """One line of the audit log."""
    event = json.loads(line)
    about = event.get("objectRef", {})
    resource = about.get("resource", "")
    if about.get("subresource"):
        resource += "/" + about["subresource"]
    answer = event.get("responseObject") or {}
    return ApiRequest(
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
        verb=event["verb"],
        resource=resource,
        name=about.get("name") or (answer.get("metadata") or {}).get("name", ""),
        agent=short_agent(event.get("userAgent", "")),
        user=event["user"]["username"],
        credential=event["user"].get("extra", {}).get(CREDENTIAL, [""])[0],
        status=event.get("responseStatus", {}).get("code", 0),
        dry_run="dryRun=" in event.get("requestURI", ""),
    )


def short_agent(agent: str) -> str:
    """The program of a user agent, and for the controller manager which of its controllers."""
    program = agent.split("/")[0].split(" ")[0]
    if program == "kube-controller-manager" and "/" in agent:
        controller = agent.rsplit("/", 1)[1]
        return f"{program} ({controller.removeprefix('system:serviceaccount:kube-system:')})"
    return program


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


class AuditLog:
    """Reads the log of a running API server as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[ApiRequest] = []
        self._position = 0
        self._rest = b""

    def read(self) -> list[ApiRequest]:
        """Returns the requests that came since the last call; all of them are kept in requests."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            log.seek(self._position)
            data = self._rest + log.read()
            self._position = log.tell()
        *lines, self._rest = data.split(b"\n")
        new = [parse(line) for line in lines if line]
        self.requests += new
        return new

    def since(self, moment: float) -> list[ApiRequest]:
        """All requests that were received at the given time or later."""
        self.read()
        return [request for request in self.requests if request.received >= moment]


def failures(requests: list[ApiRequest]) -> dict[str, int]:
    """How often which request failed, e.g. {"fabric8-kubernetes-client patch pods: 409": 2}."""
    counts: dict[str, Any] = {}
    for request in requests:
        if request.status >= 400:
            text = f"{request.agent} {request.kind}: {request.status}"
            counts[text] = counts.get(text, 0) + 1
    return counts
