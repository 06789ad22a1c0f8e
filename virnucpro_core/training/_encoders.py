"""Fitting small encoders from nothing to tell viral from cellular frames.

The published encoders were trained to fill in masked tokens of billions of sequences. Some hundred
megabases and a laptop are too little for that, so these encoders learn the task itself: each with a
head of its own on its mean-pooled output. The DNA encoder's token embeddings are fitted first,
without its layers, which takes seconds; then all of it.

Shape letters: ``T`` tokens, ``n`` sequences, ``D`` width, ``F`` frames.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from numpy.typing import NDArray
from torch import Tensor, nn

from virnucpro_core.embedding import mean_pool
from virnucpro_core.models import (
    DnabertS,
    DnabertSConfig,
    Encoder,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
    PackedTokens,
)
from virnucpro_core.training._accuracy import judge
from virnucpro_core.training._classifier import combine_frames
from virnucpro_core.training._codon_pairs import CODON_PAIRS, CodonPairTable
from virnucpro_core.training._labelled_frames import LabelledFrames

__all__ = ["EncoderRecipe", "fit_encoders"]


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How the encoders are shaped and fitted.

    Attributes:
        dna_layers, protein_layers, width, n_heads: shape of the encoders.
        table_passes: over the training frames, of the DNA encoder's token embeddings alone.
        dna_passes, protein_passes: of whole encoders.
        table_rate, dna_rate, protein_rate: highest learning rates of AdamW; each warms up over
            5 % of the steps, then a cosine to 0.
        batch_frames: frames in a step.
        weight_decay: of AdamW.
        head_width: hidden numbers of a head, which is thrown away when the fitting is done.
        dropout, head_dropout: share of the pooled and of the hidden numbers that a step leaves out.
        protein_noise: share of the residues that a step replaces by others of the batch.
        seed: of the weights and of the order of frames.
    """

    dna_layers: int = 1
    protein_layers: int = 1
    width: int = 64
    n_heads: int = 4
    table_passes: int = 6
    dna_passes: int = 1
    protein_passes: int = 3
    table_rate: float = 3e-3
    dna_rate: float = 1e-3
    protein_rate: float = 2e-3
    batch_frames: int = 256
    weight_decay: float = 0.02
    head_width: int = 128
    dropout: float = 0.1
    head_dropout: float = 0.5
    protein_noise: float = 0.1
    seed: int = 1


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames as an encoder takes them.

    Attributes:
        tokens: of F sequences.
        of: where their labels are.
    """

    tokens: PackedTokens
    of: LabelledFrames


def fit_encoders(
    train: LabelledFrames,
    validation: LabelledFrames,
    recipe: EncoderRecipe,
    log: Callable[[str], None],
) -> tuple[DnabertS, Esm2]:
    """Fit both encoders on labelled frames.

    Args:
        validation: frames that show how it goes; they have no part in the fitting.
        log: called with a line every 100 steps, and with one for each pass.

    Returns:
        The DNA encoder, whose tokens are `CODON_PAIRS`, and the protein encoder.

    Raises:
        UsageError: a package of the extra ``train`` is not installed.
    """
    torch.manual_seed(recipe.seed)
    pairs = [_Frames(CODON_PAIRS.tokenize(f.nucleotides), f) for f in (train, validation)]
    table = CodonPairTable(recipe.width)
    head = _head(recipe)
    fit = _Fit("codon pairs", table, head, recipe, log)
    fit.run(pairs, recipe.table_passes, recipe.table_rate)

    dna = _dna_encoder(table, recipe)
    fit = _Fit("DNA encoder", _Pooled(dna), head, recipe, log)
    fit.run(pairs, recipe.dna_passes, recipe.dna_rate)

    residues = [_Frames(Esm2Tokenizer().tokenize(f.proteins), f) for f in (train, validation)]
    config = Esm2Config(recipe.protein_layers, recipe.width, recipe.n_heads)
    protein = Esm2(config, "demo-esm2")
    fit = _Fit("protein encoder", _Pooled(protein), _head(recipe), recipe, log)
    fit.run(residues, recipe.protein_passes, recipe.protein_rate, noise=recipe.protein_noise)
    return dna.eval(), protein.eval()


class _Pooled(nn.Module):
    """An encoder and the mean over its tokens."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor, cu_seqlens: Tensor) -> Tensor:
        """[T] and [n + 1] to [n, D]."""
        return mean_pool(
            self.encoder(tokens, cu_seqlens),
            cu_seqlens,
            special_tokens=self.encoder.pooled_special_tokens,
        )


def _head(recipe: EncoderRecipe) -> nn.Sequential:
    """From embeddings [n, D] to logits [n, 1]."""
    return nn.Sequential(
        nn.BatchNorm1d(recipe.width),
        nn.Dropout(recipe.dropout),
        nn.Linear(recipe.width, recipe.head_width),
        nn.BatchNorm1d(recipe.head_width),
        nn.ReLU(),
        nn.Dropout(recipe.head_dropout),
        nn.Linear(recipe.head_width, 1),
    )


