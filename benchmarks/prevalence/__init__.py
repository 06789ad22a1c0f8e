"""Calls where the share of viruses is not known: ``python -m benchmarks.prevalence``."""
