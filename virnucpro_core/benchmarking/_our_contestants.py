"""This package's encoders as contestants, and what they replace.

torch is imported when a model is loaded: workers of other programs share this code, and should not
pay for it. Shapes: ``n`` sequences, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from virnucpro_core.benchmarking._limit import Work

__all__ = ["Ours", "PaddedDna"]

_FIRST_BATCH = 4


class Ours:
    """This package, through the calls that its commands make.

    Options: ``kind`` and ``precision``; ``bundle``, where that is not in the model's folder;
    ``device``, by default the CPU.
    """

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        from virnucpro_core import embedding
        from virnucpro_core.models import load_bundle

        bundle = load_bundle(Path(options.get("bundle", model / "bundle")))
        self._kind = options["kind"]
        settings = embedding.resolve_settings(
            options.get("device", "cpu"), embedding.Precision(options["precision"]), 0
        )
        self._encoder = embedding.load_encoder(bundle, self._kind, settings)
        self._tokenizer = bundle.load_tokenizer(self._kind)
        self._settings = settings
        self.config = bundle.encoder_spec(self._kind).config
        return settings.precision.value

    def run(self, sequences: Sequence[str], options: Mapping[str, Any]) -> object:
        return self.embed(sequences)

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        from virnucpro_core import embedding

        strings = self._strings(sequences)
        return embedding.embed(strings, self._encoder, self._tokenizer, self._settings).values

    def work(self, sequences: Sequence[str]) -> tuple[Work, int]:
        """Operations that ``sequences`` take, and their tokens, special tokens included."""
        from virnucpro_core.benchmarking._limit import work_of

        lengths = self._tokenizer.tokenize(self._strings(sequences)).lengths
        return work_of(self.config, lengths), int(lengths.sum())

    def limit(self, n_tokens: int) -> float:
        """Operations per second that this machine reaches at this model's shapes."""
        from virnucpro_core.benchmarking._limit import layer_shapes, measure_limit

        budget = min(n_tokens, self._settings.budget_for(self._encoder))
        return measure_limit(layer_shapes(self.config), budget, self._settings.precision.value)

    def _strings(self, sequences: Sequence[str]) -> Any:
        from virnucpro_core.store import ByteStrings

        return ByteStrings.from_iterable([letters.encode() for letters in sequences])


class PaddedDna:
    """DNABERT-S padded, in batches of four as they come, as the first VirNucPro ran it."""

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        from safetensors.torch import load_file

        from virnucpro_core.embedding import PaddedDnabert
        from virnucpro_core.models import load_bundle

        bundle = load_bundle(model / "bundle")
        self._tokenizer: Any = bundle.load_tokenizer("dna")
        config: Any = bundle.dna.config
        self._model = PaddedDnabert(load_file(model / "published" / "model.safetensors"), config)
        return "fp32"

    def run(self, sequences: Sequence[str], options: Mapping[str, Any]) -> object:
        return self.embed(sequences)

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        import torch

        from virnucpro_core.store import ByteStrings

        means = []
        for start in range(0, len(sequences), _FIRST_BATCH):
            some = [letters.encode() for letters in sequences[start : start + _FIRST_BATCH]]
            tokens = self._tokenizer.tokenize(ByteStrings.from_iterable(some))
            rows = [
                torch.from_numpy(tokens.ids[low:high]).long()
                for low, high in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
            ]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
            mask = torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
            with torch.inference_mode():
                hidden = self._model(ids, mask) * mask[:, :, None]
            means.append((hidden.sum(1) / mask.sum(1, keepdim=True)).numpy())
        return np.concatenate(means)
