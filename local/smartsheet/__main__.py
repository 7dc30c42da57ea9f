"""`python -m local.smartsheet --port 7081 --data-dir D`."""

from local.smartsheet.app import Sandbox
from local.smartsheet.seed import open_database
from local.standin.serve import arguments, serve

DEFAULT_PORT = 7081


def main() -> None:
    """Serve until SIGTERM."""
    what = "a Smartsheet sandbox: API 2.0 subset, webhooks, sample sheets"
    options = arguments("smartsheet", DEFAULT_PORT, what).parse_args()
    database, seed = open_database(options.data_dir / "smartsheet")
    serve("smartsheet", lambda _: Sandbox(database, seed).app(), port=options.port)


if __name__ == "__main__":
    main()
