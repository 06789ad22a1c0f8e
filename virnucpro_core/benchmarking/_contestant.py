"""What a worker runs: each program as its own users run it, from letters to mean embeddings.

Shapes: ``n`` sequences, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Contestant"]


class Contestant(Protocol):
    """A program that embeds."""

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        """Load the model that `make_models` wrote; returns the number format it computes in."""

    def run(self, sequences: Sequence[str], options: Mapping[str, Any]) -> object:
        """The work that is timed."""

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """Mean embeddings [n, D] of a few sequences, to compare."""
