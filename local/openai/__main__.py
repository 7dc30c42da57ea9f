"""`python -m local.openai --port 7082 --data-dir D`: the stand-in keeps no files."""

from local.openai.app import build
from local.openai.deployments import API_KEY
from local.standin.serve import arguments, serve

DEFAULT_PORT = 7082


def main() -> None:
    """Parse the command line and serve until SIGTERM."""
    parser = arguments("openai", DEFAULT_PORT, "Azure OpenAI stand-in: offline rules, not a model")
    parser.add_argument("--api-key", default=API_KEY, help="the key that callers must send")
    options = parser.parse_args()
    serve("openai", lambda url: build(options.api_key), port=options.port)


if __name__ == "__main__":
    main()
