#!/usr/bin/env python3
"""Print what a task ran with, in the ``versions.yml`` form: versions.py PROCESS [PACKAGE ...]."""

import platform
import sys
from importlib.metadata import version


def main(argv: list[str]) -> None:
    process, *packages = argv
    lines = [f"{process}:", f"    python: {platform.python_version()}"]
    lines += [f"    {name}: {version(name)}" for name in ("virnucpro-core", *packages)]
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
