# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Log lines, masking, and the environment of user code."""

from __future__ import annotations

import base64
import json
import random
import tempfile
import time
from collections.abc import Callable

import pytest
from conftest import Flow, wait_for
from hypothesis import given
from hypothesis import strategies as st

from luigi_run.logs import LONGEST_LINE, LineWrapper, Log, new_mark
from luigi_run.redact import MASK, Redactor

MARK = new_mark()
SECRET = 'p4ss"w\u00f6rd/\\+ x'


def wrapped(chunks: list[bytes], redact: Redactor | None = None) -> list[str]:
    """The messages that a LineWrapper logs for these chunks."""
    with tempfile.TemporaryFile() as file:
        log = Log(file.fileno())
        log.identify("n/r", 1, redact or Redactor([], {}))
        wrapper = LineWrapper(log, "T()", MARK)
        for chunk in chunks:
            wrapper.feed(chunk)
        wrapper.close()
        file.seek(0)
        return [json.loads(line)["msg"] for line in file]


@given(st.lists(st.text("aü\ud83d\ude00\n".encode("utf-16", "surrogatepass").decode("utf-16"), max_size=20)))
def test_lines_do_not_depend_on_the_chunks(texts):
    data = "".join(texts).encode()
    expected = [line for line in "".join(texts).split("\n") if line]
    assert wrapped([data]) == expected
    assert wrapped([data[index : index + 1] for index in range(len(data))]) == expected


def test_a_long_line_is_split_without_loss():
    data = ("\u00fc" * 50_000).encode()
    for size in (999, 65_536):
        parts = wrapped([data[index : index + size] for index in range(0, len(data), size)])
        assert "".join(parts) == data.decode()
        assert max(map(len, parts)) <= LONGEST_LINE


def test_a_split_does_not_reveal_a_secret():
    redact = Redactor(["S"], {"S": SECRET})
    for offset in range(LONGEST_LINE - 30, LONGEST_LINE + 5):
        text = "x" * offset + SECRET + "y" * LONGEST_LINE
        parts = wrapped([text[index : index + 999].encode() for index in range(0, len(text), 999)], redact)
        assert "".join(parts) == "x" * offset + MASK + "y" * LONGEST_LINE


def test_invalid_bytes_are_replaced():
    assert wrapped([b"a\xffb\n"]) == ["a?b"]


@pytest.mark.parametrize(
    "record",
    [
        "{broken",
        '{"level":"INFO","logger":"x","msg":{"rows":3}}',
        '{"level":1,"logger":"x","msg":"m"}',
        '{"msg":"m"}',
        '"text"',
        "null",
        "[" * 100_000,
        '{"msg":' * 50_000,
        "9" * 10_000,
    ],
)
def test_an_invalid_record_is_logged_as_output(record):
    """Also if a program repeats the mark: nothing that it writes may end the supervisor."""
    assert "".join(wrapped([f"{MARK}{record}\n".encode()])) == record


@given(
    st.lists(
        st.binary(max_size=40) | st.sampled_from([b"\x1e", MARK.encode(), b"{", b'"msg":"', b"\n", b"\r"]), max_size=30
    )
)
def test_any_output_becomes_valid_lines(chunks):
    for line in wrapped(chunks):
        assert isinstance(line, str)


@pytest.mark.parametrize("record", [b'{"level":"INFO","logger":"app","msg":"m"}', b'{"level":"info","msg":{"rows":3}}'])
def test_a_json_text_sequence_of_a_program_is_output(record):
    assert wrapped([b"\x1e" + record + b"\n"]) == ["\x1e" + record.decode()]


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        json.dumps({"password": SECRET}),
        repr({"password": SECRET}),
        "mysql://u:p4ss%22w%C3%B6rd%2F%5C%2B%20x@host",
        "user=u&password=p4ss%22w%C3%B6rd%2F%5C%2B+x",
        "/p4ss%22w%C3%B6rd/%5C%2B%20x/",
    ],
)
def test_secrets_are_masked_in_every_spelling(text):
    masked = Redactor(["DB_PASSWORD", "NOT_SET"], {"DB_PASSWORD": SECRET})(text)
    assert MASK in masked
    assert "p4ss" not in masked


