"""Find viral sequences by their DNA and protein language-model embeddings.

Import from the sub-packages; imports between them go down this list only:

========================  ==========================================================
``errors``                the exception tree
``store``                 file formats: shards, record tables, embeddings, scores
``sequences``             reading, windows, frames, shards (no torch)
``packing``               the plan of packed batches (no torch)
``models``                ESM-2, DNABERT-S, the classifier, bundles
``embedding``             loader, device, precision, runner
``calling``               merge, classify, consensus
``training``              datasets, splits, fit
``reporting``             stage telemetry, provenance
``benchmarking``          speed and equality measurements
``cli``                   the ``virnucpro`` command
========================  ==========================================================
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
