"""Find viral sequences by their DNA and protein language-model embeddings.

Import from the sub-packages; imports between them go down this list only:

========================  ==========================================================
``errors``                the exception tree
``pages``                 HTML pages that open offline: tables and figures
``samples``               samplesheets: which samples there are (no numpy)
``parameters``            the pipeline's parameters: schema, checks, help (no numpy)
``store``                 file formats: shards, record tables, embeddings, scores
``sequences``             reading, windows, frames, shards (no torch)
``packing``               the plan of packed batches (no torch)
``models``                ESM-2, DNABERT-S, the classifier, bundles
``embedding``             loader, device, precision, runner
``calling``               merge, classify, consensus
``training``              datasets, splits, fit
``reporting``             stage telemetry, reports, provenance
``benchmarking``          speed and equality measurements
``cli``                   the ``virnucpro`` command
========================  ==========================================================
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Embedder", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Only when asked for: most of the package works without torch, whose import takes seconds.
    # Nothing else is imported here: cli/_start.py says why.
    if name == "Embedder":
        import importlib

        return importlib.import_module("virnucpro_core.embedding").Embedder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
