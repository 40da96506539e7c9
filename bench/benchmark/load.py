# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Creates many objects over several connections."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .kubernetes import ApiClient, Identity

T = TypeVar("T")


def in_parallel(threads: int, function: Callable[[T], object], arguments: Iterable[T]) -> None:
    """Calls the function once for each argument.

    Raises its first error at once: no further call begins, and those under way end by themselves.
    """
    failed = threading.Event()

    def call(argument: T) -> None:
        if failed.is_set():
            return
        try:
            function(argument)
        except BaseException:
            failed.set()
            raise

    executor = ThreadPoolExecutor(threads)
    try:
        for future in [executor.submit(call, argument) for argument in arguments]:
            future.result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


class Load:
    """Connections of one user, one for each thread that needs one."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._clients = threading.local()

    def client(self) -> ApiClient:
        """The connection of the calling thread."""
        if not hasattr(self._clients, "client"):
            self._clients.client = ApiClient(self.identity)
        return self._clients.client

    def create_at_once(self, path: str, objects: Sequence[dict[str, Any]], connections: int = 16) -> None:
        """Creates all of them as fast as the connections allow; raises when one is refused."""
        bodies = [json.dumps(document).encode() for document in objects]
        in_parallel(connections, lambda body: self.client().must("POST", path, body), bodies)

    def create_one_by_one(self, path: str, objects: Sequence[dict[str, Any]], interval: float) -> None:
        """Creates one at each interval (in seconds), whatever becomes of those before it."""
        began = time.monotonic()
        for position, document in enumerate(objects):
            time.sleep(max(0.0, began + position * interval - time.monotonic()))
            self.client().must("POST", path, document)
