"""`python -m local`."""

import sys

from local.supervisor.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
