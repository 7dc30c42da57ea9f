"""Registers the functions, once the settings are known to be usable; nothing else."""

import azure.functions as func

from shared.container import get_container
from shared.functions import auth, changes, jobs, messages, operations, realtime, sessions, sheets, unknown, webhooks
from shared.functions.registration import DurableApp
from shared.telemetry import quiet_request_logs

quiet_request_logs()
# The one place that reads settings at import: wrong ones then stop the start, where somebody reads every fault at
# once (the worker reports the failed import), instead of each request later. Nothing is opened yet.
get_container()

app = DurableApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for module in (auth, sessions, messages, sheets, changes, jobs, realtime, webhooks, operations, unknown):
    app.register_functions(module.triggers.blueprint)
