# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Pipelines for every verdict. They write into FLOWS_DIR."""

import datetime
import os
import pathlib
import signal
import subprocess
import sys
import time

import luigi
from luigi.contrib.external_program import ExternalProgramTask
from luigi.tools.range import RangeDailyBase


def home() -> pathlib.Path:
    return pathlib.Path(os.environ["FLOWS_DIR"])


def note(line: str) -> None:
    """Appends one line for the tests."""
    with open(home() / "notes", "a") as file:
        file.write(line + "\n")


class Step(luigi.Task):
    """Writes a file named after itself."""

    def output(self):
        return luigi.LocalTarget(str(home() / f"{self.task_id}.out"))

    def write(self, text="done"):
        with self.output().open("w") as file:
            file.write(text)

    def run(self):
        self.write()


class Leaf(Step):
    n = luigi.IntParameter(default=0)


class Report(Step):
    """A root over three leaves."""

    date = luigi.DateParameter(default=datetime.date(2013, 1, 15))
    carrier = luigi.Parameter(default="UA")
    password = luigi.Parameter(default="", visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def requires(self):
        return [Leaf(n=n) for n in range(3)]


class NoParameters(Step):
    pass


class Environment(Step):
    def run(self):
        names = ("NAMESPACE", "NAME", "UID", "ATTEMPT", "FENCE", "DATE", "DEADLINE", "SPEC", "TERMINATION_LOG")
        lines = [f"{name}={os.environ.get('LUIGI_RUN_' + name)}" for name in names]
        self.write("\n".join([*lines, f"SIGUSR1={signal.getsignal(signal.SIGUSR1).name}"]))


class BadData(ValueError):
    pass


def mean(values):
    return sum(values) / len(values)


class Fails(Step):
    how = luigi.Parameter(default="error")

    def run(self):
        if self.how == "data":
            raise BadData("no flights on that day")
        if self.how == "secret":
            raise RuntimeError(f"cannot log in with {os.environ['DB_PASSWORD']} to the database")
        if self.how == "huge":
            raise RuntimeError("\u00fc\n" * 50_000)
        if self.how == "exit":
            sys.exit(3)
        mean([])

    def on_failure(self, exception):
        if self.how == "broken handler":
            raise RuntimeError("on_failure itself fails")
        return super().on_failure(exception)


class AboveFailure(Step):
    """One dependency succeeds and one fails, so the root cannot run."""

    how = luigi.Parameter(default="error")

    def requires(self):
        return [Leaf(n=1), Fails(how=self.how)]


class TwoFailures(luigi.WrapperTask):
    def requires(self):
        return [Fails(how="data"), Fails(how="error")]


class WritesNothing(Step):
    def run(self):
        pass


class AboveWritesNothing(Step):
    def requires(self):
        return WritesNothing()


class Vanishes(Step):
    """Ends its process without a result for Luigi."""

    code = luigi.IntParameter(default=0)

    def run(self):
        print("output without a line end", end="")
        os._exit(self.code)


class AboveVanishes(Step):
    def requires(self):
        return [Vanishes(), Leaf(n=1)]


class KilledByKernel(Step):
    def run(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Data(luigi.ExternalTask):
    name = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(str(home() / self.name))


class NeedsData(Step):
    name = luigi.Parameter(default="flights.csv")

    def requires(self):
        return [Data(name=self.name), Leaf(n=1)]


class NeedsDataLater(Step):
    def run(self):
        yield Data(name="weather.csv")
        self.write()


class Blocked(Step):
    """Needs more of a resource than exists; Luigi never runs it and reports success."""

    resources = {"licence": 2}  # noqa: RUF012


class AboveBlocked(Step):
    def requires(self):
        return Blocked()


class DisabledRoot(Step):
    disabled = True


class Days(RangeDailyBase):
    """A range of 5 days with a task_limit of 3."""

    task_limit = luigi.IntParameter(default=3)


class Daily(Step):
    date = luigi.DateParameter()


class DailyReport(Step):
    """Requires a range; must not run while days are missing."""

    def requires(self):
        return Days(
            of=Daily,
            start=datetime.date(2013, 1, 1),
            stop=datetime.date(2013, 1, 6),
            now=int(datetime.datetime(2013, 1, 10).timestamp()),
        )

    def run(self):
        self.write(f"{len(list(home().glob('Daily_*.out')))} days")


class FailsOnce(Step):
    def run(self):
        marker = home() / "failed-once"
        if not marker.exists():
            marker.touch()
            raise ConnectionError("the database is unavailable")
        self.write()


class AboveFailsOnce(Step):
    def requires(self):
        return FailsOnce()


class Dynamic(Step):
    def run(self):
        yield [Leaf(n=7), Leaf(n=8)]
        yield NeedsData(name="notes")
        self.write()


class CompleteRaises(Step):
    how = luigi.Parameter(default="code")

    def complete(self):
        if self.how == "code":
            return {}["no such key"]
        raise ConnectionRefusedError("the store is unavailable")


class AboveCompleteRaises(Step):
    how = luigi.Parameter(default="code")

    def requires(self):
        return CompleteRaises(how=self.how)


class RequiresRaises(Step):
    how = luigi.Parameter(default="code")

    def requires(self):
        if self.how == "code":
            raise TypeError("wrong argument")
        raise TimeoutError("the catalog is slow")


class RequiresTarget(Step):
    """An error that makes Luigi itself raise an exception."""

    def requires(self):
        return luigi.LocalTarget("x")


class LeavesDuringScheduling(Step):
    def complete(self):
        print("about to leave")
        os._exit(0)


class WaitsForever(Step):
    """Starts a child in its own session that ignores SIGTERM, and notes the pids of both."""

    n = luigi.IntParameter(default=0)
    stubborn = luigi.BoolParameter(default=False)

    def run(self):
        if self.stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        code = (
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            "print('up', flush=True); time.sleep(600)"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        child.stdout.readline()
        note(f"pids {os.getpid()} {child.pid}")
        while True:
            time.sleep(60)


class LeavesDaemon(Step):
    """Succeeds, but leaves a background process in its own process group."""

    def run(self):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
        note(f"pids {child.pid}")
        self.write()


class WaitsForSignal(Step):
    """Runs until the file "go" appears."""

    worker_timeout = 0
    n = luigi.IntParameter(default=0)

    def run(self):
        note(f"started {self.n}")
        while not (home() / "go").exists():
            time.sleep(0.02)
        self.write()


class ManyWaits(luigi.WrapperTask):
    """Six tasks that wait, more than the number of workers."""

    def requires(self):
        return [WaitsForSignal(n=n) for n in range(6)]


class ManyWaitForever(luigi.WrapperTask):
    def requires(self):
        return [WaitsForever(n=n) for n in range(3)]


class TimeoutBesideWork(luigi.WrapperTask):
    def requires(self):
        return [WaitsForever(stubborn=True), WaitsForSignal()]


class Talks(Step):
    """Prints, logs, and runs a program that prints."""

    def run(self):
        import logging

        print("printed by the task")
        logging.getLogger("flows").warning("logged by the task")
        subprocess.run(["echo", "printed by a program"], check=True)
        print(f"the password is {os.environ.get('DB_PASSWORD', '')}")
        print("x" * 40_000)
        self.write()


class FailingProgram(ExternalProgramTask):
    """Luigi puts the whole environment of the program into the failure."""

    def program_args(self):
        return ["false"]

    def program_environment(self):
        # Only what the tests set, so that the message is not cut.
        prefixes = ("PLAIN", "S3_", "DB_", "LUIGI_RUN_SECRET_")
        return {name: value for name, value in super().program_environment().items() if name.startswith(prefixes)}


class Batched(Step):
    """Luigi runs several of these as one task."""

    n = luigi.IntParameter(batch_method=max)

    def run(self):
        for n in range(self.n + 1):
            type(self)(n=n).write()


class AboveBatched(luigi.WrapperTask):
    def requires(self):
        return [Batched(n=n) for n in range(4)]


class KeepsThread(Step):
    """A library thread that keeps the Luigi process alive, once."""

    def complete(self):
        import threading

        marker = home() / "thread"
        if not marker.exists():
            marker.touch()
            threading.Thread(target=time.sleep, args=(600,)).start()
        return super().complete()


class Crowd(Step):
    """Forty tasks that take 0.1 s each."""

    def requires(self):
        return [Moment(n=n) for n in range(40)]


class Moment(Step):
    n = luigi.IntParameter()

    def run(self):
        time.sleep(0.1)
        self.write()
