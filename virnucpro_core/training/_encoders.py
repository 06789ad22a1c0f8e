"""Fitting small encoders from nothing to tell viral from cellular frames.

The published encoders were trained to fill in masked tokens of billions of sequences. Some hundred
megabases and a laptop are too little for that, so these encoders learn the task itself: each has a
linear head on its mean-pooled output, and a third head reads both.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from numpy.typing import NDArray
from tokenizers import Tokenizer as BpeTokenizer
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from torch import Tensor, nn

from virnucpro_core.embedding import mean_pool
from virnucpro_core.models import (
    DnabertS,
    DnabertSConfig,
    DnabertSTokenizer,
    Encoder,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
    Tokenizer,
)
from virnucpro_core.store import ByteStrings
from virnucpro_core.training._accuracy import judge
from virnucpro_core.training._labelled_frames import LabelledFrames

__all__ = ["EncoderRecipe", "fit_encoders", "fit_tokenizer"]

_SPECIAL_TOKENS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
_TOKENIZER_FRAMES = 20_000
_HEADS = ("DNA", "protein", "both")


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How the encoders are shaped and fitted.

    Attributes:
        dna_layers, protein_layers, width, n_heads: shape of the encoders.
        vocabulary_size: tokens of the DNA encoder.
        passes: over the training frames.
        batch_frames: frames in a step.
        learning_rate: highest rate of AdamW; warms up over 5 % of the steps, then a cosine to 0.
        weight_decay: of AdamW.
        dropout: share of the pooled numbers left out before the heads.
        token_noise: share of the tokens that a step replaces by others of the same sequence.
        seed: of the weights and of the order of frames.
    """

    dna_layers: int = 1
    protein_layers: int = 2
    width: int = 64
    n_heads: int = 4
    vocabulary_size: int = 4096
    passes: int = 2
    batch_frames: int = 192
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    dropout: float = 0.2
    token_noise: float = 0.1
    seed: int = 1


def fit_tokenizer(frames: LabelledFrames, recipe: EncoderRecipe, path: Path) -> DnabertSTokenizer:
    """Learn byte pairs from the start of frames and write them as ``tokenizer.json``."""
    random = np.random.default_rng(recipe.seed)
    rows = random.permutation(len(frames))[:_TOKENIZER_FRAMES].tolist()
    tokenizer = BpeTokenizer(BPE(unk_token="[UNK]"))
    trainer = BpeTrainer(
        vocab_size=recipe.vocabulary_size,
        special_tokens=_SPECIAL_TOKENS,
        initial_alphabet=list("ACGT"),
        limit_alphabet=4,
        show_progress=False,
    )
    pieces = (frames.nucleotides[row][:200].decode() for row in rows)
    tokenizer.train_from_iterator(pieces, trainer)
    tokenizer.save(str(path))
    return DnabertSTokenizer.from_file(path)


class _Heads(nn.Module):
    """Both encoders with a linear head each, and one on both embeddings."""

    def __init__(self, dna: DnabertS, protein: Esm2, dropout: float) -> None:
        super().__init__()
        self.dna, self.protein = dna, protein
        self.dropout = nn.Dropout(dropout)
        self.dna_head = nn.Linear(dna.width, 2)
        self.protein_head = nn.Linear(protein.width, 2)
        self.joint_head = nn.Linear(dna.width + protein.width, 2)

    # nn.Module returns Any; with this the callers' types are checked.
    __call__: Callable[..., list[Tensor]]

    def forward(
        self, dna_tokens: tuple[Tensor, Tensor], protein_tokens: tuple[Tensor, Tensor]
    ) -> list[Tensor]:
        """Logits [frames, 2] of the three heads."""
        dna = self.dropout(_pooled(self.dna, *dna_tokens))
        protein = self.dropout(_pooled(self.protein, *protein_tokens))
        both = torch.cat([dna, protein], dim=1)
        return [self.dna_head(dna), self.protein_head(protein), self.joint_head(both)]


