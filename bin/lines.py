#!/usr/bin/env python3
"""Commands of ``virnucpro`` from standard input, one a line: many small ones in one process."""

import sys

from virnucpro_core.cli import task_of_lines

sys.exit(task_of_lines())
