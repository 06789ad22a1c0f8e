"""Bytes for people."""

from __future__ import annotations

__all__ = ["format_size"]


def format_size(n_bytes: int) -> str:
    """``n_bytes`` with three digits, in MB or from 1,000 of them in GB (powers of ten)."""
    return f"{n_bytes / 1e9:.3g} GB" if n_bytes >= 999.5e6 else f"{n_bytes / 1e6:.3g} MB"
