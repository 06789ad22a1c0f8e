#!/usr/bin/env python3
"""``virnucpro embed`` as a program of its own, for the pipeline's tasks."""

import sys

from virnucpro_core.cli import task

# Processes that this one starts read this file, too, and shall not do it all again.
if __name__ == "__main__":
    sys.exit(task("embed"))
