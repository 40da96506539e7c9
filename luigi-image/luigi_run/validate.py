# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""`validate`: imports the module, finds the family and parses the parameters, as the last step of an image build.

It builds no dependency tree and calls no method of a task. The check runs in its own interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from luigi_run import interpreter
from luigi_run.spec import InvalidSpec, parse, read_bytes
from luigi_run.verdict import Verdict

_SECONDS = 300
_CHECKED = b"checked"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", nargs="?", help="spec.json (default: the file named by LUIGI_RUN_SPEC)")
    parser.add_argument("--module", help="check this module instead of a spec")
    parser.add_argument("--family", help="a task family of the module")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the family")


def main(options: argparse.Namespace) -> int:
    try:
        request = _request(options)
    except InvalidSpec as error:
        print(error, file=sys.stderr)
        return Verdict.InvalidSpec.value
    result, result_theirs = os.pipe()
    command = interpreter.command("validate", "check", json.dumps(request), str(result_theirs))
    try:
        code = subprocess.run(command, timeout=_SECONDS, check=False, pass_fds=(result_theirs,)).returncode
    except subprocess.TimeoutExpired:
        return _bad_import(request, f"took longer than {_SECONDS} s; do less work at import time")
    finally:
        os.close(result_theirs)
    checked = _received(result) == _CHECKED
    if code == 0 and not checked:
        return _bad_import(request, "ended the process; do not call exit(), luigi.run() or a parser of arguments there")
    return code


def _received(fd: int) -> bytes:
    os.set_blocking(fd, False)  # a background process of the module may still have the other end
    try:
        return os.read(fd, 64)
    except BlockingIOError:
        return b""
    finally:
        os.close(fd)


def _bad_import(request: dict[str, object], what: str) -> int:
    print(f"The import of the module {request['module']} {what}.", file=sys.stderr)
    return Verdict.SchedulingErrorCode.value


def _request(options: argparse.Namespace) -> dict[str, object]:
    if options.module:
        pairs = [item.partition("=") for item in options.param]
        wrong = next((name for name, equals, _ in pairs if not equals), None)
        if wrong is not None:
            raise InvalidSpec(f"--param {wrong} has no value; use --param {wrong}=VALUE.")
        if pairs and not options.family:
            raise InvalidSpec("--param requires --family; add the task family of the parameters.")
        params = {name: value for name, _, value in pairs}
        return {"module": options.module, "family": options.family, "params": params, "whole": False}
    if options.family or options.param:
        raise InvalidSpec("--family and --param require --module; add the module, or pass a spec instead.")
    path = options.spec or os.environ.get("LUIGI_RUN_SPEC")
    if not path:
        raise InvalidSpec("There is nothing to validate; pass a spec.json or --module.")
    spec = parse(read_bytes(Path(path)))
    return {"module": spec.module, "family": spec.family, "params": spec.params, "whole": True}


def _check(module: str, family: str | None, params: dict[str, str], whole: bool) -> str:
    """Returns a summary. Raises InvalidSpec, or any exception that the user's module raises."""
    from luigi_run import loading

    if family is None:
        loading.import_user_module(module)
        return f"{module}: ok. Task families: {', '.join(loading.families(module)) or 'none'}."
    if whole:
        return f"{loading.display_name(loading.load_root(module, family, params))}: ok."
    cls = loading.load_class(module, family)
    loading.check_params(cls, params)
    required = loading.required_params(cls, params)
    return f"{family} of {module}: ok.{' Required parameters: ' + ', '.join(required) + '.' if required else ''}"


def check(path: list[str]) -> None:
    """In the new interpreter. The report of success is needed: user code may end the process with exit code 0."""
    request, result_fd = json.loads(sys.argv[1]), int(sys.argv[2])
    try:
        from luigi_run import loading  # noqa: F401  Luigi first, with the standard library first in the search path

        interpreter.use_path_of_user(path)
        print(_check(**request), flush=True)
        os.write(result_fd, _CHECKED)
    except InvalidSpec as invalid:
        print(invalid, file=sys.stderr)
        sys.exit(Verdict.InvalidSpec.value)
    except SystemExit as end:
        sys.exit(_bad_import(request, f"ended the process (SystemExit: {end}); do not exit there"))
