"""Inputs that are mutated and read: ``python -m tests.fuzz --help``."""
