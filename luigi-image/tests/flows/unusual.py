# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Tasks that do what Luigi does not expect."""

import datetime
import json
import os
import signal
import subprocess
import sys
import threading
import time

import luigi
from luigi.parameter import ParameterVisibility
from luigi.tools.range import RangeByMinutes, RangeDaily, RangeHourly, RangeMonthly  # noqa: F401  roots of tests

from flows.pipeline import Daily, Days, Leaf, Step, home, note

if os.environ.get("AT_IMPORT") == "sigchld":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


class Interrupted(Step):
    """KeyboardInterrupt, which Luigi passes on, in run() or in a callback."""

    where = luigi.Parameter()

    def run(self):
        note(f"ran {self.where}")
        if self.where == "run":
            raise KeyboardInterrupt("ctrl-c")
        if self.where == "on_failure":
            raise RuntimeError("the first error")
        self.write()

    def on_success(self):
        if self.where == "on_success":
            raise KeyboardInterrupt("ctrl-c")

    def on_failure(self, exception):
        if self.where == "on_failure":
            raise KeyboardInterrupt("in the handler")
        return super().on_failure(exception)


class CompleteExits(Step):
    how = luigi.Parameter()

    def complete(self):
        raise {"exit": SystemExit, "interrupt": KeyboardInterrupt}[self.how]("user code ends the process")


class AboveCompleteExits(Step):
    how = luigi.Parameter()

    def requires(self):
        return CompleteExits(how=self.how)


# Results


class Long(luigi.Task):
    """Has a long parameter and no result of its own."""

    text = luigi.Parameter()

    def complete(self):
        return (home() / self.text[:5]).exists()

    def run(self):
        (home() / self.text[:5]).touch()


class SlowCheck(Step):
    """Its complete() blocks the Luigi process until a task has timed out."""

    waited = False

    def complete(self):
        if not SlowCheck.waited:
            SlowCheck.waited = True
            time.sleep(4)
        return super().complete()


class YieldsSlowCheck(Step):
    worker_timeout = 0

    def run(self):
        SlowCheck.waited = True  # in this process only
        yield SlowCheck()
        self.write()


class YieldsMuch(Step):
    """Its result does not fit in a pipe."""

    def run(self):
        time.sleep(0.5)
        yield [Long(text=f"{n:05d}" + "x" * 3000) for n in range(100)]
        self.write()


class TimeoutWhileItReports(luigi.WrapperTask):
    def requires(self):
        return [YieldsSlowCheck(), YieldsMuch()]


class KilledWhileItReports(Step):
    """Ends in the middle of a result, while another task works."""

    def run(self):
        threading.Timer(1, lambda: os._exit(9)).start()
        yield [Long(text=f"{n:05d}" + "x" * 3000) for n in range(2000)]


class BesideKilled(luigi.WrapperTask):
    def requires(self):
        return [YieldsSlowCheck(), KilledWhileItReports()]


class ClosesFiles(Step):
    def run(self):
        os.closerange(3, 256)
        with open(home() / "own", "w") as file:
            file.write("of the task")
            self.result = file  # the descriptor stays in use while the task reports
            self.complete()
            os.dup(file.fileno())


class Returns(Step):
    """on_success() may return anything."""

    what = luigi.Parameter()

    def on_success(self):
        cycle = []
        cycle.append(cycle)
        values = {"datetime": datetime.datetime(2013, 1, 15), "lambda": lambda: None, "cycle": cycle}
        return {"lock": threading.Lock(), "bytes": b"\xff", "surrogate": "\udc80", **values}[self.what]


class Strange(luigi.Parameter):
    """A parameter whose values cannot be sent, or not be parsed again."""

    def serialize(self, x):
        return {"x"} if x == "set" else str(x)

    def parse(self, x):
        raise LookupError(f"cannot parse {x}")


class StrangeLeaf(Step):
    value = Strange(significant=False)


class RequiresFile(Step):
    def requires(self):
        return luigi.LocalTarget("x")


class Private(Step):
    password = luigi.Parameter(visibility=ParameterVisibility.PRIVATE)

    def run(self):
        self.write(self.password)


class YieldsProblem(Step):
    what = luigi.Parameter()

    def run(self):
        yield {
            "set": lambda: StrangeLeaf(value="set"),
            "parse": lambda: StrangeLeaf(value="parse"),
            "target": RequiresFile,
            "exit": lambda: CompleteExits(how="exit"),
            "no task": lambda: "x",
        }[self.what]()


