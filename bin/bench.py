#!/usr/bin/env python3
"""``virnucpro bench`` as a program of its own, for the pipeline's tasks."""

import sys

from virnucpro_core.cli import main

sys.exit(main(["bench", *sys.argv[1:]]))
