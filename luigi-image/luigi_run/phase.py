# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""One phase of an attempt. Each phase has its own interpreter, because Luigi caches task instances and requires().

The supervisor starts it as `python -m luigi_run.phase NAME REPORT_FD CONTROL_FD` with the spec on standard input.
A phase only reports events; the supervisor derives the outcome:
{"e": "luigi", version}, {"e": "root", id}, {"e": "task", ...}, and last one of {"e": "end"},
{"e": "invalid", msg} and {"e": "broken", failure}.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import traceback

import luigi
from luigi.task import flatten

from luigi_run import LUIGI_VERSION, failure, processes
from luigi_run.channel import Channel, RecordHandler
from luigi_run.loading import load_root
from luigi_run.luigi_scheduler import ReportingScheduler
from luigi_run.luigi_worker import RunnerWorker
from luigi_run.redact import Redactor, copies
from luigi_run.spec import InvalidSpec, Spec, parse


def main(name: str, report_fd: int, control_fd: int) -> None:
    processes.die_with_parent()
    spec = parse(sys.stdin.buffer.read())
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    redact = Redactor(spec.redact, os.environ)
    for copy in copies(os.environ):
        del os.environ[copy]
    channel = Channel(report_fd, control_fd)
    logging.basicConfig(level=logging.INFO, handlers=[RecordHandler(redact)])
    package = spec.module.partition(".")[0]
    try:
        channel.send({"e": "luigi", "version": _prepare_luigi()})
        {"run": _run, "verify": _verify}[name](spec, channel, package, redact)
    except InvalidSpec as error:
        channel.send({"e": "invalid", "msg": redact(str(error))})
    except (Exception, SystemExit) as error:
        logging.getLogger("luigi_run").error("%s", traceback.format_exc())
        channel.send({"e": "broken", "failure": failure.from_exception(error, package, redact)})


def _prepare_luigi() -> str:
    if luigi.__version__ != LUIGI_VERSION:
        raise InvalidSpec(
            f"The image contains Luigi {luigi.__version__}, but the runner requires {LUIGI_VERSION}; remove it."
        )
    # Before build(): Luigi must not configure logging, so that its records reach the handler of the runner.
    luigi.configuration.get_config().set("core", "no_configure_logging", "true")
    multiprocessing.set_start_method("fork")
    return luigi.__version__


def _run(spec: Spec, channel: Channel, package: str, redact: Redactor) -> None:
    root = load_root(spec.module, spec.family, spec.params)
    channel.send({"e": "root", "id": root.task_id})
    worker: RunnerWorker | None = None

    class Factory:
        def create_local_scheduler(self) -> ReportingScheduler:
            return ReportingScheduler(prune_on_get_work=True, record_task_history=False)

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
                send_failure_email=False,  # the operator reports failures
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
    channel.send({"e": "end"})


def _verify(spec: Spec, channel: Channel, package: str, redact: Redactor) -> None:
    root = load_root(spec.module, spec.family, spec.params)
    complete = root.complete() is True
    absent: list[str] = []
    if not complete:
        try:
            absent = [redact(str(target)) for target in flatten(root.output()) if not target.exists()]
        except Exception:
            logging.getLogger("luigi_run").warning("Could not list the outputs of the root task", exc_info=True)
    channel.send({"e": "end", "complete": complete, "absent": [name[:500] for name in absent[:3]]})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
