# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The spec: spec.schema.json, the parser and the golden example agree, and errors say what to do."""

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
FULL_SPEC = {**GOLDEN_SPEC, "redactFiles": ["/etc/orders/certificates"]}


def bounds(schema: Any, *names: str) -> set[int]:
    """Every bound of these names, with its neighbours."""
    found = {schema[name] for name in names if name in schema}
    inner = set().union(*(bounds(value, *names) for value in schema.values() if isinstance(value, dict)))
    return inner | {bound + step for bound in found for step in (-1, 0, 1)}


# Values of every type, and both sides of every bound in the schema.
VALUES: list[Any] = [None, True, 1.5, "", "Run", "Root", "None", "Incomplete", "Über/x", "a b", 10**30]
VALUES += [[], [""], ["x"], [1], {}, {"x": "y"}, {"x": 1}]
LENGTHS = sorted(bounds(SCHEMA, "minLength", "maxLength"))
VALUES += ["x" * length for length in LENGTHS] + [["x" * length] for length in LENGTHS]
VALUES += sorted(bounds(SCHEMA, "minimum", "maximum"))
VALUES += [["x"] * items for items in sorted(bounds(SCHEMA, "maxItems"))]
VALUES += [{str(n): "" for n in range(size)} for size in sorted(bounds(SCHEMA, "maxProperties"))]


def paths(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from paths(value, (*path, key))


def changed(path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    spec = copy.deepcopy(FULL_SPEC)
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
    assert (spec.verify_root, spec.budget_bytes, spec.redact) == (True, 1952, ("DB_PASSWORD",))


@pytest.mark.parametrize("path", sorted(set(paths(FULL_SPEC))), ids=".".join)
def test_schema_and_parser_agree(path):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    results = set()
    for value in VALUES:
        spec = changed(path, value)
        error = refused(spec)
        assert (error is None) == validator.is_valid(spec), f"{'.'.join(path)} = {value!r}: {error}"
        results.add(error is None)
        if error is not None and path:
            assert path[0] in error
    assert False in results


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
            assert error.startswith(f"The field {'.'.join(path)} is missing in the spec; add it (")
            assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(spec)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            ("schemaVersion",),
            2,
            "schemaVersion is 2, but this image supports only 1; use the Luigi image of the same version as",
        ),
        (("workers",), "2", 'workers must be an integer from 1 to 256, not a string "2"; correct it.'),
        (("workers",), True, "workers must be an integer from 1 to 256, not a boolean true; correct it."),
        (("task", "famly"), "X", "contains the unknown field task.famly; correct or remove it."),
        (
            ("timeouts", "graceSecond"),
            1,
            "unknown field timeouts.graceSecond; correct or remove it. Did you mean grace",
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
            "retry.nonRetryableErrors must be a list of at most 32 strings",
        ),
        (("redact",), [3], "redact[0] must be a string of 1 to 255 characters, not a number 3; correct it."),
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
def test_invalid_json(raw, sentence):
    with pytest.raises(InvalidSpec, match=sentence):
        parse(raw)


def test_an_invalid_spec_is_a_verdict(flow: Flow):
    spec = flow.spec("Report")
    spec["workres"] = spec.pop("workers")
    result = flow.end(flow.start(spec))
    assert (result.code, result.message["verdict"], result.message["retry"]) == (50, "InvalidSpec", False)
    assert "unknown field workres; correct or remove it. Did you mean workers?" in result.fail["msg"]
    assert (result.message["phase"], result.message["run"], result.message["att"]) == ("start", "", 0)


def test_a_missing_spec_is_a_verdict(flow: Flow):
    flow.environment["LUIGI_RUN_SPEC"] = str(flow.home / "nowhere.json")
    result = flow.run("Report")
    assert result.code == 50
    assert "nowhere.json cannot be read (No such file or directory)" in result.fail["msg"]
    flow.environment["LUIGI_RUN_SPEC"] = ""
    assert "set LUIGI_RUN_SPEC" in flow.run("Report").fail["msg"]
