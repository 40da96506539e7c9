# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The operator as it is shipped: the files and the command line of its image, in a memory control group."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from . import metrics, mysql, places
from .gc_log import allocated_mebibytes
from .memory_limit import MemoryLimit
from .processes import BenchmarkError, Process

# The container's limit in helm/luigi-operator/values.yaml.
LIMIT_MEBIBYTES = 512
READY_SECONDS = 120
CONTEXT = places.REPOSITORY / "operator" / "target" / "image"


def command_of_image(dockerfile: str, context: Path) -> list[str]:
    """The ENTRYPOINT of the Dockerfile, with the paths of the image replaced by those of the build context."""
    joined = dockerfile.replace("\\\n", " ")
    entrypoint = re.search(r"^ENTRYPOINT (\[.*\])$", joined, re.MULTILINE)
    if not entrypoint:
        raise BenchmarkError("operator/Dockerfile has no ENTRYPOINT in JSON form")
    copies = re.findall(r"^COPY (\S+) (/\S+)$", joined, re.MULTILINE)
    command = json.loads(entrypoint[1])
    for source, target in copies:
        command = [re.sub(rf"(?<![\w/]){re.escape(target)}(?=/|$)", str(context / source), part) for part in command]
    return command


def aot_command(*options: str) -> list[str]:
    """The command line of the image with other options for the ahead-of-time cache."""
    command = command_of_image((places.REPOSITORY / "operator" / "Dockerfile").read_text(), CONTEXT)
    java, *arguments = [part for part in command if not part.startswith("-XX:AOT")]
    return [java, *options, *arguments]


class Operator:
    """One replica. Its kubeconfig is that of the chart's service account, its rights are those of the chart."""

    def __init__(
        self,
        name: str,
        port: int,
        kubeconfig: Path,
        logs: Path,
        limit: MemoryLimit,
        mysql_port: int,
        mysql_ca: Path,
        capacity: int,
        capacity_per_namespace: int = 0,
        aot_options: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._port = port
        self._garbage_log = logs / f"{name}-gc.log"
        java, *arguments = (
            aot_command(*aot_options)
            if aot_options
            else command_of_image((places.REPOSITORY / "operator" / "Dockerfile").read_text(), CONTEXT)
        )
        # The log of the collector costs nothing that could be measured, and is the only source of what was allocated.
        flags = [f"-Xlog:gc:file={self._garbage_log}"]
        if not limit.available:
            flags.append(f"-XX:MaxRAM={limit.mebibytes}m")
        password = kubeconfig.with_suffix(".password")
        password.write_text(mysql.PASSWORD)
        environment = {
            "KUBECONFIG": str(kubeconfig),
            "LUIGI_OPERATOR_CLUSTER_ID": "bench",
            "LUIGI_OPERATOR_MYSQL_HOST": "127.0.0.1",
            "LUIGI_OPERATOR_MYSQL_PORT": str(mysql_port),
            "LUIGI_OPERATOR_MYSQL_DATABASE": mysql.DATABASE,
            "LUIGI_OPERATOR_MYSQL_USER": mysql.USER,
            "LUIGI_OPERATOR_MYSQL_PASSWORD_FILE": str(password),
            # The certificate that the server generates is not for its address.
            "LUIGI_OPERATOR_MYSQL_SSL_MODE": "VERIFY_CA",
            "LUIGI_OPERATOR_MYSQL_CA_FILE": str(mysql_ca),
            "LUIGI_OPERATOR_CAPACITY_MAX_RUNNING": str(capacity),
            "LUIGI_OPERATOR_CAPACITY_MAX_RUNNING_PER_NAMESPACE": str(capacity_per_namespace),
            "LUIGI_OPERATOR_HTTP_PORT": str(port),
            "LUIGI_OPERATOR_LEASE_NAMESPACE": places.OPERATOR_NAMESPACE,
            "LUIGI_OPERATOR_POD_NAME": name,
        }
        self.ready_seconds = self.ready_cpu_seconds = 0.0
        self._started = time.monotonic()
        self.process = Process(name, limit.command([java, *flags, *arguments]), logs, environment)

    def wait_until_ready(self) -> None:
        """Sets the time and the CPU time that it took."""
        while not self._is_ready():
            if not self.process.is_running():
                raise BenchmarkError(f"the operator has ended; see {self.process.log}")
            if time.monotonic() - self._started > READY_SECONDS:
                raise BenchmarkError(f"the operator is not ready after {READY_SECONDS} s; see {self.process.log}")
            time.sleep(0.02)
        self.ready_seconds = time.monotonic() - self._started
        self.ready_cpu_seconds = self.process.cpu_seconds()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def metrics(self) -> metrics.OperatorMetrics:
        return metrics.scrape(self._port)

    def garbage_log_length(self) -> int:
        return self._garbage_log.stat().st_size

    def allocated_mebibytes(self, used_before: float, used_after: float, log_start: int, log_end: int) -> float:
        """What was allocated between two moments, each given by the heap in use and the length of the log."""
        log = self._garbage_log.read_bytes()[log_start:log_end].decode()
        return allocated_mebibytes(used_before, used_after, log)
