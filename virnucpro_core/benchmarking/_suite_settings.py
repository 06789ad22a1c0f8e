"""What a suite is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from virnucpro_core.reporting import Json

if TYPE_CHECKING:
    from virnucpro_core.embedding import EmbedSettings

__all__ = ["SuiteSettings"]


@dataclass(frozen=True, slots=True)
class SuiteSettings:
    """What every suite is told.

    Attributes:
        model: a bundle: a folder, a name or an s3:// prefix.
        input: reads to measure with; None for the bundled demonstration reads.
        quick: fewer records and rounds, for minutes instead of tens of them.
        against: what ours is compared with, of a suite that compares; None for its usual peer.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: ``auto``, ``fp32``, ``bf16``, ``fp16`` or ``int8``.
        threads: threads of the encoders on a CPU, at least 1.
    """

    model: str = "demo"
    input: Path | None = None
    quick: bool = False
    against: str | None = None
    device: str = "auto"
    precision: str = "auto"
    threads: int = 1

    @property
    def rounds(self) -> int:
        """How often each thing is measured, after once to warm up."""
        return 3 if self.quick else 7

    def embed_settings(self, *, token_budget: int = 0, packed: bool = True) -> EmbedSettings:
        """How encoders run under these settings, every ``auto`` resolved.

        Raises:
            UsageError: the device or number format is not to be had here.
        """
        from dataclasses import replace

        from virnucpro_core.embedding import Precision, resolve_settings

        resolved = resolve_settings(self.device, Precision(self.precision), token_budget)
        return replace(resolved, packed=packed)

    def to_json(self) -> dict[str, Json]:
        """What a report says of them; the input by its name, which is the same everywhere."""
        return {
            "model": Path(self.model).name,
            "input": None if self.input is None else self.input.name,
            "quick": self.quick,
            "against": self.against,
            "device": self.device,
            "precision": self.precision,
            "threads": self.threads,
        }