class BesideProblem(luigi.WrapperTask):
    what = luigi.Parameter()

    def requires(self):
        return [YieldsProblem(what=self.what), Leaf(n=1)]


class PrivateBatch(Step):
    n = luigi.IntParameter(batch_method=max)
    password = luigi.Parameter(visibility=ParameterVisibility.PRIVATE)

    def run(self):
        note(f"batch {self.n} {self.password}")
        for n in range(self.n + 1):
            type(self)(n=n, password=self.password).write()


class AbovePrivateBatch(luigi.WrapperTask):
    def requires(self):
        return [PrivateBatch(n=n, password="4711") for n in range(3)]


class UnloadableBatch(luigi.Task):
    """The values of a batch, joined, are no value of the parameter."""

    n = Strange(batch_method=",".join)

    def run(self):
        raise AssertionError("never runs")


class AboveUnloadableBatch(luigi.WrapperTask):
    def requires(self):
        return [UnloadableBatch(n=n) for n in "ab"] + [Leaf(n=1)]


class YieldsPrivate(Step):
    def run(self):
        yield Private(password="4711")
        self.write()


# Dynamic dependencies


class NoOutput(luigi.Task):
    n = luigi.Parameter(default="")

    def output(self):
        return []

    def run(self):
        note(f"ran {self.n}")


class YieldsNoOutput(Step):
    """Its dependencies run but never become complete."""

    how = luigi.Parameter()

    def run(self):
        yield Leaf(n=1)
        if self.how == "one":
            yield NoOutput()
        if self.how == "list":
            yield [NoOutput(n=str(n)) for n in range(3)] + [Leaf(n=2)]
        if self.how == "clock":
            yield NoOutput(n=str(time.time_ns()))
        if self.how == "custom":
            yield luigi.DynamicRequirements([Leaf(n=3)], custom_complete=lambda _complete: False)
        self.write()


class LateOutput(Step):
    """Becomes complete a second after its end, as in a store whose listing lags."""

    def complete(self):
        marker = home() / "written"
        return marker.exists() and time.time() > marker.stat().st_mtime + 1

    def run(self):
        note("ran late")
        (home() / "written").touch()


class YieldsLate(Step):
    def run(self):
        yield LateOutput()
        self.write()


class RemovesWhatItYields(Step):
    """Removes the output of a dependency before it yields the next one, once or always."""

    always = luigi.BoolParameter()

    def run(self):
        first = yield Leaf(n=1)
        if self.always or not (home() / "removed").exists():
            (home() / "removed").touch()
            first.remove()
        second = yield Leaf(n=2)
        if self.always:
            second.remove()
        yield Leaf(n=1 if self.always else 3)
        self.write()


class YieldsOneByOne(Step):
    """Twenty yields, and a list that grows from run to run."""

    def run(self):
        for n in range(20):
            yield Leaf(n=n)
        grown = len(list(home().glob("Leaf_*.out")))
        yield [Leaf(n=n) for n in range(20, min(grown, 23) + 1)]
        self.write()


class Cycle(Step):
    n = luigi.IntParameter(default=0)

    def requires(self):
        return Cycle(n=(self.n + 1) % 3)


class AboveCycle(Step):
    def requires(self):
        return [Leaf(n=1), Cycle()]


class YieldsCycle(Step):
    """The dependency that it yields requires the task itself."""

    def run(self):
        yield RequiresAbove()


class RequiresAbove(Step):
    def requires(self):
        return YieldsCycle()


# Processes


class LeavesThread(Step):
    """A thread that is no daemon keeps the process."""

    n = luigi.IntParameter()

    def run(self):
        threading.Thread(target=time.sleep, args=(600,)).start()
        note(f"pids {os.getpid()}")
        print(f"output of {self.n}")
        self.write()


class ManyLeaveThread(luigi.WrapperTask):
    def requires(self):
        return [LeavesThread(n=n) for n in range(12)]


