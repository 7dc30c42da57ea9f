"""The application: everything the functions share. The deployment package is this folder and `function_app.py`.

Read it from the outside in: `functions/` (triggers) → `container.py` (wiring) → the domains (`sheets`,
`changes`, `jobs`, `chat`, `events`, `realtime`, `identity`, `ai`) → their ports, which `clients/` and
`stores/` implement.
"""