ACCOUNT = {
    "type": "service_account",
    "private_key": "-----BEGIN KEY-----\nTUlJRW93SUJBQUtDQVFFQQ\n-----END KEY-----\n",
    "nested": [{"password": "hunter2-Pass", "pin": 48151623, "port": 5432, "on": True, "off": None}],
    "inner": json.dumps({"api": "sk-inner-0815"}),
    "url": "amqp://svc:r4bbit%2FMQ@broker:5672/v",
    "umlaut": "p\u00e4ssw\u00f6rd-x",
}


@pytest.mark.parametrize(
    ("secret", "part"),
    [
        *(
            (json.dumps(ACCOUNT, indent=indent), part)
            for indent in (None, 2)
            for part in (
                "hunter2-Pass",
                "TUlJRW93SUJBQUtDQVFFQQ",
                "48151623",
                "sk-inner-0815",
                "r4bbit%2FMQ",
                "r4bbit/MQ",
                "p\u00e4ssw\u00f6rd-x",
                str("p\u00e4ssw\u00f6rd-x".encode())[2:-1],
            )
        ),
        ("postgresql://svc:s3cr3t-part@db/x", "s3cr3t-part"),
        ("https://ghp_token4711@github.com/x.git", "ghp_token4711"),
        ("redis://:only/pass@word@cache:6379", "only/pass@word"),
        ("jdbc:mysql://u:p%40ssword@h/d?password=other-one", "p@ssword"),
        ("jdbc:mysql://h/d?user=u&password=other-one", "other-one"),
        ("host=db user=app password='with space' port=5432", "with space"),
        ("Endpoint=sb://x/;SharedAccessKey=Zm9vYmFy+/=;Entity=y", "Zm9vYmFy+/="),
        ("user: app\npassword: yaml-pass\n", "yaml-pass"),
        ("export API_TOKEN=dotenv-token\n", "dotenv-token"),
        ('["first-of-list", "second-of-list"]', "second-of-list"),
        ("-----BEGIN\\nabcdefgh\\n-----END", "abcdefgh"),
        ("a-very-long-secret-parameter", "a_very_long_secr"),
        ("p\u00e4ssw\u00f6rd-x", str("p\u00e4ssw\u00f6rd-x".encode())[2:-1]),
    ],
)
def test_parts_of_a_secret_are_masked(secret, part):
    redact = Redactor(["S"], {"S": secret})
    spellings = (part,) if "\\x" in part else (part, json.dumps(part)[1:-1], repr(part)[1:-1])
    for text in spellings:
        masked = redact(f"<{text}>")
        assert MASK in masked
        assert text not in masked


@pytest.mark.parametrize("word", ["true", "null", "5432", "svc"])
def test_ordinary_words_in_a_document_stay(word):
    secret = json.dumps({"user": "svc", "port": 5432, "tls": True, "ca": None, "password": "true"})
    assert Redactor(["S"], {"S": secret})(f"<{word}>") == f"<{word}>"


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=12), max_size=5), st.text(max_size=60))
def test_any_secret_is_masked_wherever_it_is(before, values, after):
    """Compared with a simple search for each value."""
    redact = Redactor([str(n) for n in range(len(values))], {str(n): value for n, value in enumerate(values)})
    for value in values:
        if len(value.strip()) >= 4 and value.strip().lower() not in ("true", "false", "null", "none"):
            masked = redact(f"{before}{value}{after}")
            assert value.strip() not in masked.replace(MASK, "\0") or value.strip() in MASK


