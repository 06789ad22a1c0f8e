#!/usr/bin/env python3
"""``virnucpro join`` as a program of its own, for the pipeline's tasks."""

import sys

from virnucpro_core.cli import task

sys.exit(task("join"))
