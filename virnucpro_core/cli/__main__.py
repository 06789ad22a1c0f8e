"""``python3 -m virnucpro_core.cli``: the command where the package is not installed."""

import sys

from virnucpro_core.cli import main

# Processes that this one starts read this file, too, and shall not do it all again.
if __name__ == "__main__":
    sys.exit(main())
