# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""One phase of an attempt. Each phase has its own interpreter, because Luigi caches task instances and requires().

The supervisor starts it with the arguments NAME REPORT_FD CONTROL_FD MARK and the spec on standard input.
A phase only reports events; the supervisor derives the outcome:
{"e": "started"}, {"e": "luigi", version}, {"e": "root", id}, {"e": "batch", ...}, {"e": "task", ...}, {"e": "alive"},
and last one of {"e": "end"}, {"e": "invalid", msg} and {"e": "broken", failure}.

This module does not import Luigi, because the import may fail, for example because of an invalid luigi.cfg.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import traceback

from luigi_run import failure, processes
from luigi_run.channel import Channel, RecordHandler
from luigi_run.interpreter import use_path_of_user
from luigi_run.redact import Redactor, copies
from luigi_run.spec import InvalidSpec, parse


def main(path: list[str]) -> None:
    name, report_fd, control_fd, mark = sys.argv[1:5]
    processes.die_with_parent()
    spec = parse(sys.stdin.buffer.read())
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    redact = Redactor(spec.redact, os.environ, spec.redact_files)
    for copy in copies(os.environ):
        del os.environ[copy]
    channel = Channel(int(report_fd), int(control_fd))
    logging.basicConfig(level=logging.INFO, handlers=[RecordHandler(redact, mark)])
    faulthandler.register(signal.SIGUSR2, file=2)
    channel.send({"e": "started"})
    package = spec.module.partition(".")[0]
    try:
        from luigi_run import luigi_phases
    except BaseException as error:
        logging.getLogger("luigi_run").error("%s", traceback.format_exc())
        problem = failure.from_exception(error, package, redact)
        problem["msg"] = f"{problem['msg']} (while Luigi was imported: check luigi.cfg and the packages in the image)"
        channel.send({"e": "broken", "failure": problem})
        return
    try:
        use_path_of_user(path)
        luigi_phases.execute(name, spec, channel, package, redact)
    except InvalidSpec as error:
        channel.send({"e": "invalid", "msg": redact(str(error))})
    except BaseException as error:  # also SystemExit and KeyboardInterrupt of user code
        logging.getLogger("luigi_run").error("%s", traceback.format_exc())
        channel.send({"e": "broken", "failure": failure.from_exception(error, package, redact)})
