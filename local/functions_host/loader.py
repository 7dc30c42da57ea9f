"""Imports `function_app.py` and takes its functions, refusing what the real worker and host refuse."""

import contextlib
import importlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from azure.functions import FunctionRegister

from local.functions_host.functions import Binding, LoadedFunction
from local.functions_host.import_failure import describe_import_failure
from local.functions_host.signatures import may_return, signature_problems, wants_context
from local.functions_host.start_error import StartError

MODULE = "function_app"
TRIGGERS = ("httpTrigger", "queueTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger")
OTHER_BINDINGS = ("http", "durableClient")

# Both from Utility.cs of https://github.com/Azure/azure-functions-host
FUNCTION_NAME = re.compile(r"(?!host$)[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}|\$return")


@dataclass(frozen=True, slots=True)
class LoadedApp:
    """The app's functions, sorted by name as the real host sorts them (routes are tried in that order).

    `with_context`: functions that are given an `azure.functions.Context`; `returning`: those that may
    return a value.
    """

    directory: Path
    functions: MappingProxyType[str, LoadedFunction]
    with_context: frozenset[str]
    returning: frozenset[str]


def load_app(app_dir: Path, only: Sequence[str] = ()) -> LoadedApp:
    """Load the app; `only` is `functions` of host.json.

    What the app prints while it is imported goes to stderr. Raises StartError with every problem found.
    """
    with contextlib.redirect_stdout(sys.stderr):
        built = _get_functions(_import_app(app_dir))
    if not built:
        raise StartError([f"{MODULE}.py has no functions"])
    names = [function.get_function_name() for function in built]
    problems = [f"host.json: functions: there is no function {name}" for name in only if name not in names]
    loaded: dict[str, LoadedFunction] = {}
    with_context: set[str] = set()
    for function in built:
        name: str = function.get_function_name()
        bindings = _bindings_of(function.get_function_json())
        entry = function.get_user_function()
        problems += [
            f"cannot load the {name} function: {problem}"
            for problem in _problems(name, entry, bindings, function.get_settings_dict("retry_policy"))
        ]
        trigger = next((each for each in bindings if each.type in TRIGGERS), None)
        if trigger is not None:
            loaded[name] = LoadedFunction(name, trigger, bindings, entry)
        if wants_context(entry, bindings):
            with_context.add(name)
    if problems:
        raise StartError(problems)
    wanted = sorted((name for name in loaded if not only or name in only), key=str.upper)
    return LoadedApp(
        directory=app_dir.resolve(),
        functions=MappingProxyType({name: loaded[name] for name in wanted}),
        with_context=frozenset(with_context),
        returning=frozenset(name for name in wanted if may_return(loaded[name].bindings)),
    )


def _import_app(app_dir: Path) -> FunctionRegister:
    if not (app_dir / f"{MODULE}.py").is_file():
        raise StartError([f"{MODULE}.py is missing in {app_dir.resolve()}"])
    sys.path.insert(0, str(app_dir.resolve()))
    try:
        module = importlib.import_module(MODULE)
    except Exception as error:
        raise StartError(describe_import_failure(error, app_dir)) from error
    apps = {id(each): each for each in vars(module).values() if isinstance(each, FunctionRegister)}
    if not apps:
        raise StartError([f"could not find top level function app instances in {MODULE}.py"])
    if len(apps) > 1:
        raise StartError([f"more than one top level function app instance is defined in {MODULE}.py"])
    return next(iter(apps.values()))


def _get_functions(app: FunctionRegister) -> list[Any]:
    try:
        return app.get_functions()  # works once only
    except ValueError as error:  # duplicate names, no trigger
        raise StartError([str(error)]) from None


def _bindings_of(function_json: str) -> tuple[Binding, ...]:
    described: list[dict[str, Any]] = json.loads(function_json)["bindings"]
    return tuple(Binding(each["name"], each["type"], each["direction"], each) for each in described)


def _problems(
    name: str, entry: Callable[..., Any], bindings: tuple[Binding, ...], retry: dict[str, Any] | None
) -> Iterator[str]:
    if not FUNCTION_NAME.fullmatch(name):
        yield f"'{name}' is not a valid function name (a letter, then letters, digits, _ or -; not 'host')"
    if retry is not None:
        yield "a retry policy is declared; this host does not run retry policies"
    for binding in bindings:
        if not BINDING_NAME.fullmatch(binding.name):
            yield f"the binding name {binding.name} is invalid; a letter, then letters and digits"
        yield from _type_problems(binding)
    for binding_name, count in Counter(each.name.lower() for each in bindings).items():
        if count > 1:
            yield f"multiple bindings with name '{binding_name}' discovered; binding names must be unique"
    yield from signature_problems(entry, bindings)


def _type_problems(binding: Binding) -> Iterator[str]:
    if binding.type == "entityTrigger":
        yield "entities are not run by this host"
    elif binding.type not in TRIGGERS + OTHER_BINDINGS:
        runs = ", ".join(TRIGGERS + OTHER_BINDINGS)
        yield f"binding type '{binding.type}' of {binding.name} is not run by this host, which runs {runs}"
