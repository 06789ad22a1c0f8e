"""DeepVirFinder (Ren et al. 2020, doi:10.1007/s40484-019-0187-4), its authors' PyTorch version.

``--weights`` is a checkout of secdio/DeepVirFinder_protocol: ``dvf.py`` and ``models/*.pth``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.peers.runners._runner import Answer, Scorer, Window, run

_LEAST_SCORE = 0.7
"""Default of the authors' ``extract_virus.py``, which picks the viruses. It also asks for a p-value
below 0.05, from files of scores that are not needed to score."""


def load(weights: Path | None) -> Scorer:
    """Read the models for windows below 300, 500 and 1,000 bases, and longer ones."""
    if weights is None:
        raise FileNotFoundError("give the checkout with dvf.py and models/ as its weights")
    sys.path.insert(0, str(weights))
    dvf = importlib.import_module("dvf")
    dvf.load_models_parent(str(weights / "models"))
    for name in dvf.global_modDict:
        # Without the files of p-values it keeps no list, and then gives no score either.
        dvf.global_nullDict.setdefault(name, dvf.np.array([], dtype=dvf.np.float32))

    def score(windows: Sequence[Window]) -> Iterable[Answer]:
        for window in windows:
            _, length, value, _ = dvf.cpu_predict_worker((window.id, window.letters))
            if length != len(window.letters):  # how it tells a failure
                raise RuntimeError(f"DeepVirFinder failed on {window.id}")
            yield Answer(window.id, value, value, value > _LEAST_SCORE)

    return score


if __name__ == "__main__":
    run(load)
