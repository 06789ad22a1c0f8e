"""The summary of a run's stages, for the machine of the head job, which may have no package::

    PYTHONPATH=<project> python3 -m virnucpro_core.reporting trace.txt --wall-seconds 75

Standard library only, like all that it imports.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from virnucpro_core.reporting import compare_runs, render_stages, summarise_run


def main(argv: Sequence[str] | None = None) -> int:
    """Print the summary; 0, or 1 with one line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python3 -m virnucpro_core.reporting", description="The summary of a run's stages."
    )
    parser.add_argument("trace", type=Path, help="Nextflow's trace")
    parser.add_argument("--stages-dir", type=Path, help="tables of the tasks [stages beside it]")
    parser.add_argument("--wall-seconds", type=float, help="the run's wall time")
    parser.add_argument("--tasks", type=int, default=0, help="finished tasks to wait for")
    parser.add_argument("--baseline", type=Path, help="trace of a run to compare with")
    parser.add_argument("--output", type=Path, help="a file to save the summary in")
    options = parser.parse_args(argv)
    try:
        run = summarise_run(options.trace, options.stages_dir, tasks=options.tasks)
        text = render_stages(run, options.wall_seconds)
        if options.baseline:
            text += "\n" + compare_runs(run, summarise_run(options.baseline), str(options.baseline))
        if options.output:
            options.output.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
