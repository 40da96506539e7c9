# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Tasks for the end-to-end tests, one for each way in which a pod can end."""

import base64
import datetime
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import luigi
from luigi.tools.range import RangeDailyBase


class Sleep(luigi.Task):
    """Sleeps, then writes its output."""

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
            raise ValueError("this attempt must fail")
        super().run()


class WritesNothing(Sleep):
    """Returns without writing its output; Luigi counts this as success."""

    def run(self) -> None:
        pass


class PrintsSecrets(Sleep):
    """Prints the secrets in its log and in the error of its first attempt. Fails if the values are wrong."""

    in_base64 = luigi.Parameter()

    def run(self) -> None:
        secrets = f"{os.environ['TOKEN']} and {os.environ['DB_PASSWORD']}"
        copies = [name for name in os.environ if name.startswith("LUIGI_RUN_SECRET_")]
        print(f"logged: {secrets}, copies: {copies}")
        if os.environ["LUIGI_RUN_ATTEMPT"] == "1":
            raise ValueError(f"raised: {secrets}")
        if copies or base64.b64encode(secrets.encode()).decode() != self.in_base64:
            raise ValueError("the values are wrong, or copies are visible")
        super().run()


class Day(luigi.Task):
    """Writes a file that outlives its pod."""

    date = luigi.DateParameter()

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(f"/kept/{self.date}")

    def run(self) -> None:
        Path(self.output().path).touch(exist_ok=False)


class Days(RangeDailyBase):
    """A range of days with a task_limit of one day."""

    task_limit = luigi.IntParameter(default=1)


class NeedsTwoDays(Sleep):
    """Requires two days, one more than an attempt computes."""

    def requires(self) -> Iterable[luigi.Task]:
        first = datetime.date(2013, 1, 1)
        now = datetime.datetime(2013, 1, 15).timestamp()
        yield Days(of=Day, start=first, stop=first + datetime.timedelta(days=2), now=int(now))


class Hog(Sleep):
    """Allocates memory until it is killed."""

    def run(self) -> None:
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)))


class TerminatesItself(Sleep):
    """Sends SIGTERM to the first process of its container."""

    def run(self) -> None:
        os.kill(1, signal.SIGTERM)
        time.sleep(60)


class FailsAtLength(Sleep):
    """Fails with a message that is longer than the share of a container in a pod with many containers."""

    def run(self) -> None:
        raise ValueError("é" * 2000)
