# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Descriptions of failures, from exceptions and from text."""

from __future__ import annotations

import traceback

import luigi
import pytest

from luigi_run import failure
from luigi_run.failure import from_exception, from_text
from luigi_run.progress import fail_block, fingerprint
from luigi_run.redact import Redactor

NOTHING = Redactor([], {})


class Custom(LookupError):
    """An exception whose message has several lines."""

    def __str__(self) -> str:
        return "first line\n  second: line\nlast line"


class BrokenMessage(Exception):
    def __str__(self) -> str:
        raise ValueError("no message")


def caught(error: BaseException) -> tuple[BaseException, str]:
    try:
        try:
            raise KeyError("the cause")
        except KeyError as cause:
            raise error from cause
    except BaseException as raised:
        return raised, traceback.format_exc()


@pytest.mark.parametrize(
    "error", [ValueError("bad"), ValueError(), Custom(), ConnectionResetError(104, "reset by peer"), SystemExit(3)]
)
def test_text_and_exception_have_the_same_description(error):
    raised, text = caught(error)
    described = from_exception(raised, "test_failure", NOTHING)
    assert from_text(text, "test_failure", NOTHING) == described
    assert described["frames"][0]["function"] == "caught"
    assert described["frames"][0]["user"]


def test_base_classes_have_both_names():
    described = from_exception(caught(Custom())[0], "test_failure", NOTHING)
    assert described["exc"] == "test_failure.Custom"
    assert described["mro"] == ["test_failure.Custom", "Custom", "LookupError"]


def test_an_exception_without_a_text():
    assert "cannot be formatted" in from_exception(caught(BrokenMessage())[0], "test_failure", NOTHING)["msg"]


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionResetError("reset"), True),
        (OSError("disk"), True),
        (TimeoutError(), True),
        (RuntimeError("HTTP Error 503: Service Unavailable"), True),
        (RuntimeError("An error occurred (500) when calling the operation"), True),
        (RuntimeError("HTTP Error 404: Not Found"), False),
        (RuntimeError("503 flights"), False),
        (ValueError("x"), False),
        (KeyError("x"), False),
    ],
)
def test_transient_errors(error, transient):
    assert from_exception(caught(error)[0], "test_failure", NOTHING)["transient"] is transient


def test_a_secret_is_masked_before_the_text_is_cut():
    redact = Redactor(["S"], {"S": "s" * 100})
    error = caught(ValueError("x" * 7950 + "s" * 100))[0]
    assert "s" not in from_exception(error, "test_failure", redact)["msg"]


def test_user_frames_come_first_and_lines_do_not_change_the_fingerprint():
    def frame(file, line, user):
        return {"file": file, "line": line, "function": "f", "user": user}

    failure = {"exc": "E", "msg": "m", "at": 5, "frames": [frame("lib.py", 1, False), frame("user.py", 2, True)]}
    block = fail_block(failure)
    assert block["trace"] == ["user.py:2 f", "lib.py:1 f"]
    assert block["where"] == "user.py:2 f"
    moved = {**failure, "msg": "other", "frames": [frame("lib.py", 9, False), frame("user.py", 7, True)]}
    assert fingerprint(moved) == fingerprint(failure)
    assert fingerprint({**failure, "exc": "F"}) != fingerprint(failure)
    assert fingerprint({**failure, "frames": [frame("elsewhere.py", 2, True)]}) != fingerprint(failure)


def clear_caches() -> None:
    failure._libraries.cache_clear()
    failure._is_user.cache_clear()


def test_packages_installed_next_to_luigi_are_not_user_code(monkeypatch):
    monkeypatch.setattr(luigi, "__file__", "/opt/luigi/luigi/__init__.py")
    clear_caches()
    assert not failure._is_user("/opt/luigi/tornado/ioloop.py", "flights")
    assert failure._is_user("/opt/flights/lib/flights/pipeline.py", "flights")
    clear_caches()
