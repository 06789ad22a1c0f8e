"""The reads that come with the project."""

from __future__ import annotations

from pathlib import Path

from virnucpro_core.errors import UsageError

__all__ = ["demo_reads"]


def demo_reads() -> Path:
    """The demo reads, which are in the project's source tree.

    Raises:
        UsageError: the package was installed without its source tree.
    """
    path = Path(__file__).parents[2] / "assets" / "demo" / "reads.fasta.gz"
    if not path.is_file():
        raise UsageError(
            "the demo reads are not there",
            where=str(path),
            remedy="name other reads, or run this in a checkout of the project",
        )
    return path
