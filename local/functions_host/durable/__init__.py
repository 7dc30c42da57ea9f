"""Durable Functions on this machine: a task hub on SQLite. How it works: docs/durable-engine.md."""

from local.functions_host.durable.hub import DurableTaskHub
from local.functions_host.durable.routes import durable_routes
from local.functions_host.durable.settings import DurableSettings

__all__ = ["DurableSettings", "DurableTaskHub", "durable_routes"]
