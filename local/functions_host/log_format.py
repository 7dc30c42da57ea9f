"""The host's log on stderr: lines for people, or JSON lines."""

import json
import logging
import sys
from datetime import UTC, datetime

from local.functions_host.host_json import Logging, LogLevel

LEVELS: dict[LogLevel, int] = {
    "Trace": logging.DEBUG,
    "Debug": logging.DEBUG,
    "Information": logging.INFO,
    "Warning": logging.WARNING,
    "Error": logging.ERROR,
    "Critical": logging.CRITICAL,
    "None": logging.CRITICAL + 1,
}
# Categories of host.json and the loggers that they mean here.
CATEGORIES = {"Function": "host.executions", "Host.Results": "host.executions", "Host": "host"}
# SDKs that log every request.
QUIET = ("azure", "httpx2", "httpcore2", "aiohttp")
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object per record: `at, level, logger, message, trace?`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(options: Logging, *, as_json: bool) -> None:
    """Log to stderr, at the levels of host.json; what the app logs goes by `default`."""
    # Not shown, so not looked up for each record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(LINE))
    logging.basicConfig(level=LEVELS[options.log_level.get("default", "Information")], handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for category, name in CATEGORIES.items():
        if category in options.log_level:
            logging.getLogger(name).setLevel(LEVELS[options.log_level[category]])
