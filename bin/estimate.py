#!/usr/bin/env python3
"""``virnucpro estimate`` as a program of its own, for the head job of a dry run."""

import sys

from virnucpro_core.cli import main

sys.exit(main(["estimate", *sys.argv[1:]]))
