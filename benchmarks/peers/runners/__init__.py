"""One program for each peer, run by the Python of the peer's own environment.

They import nothing of `virnucpro_core`: it need not be installed there.
"""
