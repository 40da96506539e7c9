# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""The termination message: always complete, within its budget, and shortened in the documented order."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import HERE, IMAGE, TERMINATION_SCHEMA, Flow
from hypothesis import given, settings
from hypothesis import strategies as st

from luigi_run import message

ORDER = ["slow", "missing", "trace", "msg", "failed", "running", "names"]

# All of Unicode with lone surrogates and control characters, because file names and messages may contain anything.
characters = st.characters(exclude_categories=()) | st.sampled_from('\u00fc\n"\\\ud800\x00x')
texts = st.text(characters, max_size=40) | st.builds(str.__mul__, st.text(characters, max_size=3), st.integers(0, 3000))
identifiers = st.text("abcXYZ019._:+/=-", max_size=40)
names = st.text("abc019-", min_size=1, max_size=63)
count = st.integers(0, 10**6)


def messages(fail=None):
    fails = st.fixed_dictionaries(
        {
            "task": texts,
            "id": texts,
            "at": count,
            "exc": texts,
            "msg": texts,
            "where": texts,
            "trace": st.lists(texts, max_size=60),
            "count": st.integers(1, 10**6),
            "fp": st.text("0123456789abcdef", min_size=12, max_size=12),
        }
    )
    return st.fixed_dictionaries(
        {
            "v": st.just(1),
            "final": st.booleans(),
            "verdict": st.sampled_from([None, "TaskFailedPermanent"]),
            "exit": st.sampled_from([None, 31]),
            "retry": st.sampled_from([None, False]),
            "att": st.integers(1, 10**6),
            "tok": identifiers,
            "n": st.fixed_dictionaries(dict.fromkeys(TERMINATION_SCHEMA["properties"]["n"]["required"], count)),
            "phase": st.just("verify"),
            "uid": identifiers,
            "t0": st.just(1_358_301_600),
            "t1": st.just(1_358_301_600),
            "luigi": st.just("3.8.1"),
            "run": st.builds("{}/{:.52}".format, names, names),
            "fail": fails if fail else st.none() | fails,
            "missing": st.lists(texts, max_size=40),
            "running": st.lists(texts, max_size=40),
            "failed": st.lists(texts, max_size=20),
            "slow": st.lists(st.tuples(texts, count).map(list), max_size=10),
            "cut": st.just([]),
        }
    )


@settings(max_examples=200)
@given(messages(), st.integers(768, 4096))
def test_always_valid_and_within_the_budget(full, budget):
    line = message.encode(full, budget)
    assert len(line) <= budget
    assert line.isascii()
    assert line.count(b"\n") == 1
    slim = json.loads(line)
    jsonschema.validate(slim, TERMINATION_SCHEMA)
    # Fields that the operator needs for its decisions are never shortened.
    for key in ("v", "final", "verdict", "exit", "retry", "phase", "run", "uid", "att", "tok", "luigi", "n"):
        assert slim[key] == full[key]
    # Strict JSON parsers refuse lone surrogates, even escaped ones.
    json.dumps(slim, ensure_ascii=False).encode("utf-8")


def parsed_prefix(line: bytes) -> dict[str, Any]:
    """The complete fields of a message that was cut at any byte."""
    text = line.decode().rpartition(",")[0]
    return json.loads(text + "}" * (text.count("{") - text.count("}")))


@settings(max_examples=200)
@given(messages(), st.integers(message.PREFIX_BYTES, 768))
def test_the_fields_for_decisions_survive_any_cut(full, length):
    # Without texts, which may contain braces and commas.
    full |= {"fail": None, "missing": [], "running": [], "failed": [], "slow": []}
    kept = parsed_prefix(message.encode(full, 2000)[:length])
    for key in ("v", "final", "verdict", "exit", "retry", "att", "tok"):
        assert kept[key] == full[key]
    for key in ("failed", "ran", "complete"):
        assert kept["n"][key] == full["n"][key]