class IgnoresTerm(Step):
    n = luigi.IntParameter()

    def run(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note(f"pids {os.getpid()}")
        time.sleep(600)


class ManyIgnoreTerm(luigi.WrapperTask):
    def requires(self):
        return [IgnoresTerm(n=n) for n in range(6)]


class EndsQuietly(Step):
    def run(self):
        os._exit(3)


class Unpicklable(Step):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.lock = threading.Lock()


class CheckerDies(Step):
    """With parallel scheduling, the process that calls complete() ends."""

    def complete(self):
        os._exit(9)


class NeverDone(luigi.Task):
    def complete(self):
        return False


class OfDay(NeverDone):
    at = luigi.DateParameter()


class BulkOfDay(OfDay):
    @classmethod
    def bulk_complete(cls, parameter_tuples):
        return []


class OfHour(NeverDone):
    at = luigi.DateHourParameter()


class OfMinute(NeverDone):
    at = luigi.DateMinuteParameter()


class OfMonth(NeverDone):
    at = luigi.MonthParameter()


def old_range():
    return Days(of=Daily, start=datetime.date(2013, 1, 1), stop=datetime.date(2013, 1, 4))


class AboveOldRange(Step):
    def requires(self):
        return old_range()


class YieldsOldRange(Step):
    def run(self):
        yield old_range()
        self.write()


# Output


class Chatty(Step):
    """A parameter of 90 kB, and 1,000 lines."""

    ids = luigi.ListParameter(default=[f"customer-{n:06d}" for n in range(5000)])

    def run(self):
        for n in range(1000):
            print("line", n)
        self.write()


class FailsWith(Step):
    n = luigi.IntParameter()

    def run(self):
        raise KeyError(f"reason {self.n}")


class ManyFail(luigi.WrapperTask):
    def requires(self):
        return [FailsWith(n=n) for n in range(60)]


class Floods(Step):
    """Writes until it is ended."""

    def run(self):
        note("started")
        while True:
            print("x" * 1000)


class PrintsFiles(Step):
    """Prints what is in mounted files."""

    def run(self):
        print((home() / "secret" / "token").read_text())
        print((home() / "secret" / "a" / "b").read_text())
        print("leaf", json.loads((home() / "secret" / "key.json").read_text())["key"])
        raise RuntimeError("with " + (home() / "single").read_text())


# complete()


class Truth:
    """A boolean of another library."""

    def __init__(self, value):
        self.value = value

    def __bool__(self):
        return self.value

    def __eq__(self, other):
        return self.value == other

    __hash__ = None


class CompleteReturns(Step):
    """complete() returns something that is true or false."""

    what = luigi.Parameter()

    def complete(self):
        done = super().complete()
        return {"int": int, "float": float, "truth": Truth, "bool": bool}[self.what](done)


class AboveCompleteReturns(Step):
    what = luigi.Parameter()

    def requires(self):
        return CompleteReturns(what=self.what)

    def complete(self):
        return 1 if super().complete() else 0


class CompleteReturnsFalse(CompleteReturns):
    def run(self):
        pass


class HangsInComplete(Step):
    def complete(self):
        note("checking")
        time.sleep(600)


class CompleteAfterRun(Step):
    """Its complete() blocks once it has run."""

    def complete(self):
        if super().complete():
            time.sleep(600)
        return False


class AboveHangs(Step):
    def requires(self):
        return HangsInComplete()


# SIGTERM


class BatchWaits(luigi.Task):
    """Several of these are one task; notes SIGTERM."""

    n = luigi.Parameter(batch_method=",".join)

    def complete(self):
        return False

    def run(self):
        signal.signal(signal.SIGTERM, self._end)
        note(f"started {self.n}")
        time.sleep(600)

    def _end(self, *_):
        note("term batch")
        raise SystemExit(1)


class AboveBatchWaits(luigi.WrapperTask):
    def requires(self):
        return [BatchWaits(n=str(n)) for n in range(3)]


class ProgramInItsOwnSession(Step):
    """Waits for a program that notes SIGTERM. The program has no parent but the supervisor, if daemon is true."""

    daemon = luigi.BoolParameter()

    def run(self):
        program = (
            "import os, signal, sys, time\n"
            "def note(line):\n"
            "    with open(os.environ['FLOWS_DIR'] + '/notes', 'a') as file: file.write(line + '\\n')\n"
            "def end(*_):\n"
            "    note('term program'); sys.exit()\n"
            "if sys.argv[1] == 'True' and os.fork(): os._exit(0)\n"
            "signal.signal(signal.SIGTERM, end)\n"
            "note('started program')\n"
            "time.sleep(600)\n"
        )
        command = [sys.executable, "-c", program, str(self.daemon)]
        subprocess.run(command, start_new_session=True, check=True)
        time.sleep(600)
