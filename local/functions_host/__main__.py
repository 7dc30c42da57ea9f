"""`python -m local.functions_host --port 7071 --data-dir D [--app-dir .]`."""

import gc
import os
import sys
from pathlib import Path

from local.functions_host.app_settings import load_app_settings
from local.functions_host.host import PART, FunctionsHost
from local.functions_host.host_json import load_host_json
from local.functions_host.loader import load_app
from local.functions_host.log_format import configure_logging
from local.functions_host.start_error import StartError, StartProblems
from local.standin.serve import arguments, serve

DEFAULT_PORT = 7071
EXIT_APP_FAILED = 1
# Together with what the triggers need to stop, below three seconds.
GRACEFUL_SECONDS = 1
LEASE_SECONDS = 10


def main() -> None:
    """Run the app until SIGTERM or SIGINT; where it cannot be run, say why and exit with 1."""
    parser = arguments(PART, DEFAULT_PORT, "Runs function_app.py with HTTP, queue, timer and Durable triggers.")
    parser.add_argument("--app-dir", type=Path, default=Path(), help="where function_app.py and host.json are")
    parser.add_argument("--json-logs", action="store_true", help="log JSON lines")
    parser.add_argument(
        "--queue-lease-seconds",
        type=int,
        default=LEASE_SECONDS,
        help="how long a queue message stays hidden without renewal after this host was killed",
    )
    options = parser.parse_args()
    try:
        serve(
            PART,
            lambda url: build(
                url, options.app_dir, options.data_dir, options.queue_lease_seconds, as_json=options.json_logs
            ),
            port=options.port,
            graceful_seconds=GRACEFUL_SECONDS,
        )
    except StartError as error:
        print(f"{PART}: the app cannot be started:", *error.problems, sep="\n  ", file=sys.stderr)
        raise SystemExit(EXIT_APP_FAILED) from None
    except KeyboardInterrupt:
        # Functions that still run in threads must not keep the process.
        sys.stderr.flush()
        os._exit(0)


def build(url: str, app_dir: Path, data_dir: Path, lease_seconds: int, *, as_json: bool = False) -> FunctionsHost:
    """Read settings and host.json, load the app, and make its host. Raises StartError."""
    problems = StartProblems()
    with problems.gather():
        settings = load_app_settings(app_dir, os.environ)
    with problems.gather():
        host_json = load_host_json(app_dir)
    problems.check()
    configure_logging(host_json.logging, as_json=as_json)
    app = load_app(app_dir, host_json.functions)
    # What is imported stays: looking through it for garbage again and again would hold up everything for 50 ms.
    gc.collect()
    gc.freeze()
    return FunctionsHost(app, host_json, settings, data_dir=data_dir, url=url, lease_seconds=lease_seconds)


if __name__ == "__main__":
    main()