def test_the_longest_fields_for_decisions_fit_the_prefix():
    full = json.loads((HERE / "golden" / "termination.json").read_text())
    full |= {
        "final": False,
        "verdict": "TaskFailedPermanent",
        "exit": 31,
        "retry": False,
        "att": 10**6,
        "tok": "t" * 40,
    }
    full["n"] = dict.fromkeys(full["n"], 10**6)
    kept = parsed_prefix(message.encode(full, 2000)[: message.PREFIX_BYTES])
    assert {"v", "final", "verdict", "exit", "retry", "att", "tok", "n"} <= set(kept)
    assert {"failed", "ran", "complete"} <= set(kept["n"])


@settings(max_examples=200)
@given(messages(fail=True), st.integers(768, 4096))
def test_fields_are_shortened_in_the_documented_order(full, budget):
    line = message.encode(full, budget)
    slim = json.loads(line)
    assert slim["cut"] == [step for step in ORDER if step in slim["cut"]]
    # A field is shortened only after all earlier ones are at their minimum.
    for index, step in enumerate(slim["cut"][:-1]):
        assert ORDER.index(step) < ORDER.index(slim["cut"][index + 1])
        if step == "trace":
            assert slim["fail"]["trace"] == []
        elif step == "msg":
            assert len(slim["fail"]["msg"]) <= 163
        else:
            assert slim[step] == []
    if "msg" in slim["cut"]:
        assert len(json.dumps(slim["fail"]["msg"])) < len(json.dumps(full["fail"]["msg"]))
    if slim["cut"] and slim["cut"][-1] == "msg":
        # Not shortened more than necessary: one more character (at most 12 bytes) and the dots would not fit.
        assert budget - len(line) <= 15


def test_the_worst_identity_fits_the_smallest_budget():
    text = '"' * 500
    full = json.loads((HERE / "golden" / "termination.json").read_text())
    full |= {"run": f"{'n' * 63}/{'r' * 52}", "uid": "u" * 40, "tok": "t" * 40, "att": 10**6}
    full |= {
        "verdict": "TaskFailedPermanent",
        "phase": "verify",
        "n": dict.fromkeys(full["n"], 10**6),
        "missing": [text] * 20,
    }
    full["fail"] |= {"task": text, "id": text, "exc": text, "msg": text, "where": text, "trace": [text], "count": 10**6}
    full |= {"running": [text] * 20, "failed": [text] * 10, "slow": [[text, 10**6]] * 5}
    line = message.encode(full, 768)
    assert len(line) <= 768
    jsonschema.validate(json.loads(line), TERMINATION_SCHEMA)


def test_a_short_message_that_is_shortened_last_is_listed_in_order():
    full = json.loads((HERE / "golden" / "termination.json").read_text())
    full["fail"] |= dict.fromkeys(("task", "id", "where", "exc"), "n" * 150) | {"msg": "\x1f" * 150}
    full["running"] = ["r" * 150]
    slim = json.loads(message.encode(full, 900))
    assert slim["cut"] == [step for step in ORDER if step in slim["cut"]]
    assert {"msg", "running", "names"} <= set(slim["cut"])


def test_golden_messages_are_encoded_unchanged():
    paths = list((HERE / "golden").glob("termination*.json"))
    assert paths
    for path in paths:
        full = json.loads(path.read_text())
        assert message.encode(full, 4000) == path.read_bytes()


def test_rewritten_in_place(tmp_path: Path):
    path = tmp_path / "log"
    path.write_bytes(b"")
    inode = path.stat().st_ino
    log = message.TerminationLog({message.ENVIRONMENT_NAME: str(path)})
    for line in (b'{"a":"long"}\n', b'{"a":1}\n', b'{"a":"longer still"}\n'):
        log.write(line)
        assert path.read_bytes() == line
    assert path.stat().st_ino == inode


