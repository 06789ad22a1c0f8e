"""What both encoders share: a packed batch in, one vector per token out.

Shapes: ``T`` tokens of the batch, ``B`` sequences of the batch, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from virnucpro_core.models._layout import PackedAttention, PackedLayout, plan_layout

__all__ = ["Encoder", "empty_embedding"]


class Encoder(nn.Module):
    """Base of `Esm2` and `DnabertS`.

    Weights of a new encoder are random (normal, standard deviation 0.02) and trainable.

    Attributes:
        name: name of the weights, for example ``"esm2_t36_3B_UR50D"``.
        width: D.
        n_layers: number of layers; the last one's output is layer ``n_layers``.
        pooled_special_tokens: whether the mean over a sequence takes in the tokens that the
            tokenizer puts around it.
        attention_backend: ``"auto"`` or one of `ATTENTION_BACKENDS`; may be set at any time.
    """

    pooled_special_tokens: bool

    def __init__(self, name: str, width: int, layers: list[nn.Module]) -> None:
        super().__init__()
        self.name = name
        self.attention_backend = "auto"
        self.width = width
        self.n_layers = len(layers)
        self.layers = nn.ModuleList(layers)

    # nn.Module returns Any; with this the callers' types are checked.
    __call__: Callable[..., Tensor]

    def forward(self, tokens: Tensor, cu_seqlens: Tensor, *, layer: int | None = None) -> Tensor:
        """Embed a packed batch.

        Sequences do not see each other, and their order and lengths are free.

        Args:
            tokens: integers [T] on the encoder's device, sequence after sequence, no padding.
            cu_seqlens: integers [B + 1]; sequence ``i`` is tokens ``cu_seqlens[i]`` to
                ``cu_seqlens[i + 1]``. On any device; from the CPU, nothing here makes the host
                wait for a CUDA device.
            layer: whose output to return; 0 is the token embeddings, None the last layer.

        Returns:
            [T, D] in the order of ``tokens``, in the weights' dtype.

        Raises:
            ValueError: there is no such layer, or ``cu_seqlens`` does not fit ``tokens``.
            UsageError: ``attention_backend`` cannot do this on this device in this precision.
        """
        layer = self.n_layers if layer is None else layer
        if not 0 <= layer <= self.n_layers:
            raise ValueError(f"{self.name} has layers 0 to {self.n_layers}, not {layer}")
        layout = plan_layout(cu_seqlens, len(tokens), tokens.device)
        x = self._embed(layout.sort(tokens), layout)
        attention = self._attention(layout, x.dtype)
        for block in self.layers[:layer]:
            x = block(x, attention)
        if layer == self.n_layers:
            x = self._finish(x)
        return layout.unsort(x)

    def _embed(self, tokens: Tensor, layout: PackedLayout) -> Tensor:
        """Integers [T] in the layout's order to [T, D]."""
        raise NotImplementedError

    def _attention(self, layout: PackedLayout, dtype: torch.dtype) -> PackedAttention:
        """The attention that all layers use for this batch."""
        raise NotImplementedError

    def _finish(self, x: Tensor) -> Tensor:
        """[T, D] to [T, D], after the last layer."""
        return x

    def _initialise(self) -> None:
        for module in self.modules():
            # On the meta device there is nothing to fill, and the attempt imports for seconds.
            if not isinstance(module, (nn.Linear, nn.Embedding)) or module.weight.is_meta:
                continue
            nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)


def empty_embedding(n_tokens: int, width: int) -> nn.Embedding:
    """A trainable embedding whose numbers are still to be set."""
    # Not nn.Embedding(...): that fills in numbers, even on the meta device.
    embedding: nn.Embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
        torch.empty(n_tokens, width), freeze=False
    )
    return embedding
