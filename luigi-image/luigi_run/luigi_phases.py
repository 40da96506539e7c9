# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""What the phases do with Luigi: run builds the root task, verify checks whether it is complete."""

from __future__ import annotations

import logging
import multiprocessing

import luigi
import luigi.notifications
from luigi.task import flatten
from luigi.tools.range import RangeBase

from luigi_run import LUIGI_VERSION, ranges
from luigi_run.channel import Channel
from luigi_run.loading import load_root
from luigi_run.luigi_scheduler import ReportingScheduler
from luigi_run.luigi_worker import RunnerWorker
from luigi_run.redact import Redactor
from luigi_run.spec import InvalidSpec, Spec


def execute(name: str, spec: Spec, channel: Channel, package: str, redact: Redactor) -> None:
    """Executes the phase of that name. Raises what user code and Luigi raise."""
    channel.send({"e": "luigi", "version": _prepare_luigi()})
    {"run": _run, "verify": _verify}[name](spec, channel, package, redact)


def _prepare_luigi() -> str:
    if luigi.__version__ != LUIGI_VERSION:
        raise InvalidSpec(
            f"The image contains Luigi {luigi.__version__}, but the runner requires {LUIGI_VERSION}; remove it."
        )
    # Before build(): Luigi must not configure logging, so that its records reach the handler of the runner.
    luigi.configuration.get_config().set("core", "no_configure_logging", "true")
    # The operator reports failures. An error while sending mail must not change the outcome.
    luigi.notifications.send_error_email = _send_no_email
    multiprocessing.set_start_method("fork")
    return luigi.__version__


def _send_no_email(*_args: object, **_kwargs: object) -> None:
    pass


def _run(spec: Spec, channel: Channel, package: str, redact: Redactor) -> None:
    root = load_root(spec.module, spec.family, spec.params)
    channel.send({"e": "root", "id": root.task_id})
    worker: RunnerWorker | None = None

    class Factory:
        def create_local_scheduler(self) -> ReportingScheduler:
            return ReportingScheduler(prune_on_get_work=True, record_task_history=False, batch_emails=False)

        def create_worker(self, scheduler: ReportingScheduler, worker_processes: int, assistant: bool) -> RunnerWorker:
            nonlocal worker
            limits = {"timeout": spec.task_seconds} if spec.task_seconds else {}
            worker = RunnerWorker(
                channel,
                package,
                redact,
                scheduler=scheduler,
                worker_processes=worker_processes,
                assistant=assistant,
                send_failure_email=False,
                no_install_shutdown_handler=False,  # SIGUSR1 must stop Luigi from starting new tasks
                **limits,
            )
            scheduler.connect(worker, channel, package, redact)
            return worker

    try:
        luigi.build([root], worker_scheduler_factory=Factory(), local_scheduler=True, workers=spec.workers)
    except Exception:
        # After the worker has finished, only the summary that Luigi prints can fail. It does not affect the outcome.
        if worker is None or not worker.finished:
            raise
        logging.getLogger("luigi_run").warning("Luigi could not print its execution summary", exc_info=True)
    assert worker is not None
    channel.send({"e": "end", "cycle": [redact(name) for name in worker.cycle()]})


def _verify(spec: Spec, channel: Channel, package: str, redact: Redactor) -> None:
    root = load_root(spec.module, spec.family, spec.params)
    complete = bool(root.complete())  # as in Luigi: 1 and booleans of other libraries are true
    if complete and isinstance(root, RangeBase):
        ranges.check(root)
    absent: list[str] = []
    if not complete:
        try:
            absent = [redact(str(target)) for target in flatten(root.output()) if not target.exists()]
        except Exception:
            logging.getLogger("luigi_run").warning("Could not list the outputs of the root task", exc_info=True)
    channel.send({"e": "end", "complete": complete, "absent": [name[:500] for name in absent[:3]]})
