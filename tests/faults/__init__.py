"""Runs that are killed and resumed until they are done: ``python -m tests.faults --help``."""
