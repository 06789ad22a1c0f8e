#!/usr/bin/env python3
"""Print what a task ran with, in the ``versions.yml`` form: versions.py PROCESS [PACKAGE ...].

A package that is not installed is left out: the program that needs it says what to do.
"""

import platform
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version


def main(argv: list[str]) -> None:
    process, *packages = argv
    print(f"{process}:\n    python: {platform.python_version()}")
    for name in ("virnucpro-core", *packages):
        with suppress(PackageNotFoundError):
            print(f"    {name}: {version(name)}")


if __name__ == "__main__":
    main(sys.argv[1:])
