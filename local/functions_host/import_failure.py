"""Turns what an app raised while it was imported into lines that its developer can act on."""

import traceback
from pathlib import Path

from pydantic import ValidationError

# Errors whose message says what is wrong; of any other, the whole trace is needed.
PLAIN = (ImportError, OSError, RuntimeError, SyntaxError, ValueError)
PYTHON_MODULES = ("builtins",)


def describe_import_failure(error: Exception, app_dir: Path) -> list[str]:
    """One line per problem; the trace where the exception's message alone would not help."""
    if isinstance(error, ValidationError):
        return [
            f"{error.title}: {'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors(include_url=False, include_input=False)
        ]
    own = type(error).__module__ not in PYTHON_MODULES
    if str(error) and (own or isinstance(error, PLAIN)):
        return [f"{_place(error, app_dir)}{type(error).__name__}: {str(error).strip()}"]
    return ["".join(traceback.format_exception(error)).rstrip()]


def _place(error: Exception, app_dir: Path) -> str:
    """`file:line: ` of the app's code that raised."""
    root = app_dir.resolve()
    frames = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename).is_relative_to(root)]
    own = [each for each in frames if "site-packages" not in each.filename]
    if not own:
        return ""
    return f"{Path(own[-1].filename).relative_to(root)}:{own[-1].lineno}: "
