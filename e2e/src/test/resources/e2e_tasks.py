# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Tasks that end in every way a pod can end."""

import os
import time
from pathlib import Path

import luigi


class Sleep(luigi.Task):
    """Takes its time, and then is complete."""

    client = luigi.Parameter()
    date = luigi.Parameter()
    seconds = luigi.FloatParameter(default=0)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"/tmp/{self.task_id}")

    def run(self) -> None:
        time.sleep(self.seconds)
        Path(self.output().path).write_text(os.environ["LUIGI_RUN_FENCE"])


class FailUntil(Sleep):
    """Fails in every attempt before the given one."""

    attempt = luigi.IntParameter(default=1000)

    def run(self) -> None:
        if int(os.environ["LUIGI_RUN_ATTEMPT"]) < self.attempt:
            raise ValueError("this attempt was told to fail")
        super().run()


class WritesNothing(Sleep):
    """Succeeds, as Luigi sees it, and makes nothing."""

    def run(self) -> None:
        pass


class Hog(Sleep):
    """Takes memory until somebody stops it."""

    def run(self) -> None:
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)))
