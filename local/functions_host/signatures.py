"""What the Python worker demands of a function's signature when it loads it.

The rules and their wording follow `Registry.validate_function_params` and its neighbours in
https://github.com/Azure/azure-functions-python-worker (azure_functions_worker/functions.py), whose
`FunctionLoadError` keeps the whole app from loading.
"""

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from local.functions_host.converters import converter_of, returns_implicitly
from local.functions_host.functions import Binding

RETURN = "$return"
CONTEXT = "context"


def wants_context(function: Callable[..., Any], bindings: Sequence[Binding]) -> bool:
    """Whether the function has an unbound parameter `context`, which the worker fills."""
    return CONTEXT in inspect.signature(function).parameters and all(each.name != CONTEXT for each in bindings)


def may_return(bindings: Sequence[Binding]) -> bool:
    """Whether a value other than None may be returned."""
    return any(each.name == RETURN or returns_implicitly(each.type) for each in bindings)


def signature_problems(function: Callable[..., Any], bindings: Sequence[Binding]) -> Iterator[str]:
    """Everything for which the worker would refuse this function."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield "it is a generator function; only orchestrators may yield"
        return
    try:
        annotations = typing.get_type_hints(function)
    except (NameError, TypeError) as error:
        yield f"its annotations cannot be evaluated: {error}"
        return
    yield from _direction_problems(bindings)
    parameters = set(inspect.signature(function).parameters)
    bound = {each.name: each for each in bindings if each.name != RETURN}
    if CONTEXT in parameters and CONTEXT not in bound:
        parameters.remove(CONTEXT)
        yield from _context_problems(annotations)
    if unbound := sorted(parameters - set(bound)):
        yield f"the following parameters are declared in Python but have no binding: {', '.join(unbound)}"
    if missing := sorted(set(bound) - parameters):
        yield f"the following bindings are not parameters in Python: {', '.join(missing)}"
    for name in sorted(parameters & set(bound)):
        if name in annotations:
            yield from _annotation_problems(bound[name], annotations[name])
    yield from _return_problems(bindings, annotations)


def _direction_problems(bindings: Sequence[Binding]) -> Iterator[str]:
    for binding in bindings:
        if binding.direction == "INOUT":
            yield '"inout" bindings are not supported'
        elif binding.name == RETURN and binding.direction != "OUT":
            yield '"$return" binding must have direction set to "out"'


def _context_problems(annotations: dict[str, Any]) -> Iterator[str]:
    annotation = annotations.get(CONTEXT)
    if annotation is not None and getattr(annotation, "__name__", None) != "Context":
        yield (
            'the "context" parameter is expected to be of type azure.functions.Context, got '
            f"{annotation!r} (the parameter of an orchestration or entity trigger must be named context)"
        )


def _annotation_problems(binding: Binding, annotation: Any) -> Iterator[str]:
    is_out = _is_out(annotation)
    python_type = annotation
    if is_out:
        arguments = typing.get_args(annotation)
        if len(arguments) != 1:
            yield f"binding {binding.name} has invalid Out annotation {annotation!r}"
            return
        python_type = arguments[0]
    if not isinstance(python_type, type) and not _is_generic(python_type):
        yield f"binding {binding.name} has invalid non-type annotation {annotation!r}"
        return
    if binding.direction == "OUT" and not is_out:
        yield (
            f'binding {binding.name} is declared to have the "out" direction, but its annotation in Python is'
            " not a subclass of azure.functions.Out"
        )
    elif binding.direction != "OUT" and is_out:
        yield (
            f'binding {binding.name} is declared to have the "in" direction, but its annotation is'
            " azure.functions.Out in Python"
        )
    elif not _accepts(binding, python_type, is_out):
        yield (
            f'type of {binding.name} binding "{binding.type}" does not match its Python annotation'
            f' "{getattr(python_type, "__name__", python_type)}"'
        )


def _return_problems(bindings: Sequence[Binding], annotations: dict[str, Any]) -> Iterator[str]:
    returned = next((each for each in bindings if each.name == RETURN), None)
    if returned is None or "return" not in annotations:
        return
    annotation = annotations["return"]
    if _is_out(annotation):
        yield "return annotation should not be azure.functions.Out"
    elif not isinstance(annotation, type):
        yield f"has invalid non-type return annotation {annotation!r}"
    elif not _check(returned.type, "check_output_type_annotation", annotation, (str, bytes, bytearray)):
        yield f'Python return annotation "{annotation.__name__}" does not match binding type "{returned.type}"'


def _accepts(binding: Binding, python_type: Any, is_out: bool) -> bool:
    # The worker hands str and bytes parameters the raw value, through its generic converter.
    raw = python_type in (str, bytes) and not returns_implicitly(binding.type)
    if is_out:
        return raw or _check(binding.type, "check_output_type_annotation", python_type, (str, bytes, bytearray))
    return raw or _check(binding.type, "check_input_type_annotation", python_type, (str, bytes))


def _check(binding_type: str, check: str, python_type: Any, generic: tuple[type, ...]) -> bool:
    converter = converter_of(binding_type)
    try:
        if converter is None:
            return issubclass(python_type, generic)
        return bool(getattr(converter, check)(python_type))
    except TypeError:  # issubclass() of something that is no class: the worker fails to load it, too
        return False


def _is_out(annotation: Any) -> bool:
    origin = typing.get_origin(annotation) or annotation
    return isinstance(origin, type) and origin.__name__ == "Out"


def _is_generic(annotation: Any) -> bool:
    """What `typing_inspect.is_generic_type` calls generic: no unions, tuples, callables, class variables."""
    origin = typing.get_origin(annotation)
    excluded = (typing.Union, types.UnionType, tuple, typing.ClassVar, collections.abc.Callable)
    return origin is not None and origin not in excluded
