"""Smartsheet's REST API 2.0 as a `shared.sheets.ports.SheetSource`.

client.py     the calls: what is asked, what comes back
webhooks.py   the calls about webhooks
requests.py   the writes as they are sent, checked
transport.py  one HTTP exchange: headers, timeouts, retries, the circuit breaker, the log line
failures.py   what each error code means: which error, and whether to try again
wire.py       the JSON of the API, read row by row
mapping.py    wire → domain
"""

from shared.clients.smartsheet.client import SmartsheetClient

__all__ = ["SmartsheetClient"]
