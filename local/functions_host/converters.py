"""The SDK's own converters between the host's values and what functions are given and return."""

from typing import Any

from azure.functions import meta

Datum = meta.Datum


def converter_of(binding_type: str) -> Any | None:
    """The SDK's converter of a binding type; None where the worker falls back to its generic one."""
    return meta.get_binding_registry().get(binding_type)


def returns_implicitly(binding_type: str) -> bool:
    """Whether a function with this binding may return a value without a `$return` binding."""
    converter = converter_of(binding_type)
    if converter is None:
        return binding_type != "durableClient"
    return getattr(converter, "has_implicit_output", lambda: False)() is True
