"""Embeddings from Python in two lines: `Embedder`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core._progress import progress as tell_progress
from virnucpro_core.embedding._input import NamedSequences, Sequences, read_sequences
from virnucpro_core.embedding._pooling import cls_pool, split_tokens
from virnucpro_core.embedding._runner import embed, encode_batches
from virnucpro_core.embedding._settings import EmbedSettings, Precision, resolve_settings
from virnucpro_core.embedding._sources import EncoderSource, open_encoder
from virnucpro_core.errors import NumericError, UsageError
from virnucpro_core.models import Encoder, EncoderKind, Tokenizer, choose_attention
from virnucpro_core.store import EmbeddingInfo, Embeddings, write_embeddings

__all__ = ["POOLINGS", "Embedder", "SequenceEmbeddings"]

POOLINGS = ("mean", "cls", "none")
"""What can become of the tokens of a sequence."""

_NOTHING = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SequenceEmbeddings:
    """Embeddings of ``n`` sequences, in the order in which they were given.

    Attributes:
        ids: n ids.
        values: pooled, float32 [n, D]; with pooling ``"none"`` a list of n arrays, float32
            [L_i, D], a row for each residue (ESM-2) or token (DNABERT-S), special tokens left out.
        model: name of the encoder.
        layer: number of the layer that they are from.
        pooling: ``"mean"``, ``"cls"`` or ``"none"``.
        precision: number format the encoder computed in.
        weights_sha256: digest of the encoder's weights.
        sequences_sha256: digest of the ids and sequences.
    """

    ids: list[str]
    values: NDArray[np.float32] | list[NDArray[np.float32]]
    model: str
    layer: int
    pooling: str
    precision: str
    weights_sha256: str
    sequences_sha256: str

    def __len__(self) -> int:
        return len(self.ids)

    def by_id(self) -> dict[str, NDArray[np.float32]]:
        """``{id: float32 [D]}``, or ``{id: float32 [L_i, D]}`` without pooling."""
        return dict(zip(self.ids, self.values, strict=True))

    def to_hdf5(self, path: str | Path) -> None:
        """Write the project's embedding file (docs/embedding.md), whole or not at all.

        Raises:
            StoreError: the file cannot be written.
        """
        info = EmbeddingInfo(
            model=self.model,
            layer=self.layer,
            pooling=self.pooling,
            precision=self.precision,
            weights_sha256=self.weights_sha256,
            shard_sha256=self.sequences_sha256,
        )
        if isinstance(self.values, np.ndarray):
            write_embeddings(Embeddings(self.ids, self.values, info), Path(path))
            return
        offsets = np.cumsum([0, *map(len, self.values)], dtype=np.int64)
        tokens = np.concatenate(self.values) if self.values else np.empty((0, 0), np.float32)
        write_embeddings(Embeddings(self.ids, tokens, info, offsets), Path(path))


class Embedder:
    """An encoder that is ready to embed; made by `Embedder.load`.

    Example::

        embedder = Embedder.load("esm2_t33_650M_UR50D")
        result = embedder.embed({"insulin": "GIVEQCCTSICSLYQLENYCN"})
        result.values  # float32 [1, 1280]

    Attributes:
        name: name of the weights.
        kind: ``"protein"`` or ``"dna"``: what it embeds.
        width: D, numbers in an embedding.
        n_layers: number of layers; layer 0 is the token embeddings.
        precision: number format it computes in.
        device: where it computes.
    """

    def __init__(
        self, source: EncoderSource, encoder: Encoder, tokenizer: Tokenizer, settings: EmbedSettings
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._settings = settings
        self.name = source.name
        self.kind: EncoderKind = source.kind
        self.width = encoder.width
        self.n_layers = encoder.n_layers
        self.precision = settings.precision.value
        self.device = settings.device

    def __repr__(self) -> str:
        return (
            f"Embedder({self.name!r}, kind={self.kind!r}, width={self.width}, "
            f"n_layers={self.n_layers}, precision={self.precision!r}, device='{self.device}')"
        )

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        *,
        encoder: EncoderKind | None = None,
        device: str = "auto",
        precision: str = "auto",
        token_budget: int = 0,
        attention: str = "auto",
    ) -> Embedder:
        """Load an encoder.

        Args:
            name_or_path: a published name (``"esm2_t33_650M_UR50D"``, fetched from the Hugging Face
                hub when it is not there yet), a directory in Hugging Face's layout, or a model
                bundle.
            encoder: which encoder of a bundle: ``"protein"`` (default) or ``"dna"``.
            device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
            precision: ``"auto"``, ``"fp32"``, ``"bf16"``, ``"fp16"`` or ``"int8"``.
            token_budget: tokens in a batch; 0 chooses.
            attention: ``"auto"``, ``"sdpa"``, ``"varlen"`` or ``"flash"``.

        Raises:
            BundleError: the model cannot be found, fetched or used.
            UsageError: an option is wrong, or this machine cannot do it.
        """
        if encoder not in (None, "dna", "protein"):
            raise UsageError(f"no encoder {encoder!r}", remedy="use 'protein' or 'dna'")
        formats = [known.value for known in Precision]
        if precision not in formats:
            raise UsageError(f"no precision {precision!r}", remedy=f"use {', '.join(formats)}")
        settings = resolve_settings(device, Precision(precision), token_budget, attention)
        source = open_encoder(name_or_path, encoder)
        # Now, rather than when the first batch is there.
        choose_attention(
            attention, settings.device, settings.dtype, needs_bias=source.kind == "dna"
        )
        return cls(source, source.load_encoder(settings), source.load_tokenizer(), settings)

    def embed(
        self,
        sequences: Sequences,
        pooling: str = "mean",
        layer: int | None = None,
        *,
        progress: bool | None = None,
        allow_nucleotides: bool = False,
    ) -> SequenceEmbeddings:
        """Embed sequences.

        Upper and lower case are the same. In DNA, U is T; a ``*`` at the end of a protein is taken
        off.

        Args:
            sequences: the path of a FASTA or FASTQ file (plain or compressed), a list of sequences,
                a list of ``(id, sequence)`` pairs, or ``{id: sequence}``.
            pooling: ``"mean"`` over a sequence's residues (DNABERT-S: over all tokens), ``"cls"``
                for the first token, ``"none"`` for every residue or token.
            layer: number of the layer; None for the last, or the one that the bundle names.
            progress: whether to show a progress bar; None shows one in a terminal or notebook
                when it takes longer than two seconds.
            allow_nucleotides: embed proteins even if they look like DNA.

        Raises:
            InputError: the file cannot be read, an id occurs twice, or a sequence is empty or of
                another alphabet.
            UsageError: there is no such pooling or layer.
            NumericError: an embedding has NaN or infinity.
            HostMemoryError, DeviceMemoryError: a single sequence does not fit the device.
        """
        if pooling not in POOLINGS:
            raise UsageError(f"no pooling {pooling!r}", remedy=f"use {', '.join(POOLINGS)}")
        layer = self._source.layer if layer is None else layer
        if not 0 <= layer <= self.n_layers:
            raise UsageError(
                f"{self.name} has no layer {layer}", remedy=f"use 0 to {self.n_layers}"
            )
        named = read_sequences(sequences, self.kind, allow_nucleotides=allow_nucleotides)
        values: NDArray[np.float32] | list[NDArray[np.float32]]
        with tell_progress(len(named.ids), self.name, wanted=progress) as advance:
            if pooling == "mean":
                # The way of the pipeline, with the pooling that the encoder was made for.
                values = embed(
                    named.strings,
                    self._encoder,
                    self._tokenizer,
                    self._settings,
                    layer=layer,
                    ids=named.ids,
                    progress=advance,
                ).values
            else:
                parts = self._by_sequence(named, pooling, layer, advance)
                values = parts if pooling == "none" else self._stacked(parts)
        return SequenceEmbeddings(
            ids=named.ids,
            values=values,
            model=self.name,
            layer=layer,
            pooling=pooling,
            precision=self.precision,
            weights_sha256=self._source.weights_sha256,
            sequences_sha256=named.digest(),
        )

    def _by_sequence(
        self,
        named: NamedSequences,
        pooling: str,
        layer: int,
        advance: Callable[[int], None],
    ) -> list[NDArray[np.float32]]:
        """Each sequence's tokens, float32 [L_i, D], or with ``"cls"`` its first, float32 [D]."""
        parts: list[NDArray[np.float32]] = [_NOTHING] * len(named.ids)
        n_done = 0
        batches = encode_batches(
            named.strings, self._encoder, self._tokenizer, self._settings, layer=layer
        )
        with torch.inference_mode():
            for encoded in batches:
                bounds = encoded.batch.cu_seqlens
                if pooling == "cls":
                    some = list(cls_pool(encoded.hidden, bounds).cpu().numpy())
                else:
                    some = split_tokens(encoded.hidden, bounds)
                for index, part in zip(encoded.batch.indices.tolist(), some, strict=True):
                    self._refuse_non_finite(part, named.ids[index])
                    parts[index] = part
                n_done += len(some)
                advance(n_done)
        return parts

    def _stacked(self, parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(parts) if parts else np.empty((0, self.width), dtype=np.float32)

    def _refuse_non_finite(self, part: NDArray[np.float32], name: str) -> None:
        if not np.isfinite(part).all():
            raise NumericError(
                f"the embedding holds NaN or infinity at precision {self.precision}",
                where=f"sequence {name}",
                remedy="use precision='fp32'; if that does not help, check the weights",
            )