@given(st.text(max_size=300) | st.recursive(st.text(), st.lists).map(json.dumps))
def test_any_text_can_be_a_secret(value):
    redact = Redactor(["S"], {"S": value})
    redact(value)
    assert 0 <= redact.safe_cut(value * 3, len(value)) <= len(value)


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


# Machines differ, so these tests compare times on one machine. They repeat: other processes can disturb a try.


def bundle(certificates: int) -> str:
    """Like a file of CA certificates."""
    random_bytes = random.Random(4711).randbytes
    lines = [base64.b64encode(random_bytes(48)).decode() for _ in range(certificates * 25)]
    parts = [lines[begin : begin + 25] for begin in range(0, len(lines), 25)]
    return "".join(
        "-----BEGIN CERTIFICATE-----\n" + "\n".join(part) + "\n-----END CERTIFICATE-----\n" for part in parts
    )


@pytest.mark.parametrize(
    "text",
    [
        "2013-01-15 12:00:00 INFO carrier UA has 1234 flights with a delay of 15.5 minutes\n",
        base64.b64encode(random.Random(1).randbytes(48)).decode() + "\n",
        bundle(60),
        "-" * 100,
        "-----BEGIN CERTIFICATE----!",
    ],
    ids=["text", "base64", "the secret", "dashes", "almost"],
)
def test_masking_takes_linear_time(text):
    redact = Redactor(["CA"], {"CA": bundle(60)})
    few = Redactor(["CA"], {"CA": bundle(6)})
    data = (text * (400_000 // len(text) + 1))[:400_000]
    part = data[:40_000]

    def takes(masks: Redactor, output: str) -> float:
        return cpu_seconds(lambda: masks(output))

    wait_for(lambda: takes(redact, part) < 4 * takes(few, part) + 0.1, "ten times the secrets")
    wait_for(lambda: takes(redact, data) < 25 * takes(redact, part) + 0.1, "ten times the text")


def test_the_preparation_of_masking_takes_linear_time():
    def takes(certificates: int) -> float:
        value = bundle(certificates)
        return cpu_seconds(lambda: Redactor(["CA"], {"CA": value}))

    wait_for(lambda: takes(60) < 25 * takes(6) + 0.1, "ten times the secrets")


def test_splitting_long_lines_takes_linear_time():
    """Also with a long secret: the line could contain it at any place."""
    value = base64.b64encode(random.Random(2).randbytes(200_000)).decode()

    def takes(characters: int, chunks: int) -> float:
        redact = Redactor(["S"], {"S": value[:characters]})
        return cpu_seconds(lambda: wrapped([b"x" * 65_536] * chunks, redact))

    assert sum(map(len, wrapped([b"x" * 65_536] * 16, Redactor(["S"], {"S": value})))) == 16 * 65_536
    wait_for(lambda: takes(200_000, 16) < 10 * takes(200_000, 4) + 0.1, "four times the text")
    wait_for(lambda: takes(200_000, 16) < 4 * takes(20_000, 16) + 0.1, "a secret of ten times the length")


def test_similar_secrets_do_not_make_masking_slow():
    def takes(count: int) -> float:
        secrets = {f"S{n}": "a" * (n + 100) + "b" for n in range(count)}
        redact = Redactor(list(secrets), secrets)
        return cpu_seconds(lambda: redact("a" * 20_000))

    wait_for(lambda: takes(200) < 25 * takes(20) + 0.1, "ten times the secrets")


def test_the_content_of_mounted_files_is_masked(flow: Flow):
    # As the kubelet mounts a Secret: links into a folder whose name begins with two dots.
    (flow.home / "secret" / "..2013").mkdir(parents=True)
    for name, content in {
        "token": b"mounted-token\n",
        "key.json": b'{"key": "mounted-leaf"}',
        "store": b"\0\1",
    }.items():
        (flow.home / "secret" / "..2013" / name).write_bytes(content)
        (flow.home / "secret" / name).symlink_to(f"..2013/{name}")
    (flow.home / "secret" / "..2013" / "a").mkdir()
    (flow.home / "secret" / "..2013" / "a" / "b").write_text("mounted-below")
    (flow.home / "secret" / "a").symlink_to("..2013/a")
    (flow.home / "single").write_text("mounted-single")
    paths = [str(flow.home / name) for name in ("secret", "single", "nowhere")]
    result = flow.run("PrintsFiles", task={"module": "flows.unusual"}, redactFiles=paths)
    assert result.verdict() == (30, "TaskFailed", True)
    assert result.lines("PrintsFiles()")[:3] == [MASK, MASK, f"leaf {MASK}"]
    assert result.fail["msg"] == f"with {MASK}"
    assert "mounted-" not in result.output
    assert any(f"The content of {paths[2]} is not masked completely" in line["msg"] for line in result.logs)


def test_a_secret_of_several_lines_is_masked_line_by_line():
    redact = Redactor(["KEY"], {"KEY": "-----BEGIN\nabcdef\n-----END\n"})
    assert redact("key: abcdef") == f"key: {MASK}"


def test_short_values_are_listed_and_not_masked():
    redact = Redactor(["A", "B"], {"A": "abc", "B": ""})
    assert redact.too_short == ["A"]
    assert redact("abc") == "abc"


@pytest.mark.parametrize("workers", [1, 3])
def test_no_secret_leaves_an_attempt(flow: Flow, workers):
    flow.environment["DB_PASSWORD"] = SECRET
    result = flow.run("Fails", {"how": "secret"}, workers=workers)
    assert result.fail["msg"] == f"cannot log in with {MASK} to the database"
    assert "p4ss" not in result.output
    assert "p4ss" not in flow.termination.read_text()


def test_a_secret_parameter_value_is_masked_in_names(flow: Flow):
    flow.environment["DB_PASSWORD"] = "hunter2secret"
    result = flow.run("Fails", {"how": "hunter2secret"})
    assert result.fail["task"] == f"Fails(how={MASK})"
    assert "hunter2secret" not in result.output
    assert "hunter2secret" not in flow.termination.read_text()


COPIED = {
    "S3_KEY": "wJalrXUtnFEMI/K7MDENG+x\n",
    "S3_CERTIFICATE": "-----BEGIN\nMIIBszCCAVmg\n-----END\n",
    "S3_RAW": "caf\udce9 \udc80bytes",
    "S3_PIN": "123",
    "DB_PASSWORD": "the value from envFrom",
}


def test_the_values_of_copies_are_masked():
    environment = COPIED | {f"LUIGI_RUN_SECRET_{name}": value for name, value in COPIED.items()}
    environment["DB_PASSWORD"] = SECRET
    redact = Redactor(["DB_PASSWORD", "S3_PIN"], environment)
    for text in ("wJalrXUtnFEMI/K7MDENG+x", "MIIBszCCAVmg", "caf\udce9 \udc80bytes", "caf%E9%20%80bytes", SECRET):
        assert redact(f"<{text}>") == f"<{MASK}>"
    assert redact(COPIED["DB_PASSWORD"]) == MASK
    assert redact.too_short == ["S3_PIN"]
    assert redact("123") == "123"


@pytest.mark.parametrize("workers", [1, 3])
def test_no_variable_of_a_whole_secret_leaves_an_attempt(flow: Flow, workers):
    flow.environment = {"PLAIN": "not secret"} | COPIED
    flow.environment |= {f"LUIGI_RUN_SECRET_{name}": value for name, value in COPIED.items()}
    result = flow.run("FailingProgram", workers=workers)
    assert result.fail["exc"] == "luigi.contrib.external_program.ExternalProgramRunError"
    assert "PLAIN='not secret'" in result.fail["msg"], "the message contains the environment"
    written = result.output + flow.termination.read_text()
    for secret in ("wJalrXUtnFEMI", "MIIBszCCAVmg", "bytes", "the value from envFrom"):
        assert secret not in written
    assert "LUIGI_RUN_SECRET" not in written, "only the runner may see a copy"
    assert any("The value of S3_PIN is too short to be masked" in line["msg"] for line in result.logs)


def test_a_long_parameter_does_not_multiply_the_log(flow: Flow):
    result = flow.run("Chatty", task={"module": "flows.unusual"})
    assert result.verdict() == (0, "Succeeded", False)
    lines = [line for line in result.logs if line["msg"].startswith("line ")]
    assert len(lines) == 1000
    assert {len(line["task"]) for line in lines} == {200}
    assert len(result.output) < 500_000, "the parameter alone has 90 kB"


def test_a_secret_at_the_cut_of_a_task_name_is_masked(flow: Flow):
    flow.environment["DB_PASSWORD"] = "hunter2secret"
    for offset in (170, 180, 185):
        result = flow.run("Fails", {"how": "x" * offset + "hunter2secret"})
        assert "hunter2" not in result.output


def test_all_failures_are_in_one_summary(flow: Flow):
    result = flow.run("ManyFail", task={"module": "flows.unusual"}, workers=3)
    assert result.n["failed"] == 60
    parts = [line["msg"].splitlines() for line in result.logs if line["msg"].startswith("Failed tasks (")]
    assert [len(part) for part in parts] == [51, 11]
    for n in range(60):
        found = [line for part in parts for line in part if line.startswith(f"FailsWith(n={n}): ")]
        assert len(found) == 1
        assert f"KeyError: 'reason {n}' (flows/unusual.py:" in found[0]


def test_tasks_that_could_not_be_scheduled_are_in_the_summary(flow: Flow):
    result = flow.run("AboveCompleteRaises")
    assert any(line["msg"].startswith("Failed tasks:\nCompleteRaises(how=code): KeyError") for line in result.logs)


def test_the_log_says_whether_anything_ran(flow: Flow):
    assert flow.run("Report").logs[-1]["msg"] == "Succeeded: 4 tasks ran, 0 tasks were complete before"
    assert flow.run("Report").logs[-1]["msg"] == "Succeeded, nothing ran: 1 task was complete before this attempt"


def test_a_private_parameter_is_in_no_task_name(flow: Flow):
    result = flow.run("Report", {"password": "not in any name"})
    assert all("not in any name" not in line["task"] for line in result.logs)


def test_output_and_records_carry_their_task(flow: Flow):
    flow.environment["DB_PASSWORD"] = SECRET
    result = flow.run("Talks")
    lines = result.lines("Talks()")
    assert lines[:3] == ["printed by the task", "printed by a program", f"the password is {MASK}"]
    assert "".join(lines[3:]) == "x" * 40_000
    (record,) = [line for line in result.logs if line["logger"] == "flows"]
    assert (record["level"], record["msg"], record["task"]) == ("WARNING", "logged by the task", "Talks()")
    assert {(line["run"], line["attempt"]) for line in result.logs} == {("flights/ua-20130115", 1)}


def test_user_code_sees_the_identity_of_its_run(flow: Flow):
    result = flow.run("Environment", timeouts={"deadlineSeconds": 600})
    (output,) = flow.home.glob("Environment_*.out")
    seen = dict(line.split("=") for line in output.read_text().splitlines())
    assert seen == {
        "NAMESPACE": "flights",
        "NAME": "ua-20130115",
        "UID": "8a6c2f0e-3c1b-4f52-9a55-0d6b8f1f7c11",
        "ATTEMPT": "1",
        "FENCE": "12",
        "DATE": "2013-01-15",
        "DEADLINE": str(result.message["t0"] + 600),
        "SPEC": "None",
        "TERMINATION_LOG": "None",
        "SIGUSR1": "SIG_DFL",  # a task does not have the handler of the Luigi process
    }
