"""Bundles beside their peers, on the same windows: ``python -m benchmarks.peers SHEET OUT …``."""
