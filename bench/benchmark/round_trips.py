# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy between operator and MySQL that counts round trips.

MySQL counts statements, but not how many of them came in one packet. The proxy counts how often the client sends
something after the server has answered, which works through TLS and however the statements are packed. It costs CPU
time, so it is used where counts are measured and not where times are.
"""

from __future__ import annotations

import contextlib
import socket
import threading

BLOCK = 65_536


class RoundTripProxy:
    """Listens on loopback from the start until stop()."""

    def __init__(self, port: int, server_port: int) -> None:
        self._server_port = server_port
        self._lock = threading.Lock()
        self._count = 0
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def count(self) -> int:
        """Round trips of all connections so far, including those that set up a connection."""
        with self._lock:
            return self._count

    def stop(self) -> None:
        with self._lock:
            sockets = [self._listener, *self._sockets]
        for one in sockets:
            # Wakes the thread that waits on it, which closing alone does not.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                with self._lock:
                    self._sockets += [client, server]
                turns = _Turns()
                threading.Thread(target=self._forward, args=(client, server, turns, True), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, turns, False), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, turns: _Turns, from_client: bool) -> None:
        for one in (source, target):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            while data := source.recv(BLOCK):
                # Counted before it is passed on: the answer can only come afterwards.
                with self._lock:
                    if from_client and turns.server_spoke_last:
                        self._count += 1
                    turns.server_spoke_last = not from_client
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class _Turns:
    """Of one connection. The server speaks first."""

    server_spoke_last = False
