"""The classifier as training fits it: one frame's embeddings in, one score per class out.

Shapes: ``n`` frames, ``W`` input width, ``C`` classes.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from virnucpro_core.models._classifier import Classifier
from virnucpro_core.models._config import ClassifierConfig

__all__ = ["MlpClassifier"]


class MlpClassifier(nn.Module):
    """Linear → BatchNorm → ReLU → (dropout, in training only) → Linear.

    Args:
        config: its shape.
        dropout: share of the hidden numbers that training leaves out.
    """

    def __init__(self, config: ClassifierConfig, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.config = config
        self.hidden = nn.Linear(config.input_width, config.hidden_width)
        self.norm = nn.BatchNorm1d(config.hidden_width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(config.hidden_width, config.n_classes)

    # nn.Module returns Any; with this the callers' types are checked.
    __call__: Callable[..., Tensor]

    def forward(self, features: Tensor) -> Tensor:
        """Features [n, W], DNA embedding first, to logits [n, C]."""
        logits: Tensor = self.output(self.dropout(self.norm(self.hidden(features)).relu()))
        return logits

    def for_prediction(self) -> Classifier:
        """The classifier as it is now, without torch."""
        return Classifier.of({name: value.numpy() for name, value in self.state_dict().items()})
