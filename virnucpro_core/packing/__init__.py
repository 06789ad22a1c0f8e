"""Planning packed batches: which sequences share a batch. Pure functions, no torch here."""

from virnucpro_core.packing._plan import plan_batches

__all__ = ["plan_batches"]
