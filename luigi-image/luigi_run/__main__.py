# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: `run` runs one attempt, `validate` checks a pipeline during the build of its image."""

from __future__ import annotations

import os
import sys

# A file signal.py in the working directory or in PYTHONPATH must not replace a module of the standard library.
_LIBRARY = os.path.dirname(os.__file__)
sys.path[:] = [
    _LIBRARY,
    os.path.join(_LIBRARY, "lib-dynload"),
    *(entry for entry in sys.path if entry not in ("", os.getcwd())),
]

import argparse
import time
import traceback
from pathlib import Path

from luigi_run import outcome, validate
from luigi_run.logs import Log
from luigi_run.redact import Redactor
from luigi_run.spec import InvalidSpec, parse, read_bytes
from luigi_run.supervisor import Attempt


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="luigi_run", description="Runs one attempt of a Luigi pipeline.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run one attempt of a pipeline and report its outcome")
    run.add_argument("spec", nargs="?", help="spec.json (default: the file named by LUIGI_RUN_SPEC)")
    validate.add_arguments(commands.add_parser("validate", help="check a spec, or a module, family and parameters"))
    options = parser.parse_args(arguments)
    if options.command == "validate":
        return validate.main(options)
    return _run(options.spec)


def _run(spec_path: str | None) -> int:
    log = Log()
    attempt = Attempt(os.environ, log)
    try:
        path = spec_path or os.environ.get("LUIGI_RUN_SPEC")
        if not path:
            raise InvalidSpec("No spec is given; pass its path, or set LUIGI_RUN_SPEC.")
        raw = read_bytes(Path(path))
        spec = parse(raw)
        log.identify(spec.run, spec.attempt, Redactor(spec.redact, os.environ, spec.redact_files))
        for name in log.redact.too_short:
            log.line(
                f"The value of {name} is too short to be masked in logs and messages; use a longer secret.",
                level="WARNING",
            )
        for path in log.redact.unreadable:
            log.line(
                f"The content of {path} is not masked completely in logs and messages: it is missing, unreadable, too "
                "large, or one of too many files.",
                level="WARNING",
            )
        result = attempt.run(spec, raw)
    except InvalidSpec as error:
        result = outcome.invalid_spec(str(error), time.time())
    except Exception as error:
        log.line(traceback.format_exc(), level="ERROR")
        result = outcome.internal_error(error, time.time())
    return attempt.finish(result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
