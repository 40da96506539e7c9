# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""What is read from the operator, from the garbage collector and from MySQL's connection."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from benchmark import metrics, places
from benchmark.gc_log import allocated_mebibytes, freed_bytes
from benchmark.operator_process import CONTEXT, aot_command, command_of_image
from benchmark.processes import BenchmarkError
from benchmark.round_trips import RoundTripProxy

GARBAGE_LOG = """\
[0.031s][info][gc] Using Serial
[2.375s][info][gc] GC(0) Pause Young (Allocation Failure) 8M->2M(30M) 5.750ms
[3.499s][info][gc] GC(1) Pause Young (Allocation Failure) 11M->3M(30M) 5.394ms
[9.120s][info][gc] GC(2) Pause Full (Metadata GC Threshold) 900K->400K(30M) 40.1ms
"""

METRICS = """\
# HELP jvm_memory_used_bytes The amount of used memory
jvm_memory_used_bytes{area="heap",id="Eden Space"} 1048576.0
jvm_memory_used_bytes{area="heap",id="Tenured Gen"} 2.097152E6
jvm_memory_used_bytes{area="nonheap",id="Metaspace"} 5.0E7
luigi_operator_store_calls_seconds_bucket{call="load",outcome="ok",store="ledger",le="0.01"} 3
luigi_operator_store_calls_seconds_count{call="load",outcome="ok",store="ledger"} 12
luigi_operator_store_calls_seconds_sum{call="load",outcome="ok",store="ledger"} 0.5
luigi_operator_store_calls_seconds_count{call="load",outcome="failed",store="ledger"} 2
luigi_operator_store_calls_seconds_count{call="createJob",outcome="ok",store="kubernetes"} 4
luigi_operator_ticks_delay_seconds_bucket{le="0.5"} 3
luigi_operator_ticks_delay_seconds_count 4
luigi_operator_ticks_delay_seconds_sum 2.5
luigi_operator_leader 1.0
"""


def test_allocated():
    assert freed_bytes(GARBAGE_LOG) == (6 + 8) * 2**20 + 500 * 2**10
    assert allocated_mebibytes(2 * 2**20, 5 * 2**20, GARBAGE_LOG) == pytest.approx(17.49, abs=0.01)
    assert allocated_mebibytes(0, 2**20, "") == 1


def test_metrics():
    parsed = metrics.parse(METRICS)
    assert parsed.calls == {"ledger.load": 12, "kubernetes.createJob": 4}
    assert parsed.call_seconds == {"ledger.load": 0.5}
    assert parsed.heap_bytes == 3 * 2**20
    assert (parsed.ticks, parsed.tick_delay_seconds) == (4, 2.5)


def test_the_command_of_the_image():
    dockerfile = (
        'FROM debian\nCOPY runtime /opt/java\nCOPY app /opt/it\nENTRYPOINT ["/opt/java/bin/java", \\\n'
        '    "-XX:AOTCache=/opt/it/it.aot", "-jar", "/opt/it/it.jar"]\n'
    )
    assert command_of_image(dockerfile, Path("/context")) == [
        "/context/runtime/bin/java",
        "-XX:AOTCache=/context/app/it.aot",
        "-jar",
        "/context/app/it.jar",
    ]
    with pytest.raises(BenchmarkError, match="ENTRYPOINT"):
        command_of_image("ENTRYPOINT java -jar it.jar\n", Path("/context"))


def test_the_command_of_the_operators_own_image():
    command = command_of_image((places.REPOSITORY / "operator" / "Dockerfile").read_text(), Path("/context"))
    assert command[0] == "/context/runtime/bin/java"
    assert command[-1] == "/context/app/luigi-operator.jar"
    assert not [part for part in command if "/opt/" in part]


def test_the_training_uses_the_command_of_the_image():
    java, *options = aot_command("-XX:AOTMode=record")
    image = command_of_image((places.REPOSITORY / "operator" / "Dockerfile").read_text(), CONTEXT)
    assert java == image[0]
    assert [option for option in options if "AOT" in option] == ["-XX:AOTMode=record"]
    assert [option for option in options if "AOT" not in option] == [part for part in image[1:] if "AOT" not in part]


class Server:
    """Greets, then answers each block it receives."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection:
            connection.sendall(b"hello")
            while connection.recv(100):
                connection.sendall(b"answer")

    def close(self):
        self._listener.close()


def test_round_trips():
    server = Server()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    proxy = RoundTripProxy(port, server.port)
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert client.recv(100) == b"hello"
        assert proxy.count == 0
        for number in range(1, 4):
            client.sendall(b"statement")
            assert client.recv(100) == b"answer"
            assert proxy.count == number
    proxy.stop()
    server.close()
