"""A Smartsheet sandbox: a documented subset of REST API 2.0 over SQLite, with webhooks and faults.

`docs/smartsheet-sandbox.md` says what it does, what it does not, and where it had to choose.
"""