def test_a_kill_between_write_and_truncate_leaves_one_complete_message(tmp_path: Path, monkeypatch):
    path = tmp_path / "log"
    log = message.TerminationLog({message.ENVIRONMENT_NAME: str(path)})
    log.write(b'{"a":"a long message"}\n')
    monkeypatch.setattr(os, "ftruncate", lambda _fd, _length: None)
    log.write(b'{"a":1}\n')
    assert json.loads(path.read_bytes()) == {"a": 1}


@pytest.mark.parametrize("room", [0, 5, 30])
def test_a_write_after_a_failed_write_succeeds(tmp_path: Path, monkeypatch, room):
    path = tmp_path / "log"
    log = message.TerminationLog({message.ENVIRONMENT_NAME: str(path)})
    log.write(b'{"a":"a message"}\n')
    write = os.pwrite

    def full(fd, data, offset):
        if offset >= room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[: room - offset], offset)

    monkeypatch.setattr(os, "pwrite", full)
    log.write(b'{"a":"a longer message that has no room"}\n')
    monkeypatch.setattr(os, "pwrite", write)
    with monkeypatch.context() as killed:
        killed.setattr(os, "ftruncate", lambda _fd, _length: None)
        log.write(b'{"a":1}\n')
        assert json.loads(path.read_bytes()) == {"a": 1}
    log.write(b'{"a":1}\n')
    assert path.read_bytes() == b'{"a":1}\n'


def test_a_partial_write_is_continued(tmp_path: Path, monkeypatch):
    path = tmp_path / "log"
    log = message.TerminationLog({message.ENVIRONMENT_NAME: str(path)})
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: write(fd, data[:5], offset))
    log.write(b'{"a":"a message"}\n')
    assert path.read_bytes() == b'{"a":"a message"}\n'


def test_without_a_file_nothing_is_written(tmp_path: Path):
    log = message.TerminationLog({message.ENVIRONMENT_NAME: str(tmp_path / "no such folder" / "log")})
    log.write(b"{}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_huge_failure_fits(flow: Flow):
    result = flow.run("Fails", {"how": "huge"}, report={"budgetBytes": 1024})
    assert result.code == 30
    assert "msg" in result.message["cut"]
    assert len(flow.termination.read_bytes()) <= 1024
    assert result.fail["exc"] == "RuntimeError"


def test_rolling_messages_are_complete_at_any_time(flow: Flow):
    process = flow.start(flow.spec("Crowd", workers=3))
    seen = set()
    while process.poll() is None:
        rolling = flow.rolling()
        if rolling:
            seen.add((rolling["final"], rolling["n"]["ran"]))
    result = flow.end(process)
    assert result.n["ran"] == 41
    assert len([ran for final, ran in seen if not final and 0 < ran < 41]) >= 1, "the messages showed progress"


def test_at_most_one_write_a_second_for_changes(flow: Flow):
    trace = flow.home / "writes"
    counter = (
        "import os, runpy, sys, time\n"
        "write = os.pwrite\n"
        f"def counted(*args):\n    open({str(trace)!r}, 'a').write(f'{{time.monotonic()}}\\n'); return write(*args)\n"
        "os.pwrite = counted\n"
        "sys.argv = ['luigi_run', 'run']\n"
        "runpy.run_module('luigi_run', run_name='__main__', alter_sys=True)\n"
    )
    spec = flow.home / "spec.json"
    spec.write_text(json.dumps(flow.spec("Crowd", workers=3)))
    subprocess.run(
        [sys.executable, "-c", counter],
        env={
            **os.environ,
            "PYTHONPATH": f"{IMAGE}{os.pathsep}{HERE}",
            "FLOWS_DIR": str(flow.home),
            "LUIGI_RUN_SPEC": str(spec),
            "LUIGI_RUN_TERMINATION_LOG": str(flow.termination),
        },
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    times = [float(line) for line in trace.read_text().split()]
    # Written immediately: at the start, after reading the spec, at start and end of both phases, and the final message.
    seconds = times[-1] - times[0]
    assert len(times) <= 7 + seconds
    assert len(times) >= 7
