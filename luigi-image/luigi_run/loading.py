# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""Loads the root task from the names and strings of the spec, and explains errors in them."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Mapping

import luigi
from luigi.parameter import ParameterException, ParameterVisibility
from luigi.task_register import Register, TaskClassAmbigiousException, TaskClassNotFoundException, load_task

from luigi_run.spec import InvalidSpec, suggestion


def load_root(module: str, family: str, params: Mapping[str, str]) -> luigi.Task:
    """The root task. Raises InvalidSpec for wrong names and values, and any exception that user code raises."""
    cls = load_class(module, family)
    check_params(cls, params)
    missing = required_params(cls, params)
    if missing:
        raise InvalidSpec(f"The task {family} requires the parameter {missing[0]}; add it to task.params.")
    try:
        return load_task(module, family, dict(params))
    except ParameterException as error:
        raise InvalidSpec(
            f"The task {family} does not accept its parameters ({error}); correct task.params."
        ) from error


def load_class(module: str, family: str) -> type[luigi.Task]:
    """Imports the module and returns the task class of the family."""
    import_user_module(module)
    try:
        return Register.get_task_cls(family)
    except TaskClassNotFoundException as error:
        if sys.modules[module].__name__.partition(".")[0] in sys.stdlib_module_names:
            raise InvalidSpec(
                f"{module} is the name of a module of Python's standard library; rename the module of the pipeline."
            ) from error
        hint = suggestion(family, families(module) or Register.task_names())
        raise InvalidSpec(f"The module {module} has no task family {family}; correct task.family.{hint}") from error
    except TaskClassAmbigiousException as error:
        raise InvalidSpec(
            f"Several task classes have the family {family}; give them different names or Luigi namespaces."
        ) from error


def import_user_module(name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise InvalidSpec(f"{name!r} is not a valid name of a Python module; correct task.module.")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise InvalidSpec(
            f"The module {name} does not exist in the image ({error.name} was not found); "
            f"correct task.module, or add the module to the image.{_module_hint(error.name)}"
        ) from error


def families(module: str) -> list[str]:
    """The task families that the module itself defines."""
    return sorted(
        name
        for name, cls in Register._get_reg().items()
        if cls is not Register.AMBIGUOUS_CLASS and cls.__module__ == module
    )


def check_params(cls: type[luigi.Task], params: Mapping[str, str]) -> None:
    """Raises InvalidSpec for unknown names, which Luigi would ignore, and for values that cannot be parsed."""
    known = dict(cls.get_params())
    family = cls.get_task_family()
    for name, value in params.items():
        if name not in known:
            free = [other for other in known if other not in params]
            hint = suggestion(name, free or list(known)) if known else " The task has no parameters."
            raise InvalidSpec(f"The task {family} has no parameter {name}; correct or remove it in task.params.{hint}")
        try:
            known[name].parse(value)
        except Exception as error:
            kind = type(known[name]).__name__
            raise InvalidSpec(
                f"{value!r} is not a valid value of the parameter {name} of {family} ({kind}: {error}); correct it."
            ) from error


def required_params(cls: type[luigi.Task], params: Mapping[str, str]) -> list[str]:
    """Names of the parameters without a value in params and without a default."""
    family = cls.get_task_family()
    return [name for name, param in cls.get_params() if name not in params and not param.has_task_value(family, name)]


def display_name(task: luigi.Task) -> str:
    """Family(name=value, ...) without private and hidden parameters."""
    shown = task.to_str_params(only_significant=True, only_public=True)
    return f"{task.task_family}({', '.join(f'{name}={value}' for name, value in shown.items())})"


def private_params(task: luigi.Task) -> dict[str, str]:
    """The parameters that Luigi leaves out of to_str_params()."""
    known = dict(task.get_params())
    return {
        name: known[name].serialize(value)
        for name, value in task.param_kwargs.items()
        if known[name].visibility == ParameterVisibility.PRIVATE
    }


def _module_hint(name: str) -> str:
    parent, _, last = name.rpartition(".")
    if not parent:
        return ""
    return suggestion(last, [item.name for item in pkgutil.iter_modules(sys.modules[parent].__path__)])
