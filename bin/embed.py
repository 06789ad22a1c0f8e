#!/usr/bin/env python3
"""``virnucpro embed`` as a program of its own, for the pipeline's tasks."""

import sys

from virnucpro_core.cli import main

sys.exit(main(["embed", *sys.argv[1:]]))