def fit_encoders(
    train: LabelledFrames,
    validation: LabelledFrames,
    tokenizer: DnabertSTokenizer,
    recipe: EncoderRecipe,
    log: Callable[[str], None],
) -> tuple[DnabertS, Esm2]:
    """Fit both encoders on labelled frames.

    Args:
        validation: frames that show how it goes; they have no part in the fitting.
        log: called with a line every 50 steps, and with one for each pass.
    """
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    heads = _make(tokenizer, recipe)
    optimizer = torch.optim.AdamW(
        heads.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    steps = recipe.passes * math.ceil(len(train) / recipe.batch_frames)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_and_cosine(steps))
    weights = torch.from_numpy(train.class_weights())
    labels = torch.from_numpy(train.labels)
    started, step, loss_sum = time.perf_counter(), 0, 0.0
    for epoch in range(1, recipe.passes + 1):
        heads.train()
        for rows in _batches(train, recipe.batch_frames, random):
            batch = train.take(rows)
            logits = heads(
                _noisy(_tokens(tokenizer, batch.nucleotides), recipe.token_noise),
                _noisy(_tokens(Esm2Tokenizer(), batch.proteins), recipe.token_noise),
            )
            weight = weights[rows]
            each = [F.cross_entropy(x, labels[rows], reduction="none") for x in logits]
            loss = torch.stack([(x * weight).sum() / weight.sum() for x in each]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(heads.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            loss_sum += loss.item()
            if step % 50 == 0:
                rate = step / (time.perf_counter() - started)
                log(f"step {step} of {steps}: loss {loss_sum / 50:.3f}, {rate:.1f} steps/s")
                loss_sum = 0.0
        judged = _judged(heads, validation, tokenizer, recipe.batch_frames)
        log(f"pass {epoch} of {recipe.passes}: validation AUC of the heads: {judged}")
    return heads.dna.eval(), heads.protein.eval()


def _make(tokenizer: DnabertSTokenizer, recipe: EncoderRecipe) -> _Heads:
    width, n_heads = recipe.width, recipe.n_heads
    dna = DnabertSConfig(
        n_layers=recipe.dna_layers,
        width=width,
        n_heads=n_heads,
        feed_forward_width=2 * width,
        vocabulary_size=tokenizer.vocabulary_size,
    )
    protein = Esm2Config(n_layers=recipe.protein_layers, width=width, n_heads=n_heads)
    return _Heads(DnabertS(dna, "demo-dnabert-s"), Esm2(protein, "demo-esm2"), recipe.dropout)


def _batches(
    frames: LabelledFrames, size: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """All rows in batches of like protein length, in random order: equal lengths share their
    attention calls."""
    order = random.permutation(len(frames))
    order = order[np.argsort(frames.proteins.lengths[order], kind="stable")]
    batches = np.split(order, np.arange(size, len(order), size))
    return [batches[i] for i in random.permutation(len(batches))]


def _judged(heads: _Heads, frames: LabelledFrames, tokenizer: DnabertSTokenizer, size: int) -> str:
    """AUC of the three heads on windows, each window with the score of its most viral frame."""
    windows, window = np.unique(frames.window, return_inverse=True)
    labels = np.zeros(len(windows), dtype=np.int64)
    labels[window] = frames.labels
    scores = np.zeros((len(_HEADS), len(windows)))
    heads.eval()
    with torch.inference_mode():
        for rows in _batches(frames, size, np.random.default_rng(0)):
            batch = frames.take(rows)
            logits = heads(
                _tokens(tokenizer, batch.nucleotides), _tokens(Esm2Tokenizer(), batch.proteins)
            )
            for head, x in enumerate(logits):
                np.maximum.at(scores[head], window[rows], torch.softmax(x, dim=1)[:, 1].numpy())
    named = zip(_HEADS, scores, strict=True)
    return ", ".join(f"{name} {judge(score, labels).auc:.3f}" for name, score in named)


def _pooled(encoder: Encoder, tokens: Tensor, cu_seqlens: Tensor) -> Tensor:
    return mean_pool(
        encoder(tokens, cu_seqlens), cu_seqlens, special_tokens=encoder.pooled_special_tokens
    )


def _tokens(tokenizer: Tokenizer, strings: ByteStrings) -> tuple[Tensor, Tensor]:
    tokens = tokenizer.tokenize(strings)
    return torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets)


def _noisy(tokens: tuple[Tensor, Tensor], share: float) -> tuple[Tensor, Tensor]:
    """The tokens with a share of them replaced by tokens from elsewhere in the batch.

    First and last tokens of a sequence stay. Related proteins of other families differ in single
    residues; this makes the encoders rely on more than exact words.
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
