"""A small part for the tests of the supervisor: `fake_part.py PORT BEHAVIOUR NOTES`.

It serves `/_control/health`, and writes into the file NOTES what happens to it. BEHAVIOUR: `good`, `dies` (on its
own, after it was asked for its health), `sick` (never healthy), `stubborn` (ignores SIGTERM, and so does its child).
"""

import http.server
import os
import signal
import subprocess
import sys
from pathlib import Path

PORT, BEHAVIOUR, NOTES = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])


def note(text: str) -> None:
    with NOTES.open("a") as notes:
        notes.write(text + "\n")


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if BEHAVIOUR == "sick" else 200)
        self.end_headers()
        if BEHAVIOUR == "dies":
            print("something went badly wrong", flush=True)
            os._exit(7)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to say."""


def terminated(number: int, _: object) -> None:
    note(f"signal {signal.Signals(number).name}")
    sys.exit(0)


note(f"started {os.getpid()}")
if BEHAVIOUR == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note(f"started {child.pid}")
else:
    signal.signal(signal.SIGTERM, terminated)
print('{"part": "fake", "port": 1, "url": "announced"}', flush=True)
print(f"environment says {os.environ.get('GREETING')}", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Health).serve_forever()
