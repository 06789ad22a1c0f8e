"""A folder of made-up genomes, which are quick to train on."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

_SHARES = {"cellular": [0.2, 0.3, 0.3, 0.2], "viral": [0.4, 0.3, 0.2, 0.1]}
"""Of A, C, G and T; a small model can tell them apart."""


def make_genomes(folder: Path, *, per_class: int = 6, bases: int = 4_000, seed: int = 7) -> Path:
    """Write ``<folder>/viral`` and ``<folder>/cellular``; no two genomes are alike."""
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    for kind, shares in _SHARES.items():
        (folder / kind).mkdir(parents=True)
        for number in range(per_class):
            genome = rng.choice(letters, bases, p=shares).tobytes()
            content = gzip.compress(b">%s%d\n%s\n" % (kind.encode(), number, genome), mtime=0)
            (folder / kind / f"{kind}{number}.fasta.gz").write_bytes(content)
    return folder
