# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A fresh control plane with, where a lane needs them, MySQL and operators; all of it gone at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from . import objects, places
from .control_plane import ControlPlane
from .kubernetes import SCHEDULES
from .leftovers import owned_name
from .load import Load
from .memory_limit import MemoryLimit
from .metrics import OperatorMetrics
from .mysql import MySqlServer
from .operator_process import LIMIT_MEBIBYTES, Operator
from .processes import BenchmarkError, Memory, run, thread_cpu_seconds
from .round_trips import RoundTripProxy


class Measured(Protocol):
    def cpu_seconds(self) -> float: ...
    def memory(self) -> Memory: ...


@dataclass(frozen=True)
class Schedule:
    """A PipelineSchedule that the runs of a lane refer to."""

    name: str
    pod_seconds: float
    mutex_scope: str = "None"


@dataclass(frozen=True)
class Counters:
    """What is counted since the start, at one moment. Empty where there is no operator.

    Attributes:
        cpu: CPU seconds by program.
        sql: MySQL's counters.
        operator: the operator's own metrics.
        garbage_log: length of the garbage collector's log, in bytes.
        round_trips: between operator and MySQL, where they are counted.
        threads: CPU seconds of the first operator by name of the thread.
    """

    at: float
    cpu: dict[str, float]
    sql: dict[str, int]
    operator: OperatorMetrics
    garbage_log: int
    round_trips: int
    threads: dict[str, float]


class Installation:
    """Use it in a with statement."""

    def __init__(
        self,
        name: str,
        operators: int = 0,
        capacity: int = 50,
        capacity_per_namespace: int = 0,
        count_round_trips: bool = False,
        aot_options: Sequence[str] = (),
    ) -> None:
        """
        Args:
            name: of the folder for log files.
            operators: number of replicas.
            capacity: slots.
            capacity_per_namespace: how many of them the runs of one namespace may fill; 0: all.
            count_round_trips: whether a proxy between operator and MySQL counts them.
            aot_options: replace the options of the image for the ahead-of-time cache.
        """
        self._operator_count = operators
        self._capacity = capacity
        self._capacity_per_namespace = capacity_per_namespace
        self._count_round_trips = count_round_trips
        self._aot_options = aot_options
        self._proxy: RoundTripProxy | None = None
        self._logs = places.RESULTS / "log" / name
        shutil.rmtree(self._logs, ignore_errors=True)
        self._logs.mkdir(parents=True)
        self._folder = Path(tempfile.mkdtemp(prefix=owned_name(os.getpid())))
        self._programs = Path(run(places.DEV / "binaries", "--path").strip())
        self.control_plane = ControlPlane(self._programs, self._folder, self._logs)
        self.audit = self.control_plane.audit
        self.mysql = MySqlServer(self._folder / "mysql")
        self.operators: list[Operator] = []
        self.limits: list[MemoryLimit] = []

    def __enter__(self) -> Self:
        try:
            self.control_plane.start()
            self.load = Load(self.control_plane.identity_of(places.BENCH_NAMESPACE, "load"))
            if self._operator_count:
                self.mysql.start()
                self._install()
            if self._count_round_trips:
                self._proxy = RoundTripProxy(places.MYSQL_PROXY_PORT, places.MYSQL_PORT)
            for _ in range(self._operator_count):
                self._start_operator()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def operator(self) -> Operator:
        """The first operator."""
        return self.operators[0]

    def add_schedules(self, *schedules: Schedule) -> None:
        for schedule in schedules:
            document = objects.schedule(schedule.name, schedule.pod_seconds, schedule.mutex_scope)
            self.load.client().must("POST", SCHEDULES, document)

    def counters(self) -> Counters:
        if not self._operator_count:
            return Counters(time.time(), self.cpu_seconds(), {}, OperatorMetrics(), 0, 0, {})
        return Counters(
            at=time.time(),
            cpu=self.cpu_seconds(),
            sql=self.mysql.counters(),
            operator=self.operator.metrics(),
            garbage_log=self.operator.garbage_log_length(),
            round_trips=self._proxy.count if self._proxy else 0,
            threads=thread_cpu_seconds(self.operator.process.pid),
        )

    def cpu_seconds(self) -> dict[str, float]:
        return {name: process.cpu_seconds() for name, process in self._measured().items()}

    def memory(self) -> dict[str, Memory]:
        return {name: process.memory() for name, process in self._measured().items()}

    def check(self) -> None:
        """Raises BenchmarkError when something that should run has ended."""
        self.control_plane.check()
        for operator in self.operators:
            if not operator.process.is_running():
                raise BenchmarkError(f"{operator.name} has ended; see {operator.process.log}")

    def _measured(self) -> dict[str, Measured]:
        measured: dict[str, Measured] = dict(self.control_plane.processes)
        if self._operator_count:
            measured["mysqld"] = self.mysql
        measured.update({operator.name: operator.process for operator in self.operators})
        return measured

    def _install(self) -> None:
        """The resource definitions, and of the chart what concerns the API server: rights and admission policies."""
        for definition in sorted((places.REPOSITORY / "crds").glob("*.yaml")):
            self.control_plane.create(definition.read_text())
        chart = run(
            self._programs / "helm",
            "template",
            "luigi-operator",
            places.REPOSITORY / "helm" / "luigi-operator",
            f"--namespace={places.OPERATOR_NAMESPACE}",
            "--set=clusterId=bench,mysql.host=localhost,mysql.existingSecret=mysql",
            *(
                f"--show-only=templates/{name}.yaml"
                for name in ("serviceaccount", "rbac", "admission-policies", "operator-policy")
            ),
        )
        self.control_plane.create(chart)

    def _start_operator(self) -> None:
        number = len(self.operators)
        limit = MemoryLimit(f"{owned_name(os.getpid())}{number}", LIMIT_MEBIBYTES)
        self.limits.append(limit)
        kubeconfig = self._folder / f"operator-{number}.kubeconfig"
        identity = self.control_plane.identity_of(places.OPERATOR_NAMESPACE, "luigi-operator")
        kubeconfig.write_text(identity.kubeconfig())
        operator = Operator(
            name=f"operator-{number}",
            port=places.OPERATOR_PORT + number,
            kubeconfig=kubeconfig,
            logs=self._logs,
            limit=limit,
            mysql_port=places.MYSQL_PROXY_PORT if self._proxy else places.MYSQL_PORT,
            mysql_ca=self.mysql.ca,
            capacity=self._capacity,
            capacity_per_namespace=self._capacity_per_namespace,
            aot_options=self._aot_options,
        )
        self.operators.append(operator)
        operator.wait_until_ready()

    def _stop(self) -> None:
        steps = [operator.process.kill for operator in self.operators]
        steps += [limit.remove for limit in self.limits]
        steps += [self._proxy.stop] if self._proxy else []
        steps += [self.control_plane.stop, self.mysql.stop]
        problems = []
        for step in steps:
            try:
                step()
            except (OSError, BenchmarkError) as error:
                problems.append(str(error))
        shutil.rmtree(self._folder, ignore_errors=True)
        if problems:
            raise BenchmarkError("not everything could be stopped: " + "; ".join(problems))
