"""Registers the functions; nothing else."""

import azure.functions as func

from shared.functions import jobs, operations, realtime, sessions, sheets
from shared.functions.registration import DurableApp

app = DurableApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for module in (sessions, sheets, jobs, realtime, operations):
    app.register_functions(module.triggers.blueprint)
