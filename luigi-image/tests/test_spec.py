# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The input: spec.schema.json, the parser and the golden example say the same, and errors say what to do."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from conftest import GOLDEN_SPEC, HERE, IMAGE, Flow

from luigi_run.spec import InvalidSpec, parse

SCHEMA = json.loads((IMAGE / "spec.schema.json").read_text())
# Values of every kind, and the edges of every bound in the schema.
VALUES: list[Any] = [None, True, -1, 0, 1, 1.5, "", "x", "Run", "Root", "None", "Incomplete", "Über/x", "a b"]
VALUES += ["x" * 33, "x" * 64, "x" * 65, "x" * 254, "x" * 4097, 256, 257, 767, 768, 4096, 4097, 86_401, 31_536_001]
VALUES += [1_000_001, 2**63 - 1, 2**63, 10**30, [], [""], ["x"], [1], ["x"] * 65, ["x"] * 257, {}, {"x": "y"}, {"x": 1}]
VALUES += [{str(n): "" for n in range(257)}]


def paths(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from paths(value, (*path, key))


def changed(path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    spec = copy.deepcopy(GOLDEN_SPEC)
    node = spec
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return spec


def refused(spec: Any) -> str | None:
    try:
        parse(json.dumps(spec).encode())
    except InvalidSpec as error:
        return str(error)
    return None


def test_the_golden_example_is_valid():
    spec = parse((HERE / "golden" / "spec.json").read_bytes())
    jsonschema.validate(GOLDEN_SPEC, SCHEMA)
    assert (spec.run, spec.attempt, spec.fence) == ("flights/ua-20130115", 1, 12)
    assert spec.params == {"date": "2013-01-15", "carrier": "UA"}
    assert (spec.workers, spec.grace_seconds, spec.deadline_seconds, spec.task_seconds) == (2, 120, 14400, 0)
    assert (spec.verify_root, spec.budget_bytes, spec.redact) == (True, 4000, ("DB_PASSWORD",))


@pytest.mark.parametrize("path", sorted(set(paths(GOLDEN_SPEC))), ids=".".join)
def test_schema_and_parser_agree(path):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    verdicts = set()
    for value in VALUES:
        spec = changed(path, value)
        error = refused(spec)
        assert (error is None) == validator.is_valid(spec), f"{'.'.join(path)} = {value!r}: {error}"
        verdicts.add(error is None)
        if error is not None and path:
            assert path[0] in error
    assert False in verdicts


def test_every_field_is_required():
    for path in paths(GOLDEN_SPEC):
        if path and path[:2] != ("task", "params"):
            spec = copy.deepcopy(GOLDEN_SPEC)
            node = spec
            for key in path[:-1]:
                node = node[key]
            del node[path[-1]]
            error = refused(spec)
            assert error is not None
            assert error.startswith(f"The spec lacks the field {'.'.join(path)}; add it (")
            assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(spec)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("schemaVersion",), 2, "schemaVersion is 2, and this image reads 1 only; use the Luigi image that belongs to"),
        (("workers",), "2", 'workers must be a whole number from 1 to 256, not a string "2"; correct it.'),
        (("workers",), True, "workers must be a whole number from 1 to 256, not a boolean true; correct it."),
        (("task", "famly"), "X", "has the unknown field task.famly; remove or correct it."),
        (
            ("timeouts", "graceSecond"),
            1,
            "unknown field timeouts.graceSecond; remove or correct it. Did you mean grace",
        ),
        (
            ("task", "params", "n"),
            5,
            "task.params.n must be a string of at most 4096 characters, not a number 5; correct",
        ),
        (("kind",), "Plan", 'kind must be Run, not a string "Plan"; correct it.'),
        (("verify",), "All", "verify must be Root or None"),
        (
            ("retry", "nonRetryableErrors"),
            "ValueError",
            "retry.nonRetryableErrors must be a list of at most 64 strings",
        ),
        (("redact",), [3], "redact[0] must be a string of 1 to 253 characters, not a number 3; correct it."),
        ((), [], "The spec must be an object with schemaVersion, run"),
    ],
)
def test_errors_say_what_to_do(path, value, sentence):
    assert sentence in (refused(changed(path, value)) or "")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"kind": "Run", "kind": "Run"}', "The field kind occurs twice"),
    ],
)
def test_what_is_no_json(raw, sentence):
    with pytest.raises(InvalidSpec, match=sentence):
        parse(raw)


def test_an_invalid_spec_is_a_verdict(flow: Flow):
    spec = flow.spec("Report")
    spec["workres"] = spec.pop("workers")
    result = flow.end(flow.start(spec))
    assert (result.code, result.message["verdict"], result.message["retry"]) == (50, "InvalidSpec", False)
    assert "unknown field workres; remove or correct it. Did you mean workers?" in result.fail["msg"]
    assert (result.message["phase"], result.message["run"], result.message["att"]) == ("start", "", 0)


def test_a_missing_spec_is_a_verdict(flow: Flow):
    flow.environment["LUIGI_RUN_SPEC"] = str(flow.home / "nowhere.json")
    result = flow.run("Report")
    assert result.code == 50
    assert "nowhere.json cannot be read (No such file or directory)" in result.fail["msg"]
    flow.environment["LUIGI_RUN_SPEC"] = ""
    assert "set LUIGI_RUN_SPEC" in flow.run("Report").fail["msg"]
