"""The app's orchestrators and activities by name; names are case-insensitive, as in Azure."""

from collections.abc import Mapping

from local.functions_host.durable.errors import FunctionMissing
from local.functions_host.functions import LoadedFunction


class Registry:
    """Finds Durable functions. A trigger may give its function another name than the Python function has."""

    def __init__(self, functions: Mapping[str, LoadedFunction]) -> None:
        self._orchestrators = _by_name(functions, "orchestrationTrigger", "orchestration")
        self._activities = _by_name(functions, "activityTrigger", "activity")

    def orchestrator(self, name: str) -> LoadedFunction:
        """The orchestrator; raises FunctionMissing with the real extension's words."""
        return _get(self._orchestrators, name, "orchestrator")

    def activity(self, name: str) -> LoadedFunction:
        """The activity; raises FunctionMissing with the real extension's words."""
        return _get(self._activities, name, "activity")


def _by_name(
    functions: Mapping[str, LoadedFunction], trigger: str, own_name: str
) -> dict[str, tuple[str, LoadedFunction]]:
    found = [function for function in functions.values() if function.trigger.type == trigger]
    names = [str(function.trigger.properties.get(own_name) or function.name) for function in found]
    return {name.casefold(): (name, function) for name, function in zip(names, found, strict=True)}


def _get(known: dict[str, tuple[str, LoadedFunction]], name: str, kind: str) -> LoadedFunction:
    try:
        return known[name.casefold()][1]
    except KeyError:
        names = "', '".join(name for name, _ in known.values())
        which = (
            f"The following are the known {kind} functions: '{names}'."
            if known
            else f"No {kind} functions are currently registered!"
        )
        raise FunctionMissing(
            f"The function '{name}' doesn't exist, is disabled, or is not an {kind} function. Additional info: {which}"
        ) from None
