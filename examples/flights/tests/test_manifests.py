# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The YAML files use existing tasks, parameters, clients and dates, and behave as their comments say."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import luigi
import pytest
import yaml
from luigi.task_register import load_task

from .conftest import run

FOLDER = Path(__file__).parent.parent
IMAGE = "luigi-operator/flights:0.1.0"
Object = dict[str, Any]


def objects(name: str) -> list[Object]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def pairs(entries: list[Object] | None) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in entries or []}


ALL = [item for path in sorted(FOLDER.glob("*.yaml")) for item in objects(path.name)]
RUNS = [item for item in ALL if item["kind"] == "PipelineRun"]
SCHEDULE = next(item for item in ALL if item["kind"] == "PipelineSchedule")
PIPELINES = [SCHEDULE["spec"]["pipeline"], *(item["spec"]["pipeline"] for item in RUNS if "pipeline" in item["spec"])]


def name_of(item: Object) -> str:
    return item["metadata"]["name"]


def resolve(item: Object) -> luigi.Task:
    """The root task of a run, created from strings with the precedence that the operator uses."""
    spec = item["spec"]
    own = pairs(spec.get("parameters"))
    if "scheduleRef" in spec:
        assert spec["scheduleRef"] == {"name": name_of(SCHEDULE)}
        pipeline = SCHEDULE["spec"]["pipeline"]
        client = next(entry for entry in SCHEDULE["spec"]["clients"] if entry["id"] == spec["client"])
        assert set(own) <= set(pipeline["allow"]["parameters"])
        parameters = pairs(pipeline["parameters"]) | pairs(client.get("parameters")) | own
    else:
        pipeline = spec["pipeline"]
        parameters = pairs(pipeline.get("parameters")) | own
    parameters[pipeline["clientParameter"]] = spec["client"]
    parameters[pipeline.get("dateParameter", "date")] = spec["date"]
    return task(pipeline, parameters)


def task(pipeline: Object, parameters: dict[str, str]) -> luigi.Task:
    made = load_task(pipeline["task"]["module"], pipeline["task"]["family"], parameters)
    # Luigi ignores unknown names.
    assert set(parameters) <= {name for name, _ in made.get_params()}
    return made


def test_every_object_is_in_the_namespace_and_no_name_is_used_twice() -> None:
    names = [(item["kind"], name_of(item)) for item in ALL]
    assert len(set(names)) == len(names)
    assert {item["metadata"].get("namespace") for item in ALL if item["kind"] != "Namespace"} == {"flights"}
    assert [name_of(item) for item in ALL if item["kind"] == "Namespace"] == ["flights"]


def scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from scalars(part)
    else:
        for pair in node.value:
            for part in pair:
                yield from scalars(part)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_names_that_look_like_numbers_are_quoted(path: Path) -> None:
    """PyYAML reads 9e-20130130 as a string, kubectl as a number."""
    for document in yaml.compose_all(path.read_text(encoding="utf-8")):
        for scalar in scalars(document):
            plain_string = scalar.style is None and scalar.tag == "tag:yaml.org,2002:str"
            assert not (plain_string and is_number(scalar.value)), scalar.value


@pytest.mark.parametrize("item", RUNS, ids=name_of)
def test_a_run_uses_existing_names(item: Object) -> None:
    root = resolve(item)
    assert root.carrier == item["spec"]["client"]
    assert root.date.isoformat() == item["spec"]["date"]


def test_schedule_lists_the_carriers_of_the_data(prepared: Path) -> None:
    with closing(sqlite3.connect(prepared)) as connection:
        carriers = [carrier for (carrier,) in connection.execute("SELECT carrier FROM airlines ORDER BY carrier")]
    assert [client["id"] for client in SCHEDULE["spec"]["clients"]] == carriers
    for client in SCHEDULE["spec"]["clients"]:
        task(
            SCHEDULE["spec"]["pipeline"],
            {"carrier": client["id"], "date": "2013-01-30"} | pairs(client.get("parameters")),
        )


def test_allowed_parameters_are_parameters_of_the_root() -> None:
    pipeline = SCHEDULE["spec"]["pipeline"]
    known = {name for name, _ in task(pipeline, {"carrier": "UA", "date": "2013-01-30"}).get_params()}
    assert set(pipeline["allow"]["parameters"]) <= known


@pytest.mark.parametrize("pipeline", PIPELINES, ids=["schedule", "inline"])
def test_pipelines_write_to_the_claim_where_the_tasks_write(pipeline: Object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLIGHTS_OUT", raising=False)
    assert pipeline["image"] == IMAGE
    [claim] = [item for item in ALL if item["kind"] == "PersistentVolumeClaim"]
    [volume] = pipeline["volumes"]
    [mount] = pipeline["volumeMounts"]
    assert volume["persistentVolumeClaim"]["claimName"] == name_of(claim)
    assert mount["name"] == volume["name"]
    output = task(pipeline, {"carrier": "UA", "date": "2013-01-30"}).output()
    assert Path(output.path).is_relative_to(mount["mountPath"])


def test_rerun_is_about_ten_lines() -> None:
    text = (FOLDER / "rerun.yaml").read_text(encoding="utf-8").splitlines()
    assert len([line for line in text if not line.startswith("#")]) <= 10


def test_runs_have_one_carrier_twice() -> None:
    clients = [item["spec"]["client"] for item in objects("runs.yaml")]
    assert len(clients) == 9
    assert clients[0] == clients[-1]
    assert len(set(clients)) == 8


def test_broken_data_fails_with_an_error_that_is_not_retried(out: Path) -> None:
    [item] = objects("broken-data.yaml")
    failed = run(resolve(item)).failed
    assert [type(error).__name__ for error in failed.values()] == SCHEDULE["spec"]["pipeline"]["retry"][
        "nonRetryableErrors"
    ]


def test_unreliable_succeeds_with_the_last_attempt_it_has(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [item] = objects("unreliable.yaml")
    root = resolve(item)
    attempts = SCHEDULE["spec"]["pipeline"]["retry"]["maxAttempts"]
    for attempt in range(1, attempts + 1):
        monkeypatch.setenv("LUIGI_RUN_ATTEMPT", str(attempt))
        assert (run(root).failed == {}) == (attempt == attempts)


def closed(schema: Any) -> Any:
    """The schema of a CRD with strict validation, as in the API server: unknown fields are errors."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        parts.setdefault("additionalProperties", False)
    return parts


@pytest.mark.parametrize("item", [SCHEDULE, *RUNS], ids=name_of)
def test_object_fits_the_schema_of_its_definition(item: Object) -> None:
    group, version = item["apiVersion"].split("/")
    path = FOLDER.parent.parent / "crds" / f"{item['kind'].lower()}s.{group}.yaml"
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    [schema] = [
        entry["schema"]["openAPIV3Schema"] for entry in definition["spec"]["versions"] if entry["name"] == version
    ]
    validator = jsonschema.Draft202012Validator(closed(schema["properties"]["spec"]))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(item["spec"])] == []
