#!/usr/bin/env python3
"""``virnucpro doctor`` as a program of its own, for the pipeline's tasks."""

import sys

from virnucpro_core.cli import main

sys.exit(main(["doctor", *sys.argv[1:]]))
