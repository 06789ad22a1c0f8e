"""Shapes of the encoders and of the classifier, as frozen configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

__all__ = ["ESM2_CONFIGS", "ClassifierConfig", "DnabertSConfig", "Esm2Config"]


_LARGEST = 1 << 20
_MOST_LAYERS = 512
"""Ten times the published ones. A model is built before its weights are compared with it, which
would take hours for a description with a million layers."""


def _check_sizes(config: Esm2Config | DnabertSConfig | ClassifierConfig) -> None:
    for field in fields(config):
        value = getattr(config, field.name)
        most = _MOST_LAYERS if field.name == "n_layers" else _LARGEST
        # A boolean is an int to Python, but not a size.
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise ValueError(f"{field.name} must be a whole number from 1 to {most}, not {value!r}")


@dataclass(frozen=True, slots=True)
class Esm2Config:
    """Shape of an ESM-2 encoder (Lin et al. 2023, doi:10.1126/science.ade2574).

    The feed-forward width is four times ``width`` and the alphabet has 33 tokens in every size.

    Attributes:
        n_layers: transformer layers.
        width: numbers per residue.
        n_heads: attention heads; ``width / n_heads`` must be even (rotary positions turn pairs).

    Raises:
        ValueError: the numbers do not make an encoder.
    """

    n_layers: int
    width: int
    n_heads: int

    def __post_init__(self) -> None:
        _check_sizes(self)
        if self.width % (2 * self.n_heads):
            raise ValueError(
                f"width {self.width} does not divide into {self.n_heads} heads of even width"
            )

    @property
    def feed_forward_width(self) -> int:
        """Inner width of the feed-forward part."""
        return 4 * self.width


ESM2_CONFIGS: Mapping[str, Esm2Config] = MappingProxyType(
    {
        "esm2_t6_8M_UR50D": Esm2Config(n_layers=6, width=320, n_heads=20),
        "esm2_t12_35M_UR50D": Esm2Config(n_layers=12, width=480, n_heads=20),
        "esm2_t30_150M_UR50D": Esm2Config(n_layers=30, width=640, n_heads=20),
        "esm2_t33_650M_UR50D": Esm2Config(n_layers=33, width=1280, n_heads=20),
        "esm2_t36_3B_UR50D": Esm2Config(n_layers=36, width=2560, n_heads=40),
        "esm2_t48_15B_UR50D": Esm2Config(n_layers=48, width=5120, n_heads=40),
    }
)
"""Every published ESM-2 by its name."""


@dataclass(frozen=True, slots=True)
class DnabertSConfig:
    """Shape of a DNABERT-S encoder (Zhou et al. 2024, arXiv:2402.08777), published size by default.

    Attributes:
        n_layers: transformer layers.
        width: numbers per token.
        n_heads: attention heads.
        feed_forward_width: inner width of the gated feed-forward part.
        vocabulary_size: number of tokens.

    Raises:
        ValueError: the numbers do not make an encoder.
    """

    n_layers: int = 12
    width: int = 768
    n_heads: int = 12
    feed_forward_width: int = 3072
    vocabulary_size: int = 4096

    def __post_init__(self) -> None:
        _check_sizes(self)
        if self.width % self.n_heads:
            raise ValueError(f"width {self.width} does not divide into {self.n_heads} heads")


@dataclass(frozen=True, slots=True)
class ClassifierConfig:
    """Shape of the classifier.

    Attributes:
        input_width: numbers per frame, DNA embedding and protein embedding together.
        hidden_width: numbers in the hidden layer.
        n_classes: number of classes.

    Raises:
        ValueError: the numbers do not make a classifier.
    """

    input_width: int
    hidden_width: int
    n_classes: int = 2

    def __post_init__(self) -> None:
        _check_sizes(self)