def _dna_encoder(table: CodonPairTable, recipe: EncoderRecipe) -> DnabertS:
    """An encoder with the table's embeddings, whose layers add nothing yet."""
    config = DnabertSConfig(
        n_layers=recipe.dna_layers,
        width=recipe.width,
        n_heads=recipe.n_heads,
        feed_forward_width=2 * recipe.width,
        vocabulary_size=CODON_PAIRS.vocabulary_size,
    )
    encoder = DnabertS(config, "demo-dnabert-s")
    state = encoder.state_dict()
    with torch.no_grad():
        state["token_embedding.weight"] = table.rows()
        for name in ("weight", "bias"):
            state[f"embedding_norm.{name}"] = getattr(table.norm, name)
        for layer in range(recipe.dna_layers):
            for last in ("attention_out", "down"):
                for name in ("weight", "bias"):
                    state[f"layers.{layer}.{last}.{name}"].zero_()
    encoder.load_state_dict(state)
    return encoder


class _Fit:
    """Fitting one module and its head to the labels of frames.

    Args:
        name: for the log.
        embed: from tokens [T] and ``cu_seqlens`` [n + 1] to embeddings [n, D].
        head: from embeddings to logits.
    """

    def __init__(
        self,
        name: str,
        embed: nn.Module,
        head: nn.Module,
        recipe: EncoderRecipe,
        log: Callable[[str], None],
    ) -> None:
        self._name, self._recipe, self._log = name, recipe, log
        self._embed, self._model = embed, nn.ModuleList([embed, head])
        self._head = head

    def run(self, parts: Sequence[_Frames], passes: int, rate: float, noise: float = 0.0) -> None:
        """Fit to the first part, and log after each pass how well the second is told apart."""
        train, validation = parts
        random = np.random.default_rng(self._recipe.seed)
        weights = list(self._model.parameters())
        decay = self._recipe.weight_decay
        optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=decay)
        steps = passes * len(self._batches(train, random))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_and_cosine(steps))
        importance = torch.from_numpy(train.of.class_weights())
        labels = torch.from_numpy(train.of.labels).float()
        started, step, loss_sum = time.perf_counter(), 0, 0.0
        for epoch in range(1, passes + 1):
            self._model.train()
            for rows in self._batches(train, random):
                logits = self._logits(_noisy(_tensors(train.tokens.take(rows)), noise))
                weight = importance[rows]
                each = F.binary_cross_entropy_with_logits(logits, labels[rows], reduction="none")
                loss = (each * weight).sum() / weight.sum()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                schedule.step()
                step += 1
                loss_sum += loss.item()
                if step % 100 == 0:
                    pace = step / (time.perf_counter() - started)
                    mean = loss_sum / 100
                    self._log(
                        f"{self._name}, step {step} of {steps}: loss {mean:.3f}, {pace:.1f} steps/s"
                    )
                    loss_sum = 0.0
            auc = self._auc(validation)
            self._log(f"{self._name}, pass {epoch} of {passes}: validation AUC {auc:.3f}")

    def _logits(self, tokens: tuple[Tensor, Tensor]) -> Tensor:
        logits: Tensor = self._head(self._embed(*tokens))[:, 0]
        return logits

    def _auc(self, frames: _Frames) -> float:
        """Area under the ROC curve, over windows."""
        scores = np.zeros((len(frames.of), 2), dtype=np.float32)
        self._model.eval()
        with torch.inference_mode():
            for rows in self._batches(frames, np.random.default_rng(0)):
                virus = torch.sigmoid(self._logits(_tensors(frames.tokens.take(rows)))).numpy()
                scores[rows] = np.stack([1 - virus, virus], axis=1)
        windows, window = np.unique(frames.of.window, return_inverse=True)
        labels = np.zeros(len(windows), dtype=np.int64)
        labels[window] = frames.of.labels
        return judge(combine_frames(scores, window, len(windows)), labels).auc

    def _batches(self, frames: _Frames, random: np.random.Generator) -> list[NDArray[np.int64]]:
        """All rows in batches, as even as they can be, in random order.

        An encoder's are of like length: equal lengths share their attention calls.
        """
        order = random.permutation(len(frames.of))
        if isinstance(self._embed, _Pooled):
            order = order[np.argsort(frames.tokens.lengths[order], kind="stable")]
        batches = np.array_split(order, -(-len(order) // self._recipe.batch_frames))
        return [batches[i] for i in random.permutation(len(batches))]


def _tensors(tokens: PackedTokens) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets)


def _noisy(tokens: tuple[Tensor, Tensor], share: float) -> tuple[Tensor, Tensor]:
    """The tokens with a share of them replaced by tokens from elsewhere in the batch.

    First and last tokens of a sequence stay. Related proteins of other families differ in single
    residues; this makes the encoder rely on more than exact words.
    """
    ids, cu_seqlens = tokens
    noisy = torch.rand(len(ids)) < share
    noisy[cu_seqlens[:-1]] = False
    noisy[cu_seqlens[1:] - 1] = False
    rows = torch.nonzero(noisy)[:, 0]
    ids = ids.clone()
    ids[rows] = ids[rows[torch.randperm(len(rows))]]
    return ids, cu_seqlens


def _warm_up_and_cosine(steps: int) -> Callable[[int], float]:
    warm_up = max(1, steps // 20)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return factor
