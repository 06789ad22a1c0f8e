"""ESM-2 by fair-esm, as VirNucPro 1.0 runs it: its tokens, its batches, its module.

fair-esm is imported where it is used: only the reference engine needs it. Shapes: ``B`` sequences,
``L`` tokens of the longest, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from virnucpro_core.errors import UsageError
from virnucpro_core.models import Esm2Config, PackedTokens
from virnucpro_core.store import ByteStrings

__all__ = [
    "MOST_RESIDUES",
    "TOKENS_PER_BATCH",
    "FairEsm2",
    "FairEsmTokenizer",
    "plan_fair_esm",
    "require_fair_esm",
]

TOKENS_PER_BATCH = 2_048
"""``toks_per_batch`` of 1.0: counts padding, and of a sequence's two special tokens one."""

MOST_RESIDUES = 1_024
"""``truncation_seq_length`` of 1.0: what lies behind it in a protein is not embedded."""

_ALPHABET = "ESM-1b"


def require_fair_esm() -> tuple[Any, Any]:
    """Its modules of ESM-2 and of sequences.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import_module("esm")
        return import_module("esm.model.esm2"), import_module("esm.data")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"engine v1 runs ESM-2 by fair-esm, and its Python package {error.name} is missing",
            remedy="pip install 'virnucpro-core[v1]' (the package esm of another project has the "
            "same folder and must not be installed beside it), or use --engine v2",
        ) from error


class FairEsm2:
    """fair-esm's ESM-2, in fp32, without the head that predicts residues.

    Args:
        state: tensors by fair-esm's names, of the embedding and the layers.
        config: shape of the encoder.
    """

    def __init__(self, state: Mapping[str, Tensor], config: Esm2Config) -> None:
        esm2, _ = require_fair_esm()
        rotary = import_module("esm.rotary_embedding")
        # Without memory at first: 1.0's random numbers for 3 billion weights take a minute.
        with torch.device("meta"):
            model = esm2.ESM2(config.n_layers, config.width, config.n_heads, alphabet=_ALPHABET)
        # No embedding needs them, and no bundle has their weights.
        model.lm_head, model.contact_head = torch.nn.Identity(), torch.nn.Identity()
        for layer in model.layers:
            # Counted numbers, which no bundle keeps; nor do they belong to the state from here on.
            turns = rotary.RotaryEmbedding(dim=config.width // config.n_heads)
            turns.register_buffer("inv_freq", turns.inv_freq, persistent=False)
            layer.self_attn.rot_emb = turns
        model.load_state_dict(state, strict=True, assign=True)
        device = next(iter(state.values())).device
        self._model = model.to(device).eval().requires_grad_(False)

    def __call__(self, ids: Tensor, mask: Tensor, *, layer: int) -> Tensor:
        """Ids int64 [B, L], padded with fair-esm's token for it, to [B, L, D] of ``layer``."""
        hidden: Tensor = self._model(ids, repr_layers=[layer])["representations"][layer]
        return hidden


class FairEsmTokenizer:
    """fair-esm's batch converter, a sequence at a time; a protein is cut at `MOST_RESIDUES`.

    What its alphabet lacks is ``<unk>``, as in `Esm2Tokenizer`; fair-esm would stop there.
    """

    def __init__(self) -> None:
        _, data = require_fair_esm()
        alphabet = data.Alphabet.from_architecture(_ALPHABET)
        self._convert = alphabet.get_batch_converter(MOST_RESIDUES)
        self._known = {token for token in alphabet.all_toks if len(token) == 1}

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        """The tokens of ``strings``: ``<cls>``, a token per residue, ``<eos>``."""
        pieces = [self._tokens(string) for string in strings]
        lengths = [len(piece) for piece in pieces]
        return PackedTokens(
            np.concatenate([np.empty(0, np.int32), *pieces]),
            np.cumsum([0, *lengths], dtype=np.int64),
        )

    def _tokens(self, string: bytes) -> NDArray[np.int32]:
        letters = string.decode("latin-1").upper()
        spelt = "".join(letter if letter in self._known else "<unk>" for letter in letters)
        _, _, tokens = self._convert([("", spelt)])
        row: NDArray[np.int32] = tokens[0].numpy().astype(np.int32)
        return row


def plan_fair_esm(lengths: NDArray[np.int64], token_budget: int) -> list[NDArray[np.int64]]:
    """fair-esm's batches: from the shortest to the longest, as many as fit with their padding.

    Args:
        lengths: int64 [n], tokens of each sequence, special tokens included.
        token_budget: ``toks_per_batch``; a sequence above it has a batch of its own.
    """
    _, data = require_fair_esm()
    # It asks each sequence for its length and nothing else.
    residues = [range(length - 2) for length in lengths.tolist()]
    dataset = data.FastaBatchedDataset([""] * len(residues), residues)
    batches = dataset.get_batch_indices(token_budget, extra_toks_per_seq=1)
    return [np.array(batch, dtype=np.int64) for batch in batches]
