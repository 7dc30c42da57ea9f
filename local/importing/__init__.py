"""`python -m local import FILE`: takes a table into the running sandbox, whole or not at all."""

from local.importing.command import main

__all__ = ["main"]
