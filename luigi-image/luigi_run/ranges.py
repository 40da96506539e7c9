# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Range tasks that Luigi takes for complete because their window lies outside the time that they look at.

Luigi ignores the instances of a range before days_back (hours_back, ...) and after days_forward. If these are all, the
range is complete without an instance, and a run for it would succeed with nothing done.
"""

from __future__ import annotations

import datetime
import logging
import time

from luigi.tools.range import RangeBase

from luigi_run.failure import RangeOutside

logger = logging.getLogger("luigi_run")


def check(task: RangeBase) -> None:
    """Raises RangeOutside if a range that Luigi takes for complete looks at none of its instances, and one is missing.

    Logs a warning if Luigi looks only at a part of the instances: that is usual for a range with an old start.
    """
    if not task.stop:
        return
    now = datetime.datetime.fromtimestamp(time.time() if task.now is None else task.now, tz=datetime.timezone.utc)
    now = now.replace(tzinfo=None)
    first, last = task.moving_start(now), task.moving_stop(now)
    stop = task.parameter_to_datetime(task.stop)
    start = task.parameter_to_datetime(task.start) if task.start else None
    inside = task.finite_datetimes(first if start is None else max(start, first), min(stop, last))
    if start is None:
        if not inside:
            raise RangeOutside(f"All instances before {task.stop} {_outside(task)}")
        return
    if inside:
        if start < inside[0] or task.finite_datetimes(inside[-1], stop)[1:]:
            logger.warning(
                "A part of the instances of %s, before %s or after %s, %s",
                task.task_id,
                inside[0],
                inside[-1],
                _outside(task),
            )
        return
    instances = task.finite_datetimes(start, stop)
    # One by one: what Luigi infers from a listing of files is wrong for tasks with another complete().
    for instance in map(task.datetime_to_parameter, instances):
        if not task._instantiate_task_cls(instance).complete():
            all_of_them = f"all instances from {task.start} to {task.stop} {_outside(task)}"
            raise RangeOutside(f"The instance {instance} is missing, but {all_of_them}")


def _outside(task: RangeBase) -> str:
    names = [name for name, _ in task.get_params() if name.endswith(("_back", "_forward"))]
    limits = " and ".join(f"{name}={getattr(task, name)}" for name in names)
    return f"are outside the time that the range looks at ({limits}); increase these parameters."
