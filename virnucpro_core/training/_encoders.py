"""Fitting small encoders from nothing to tell viral from cellular frames.

The published encoders were trained to fill in masked tokens of billions of sequences. A few
hundred genomes and a laptop are too little for that, so the demo's encoders learn the task itself:
each has a linear head on its mean-pooled output, and a third head reads both.
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
from virnucpro_core.training._genomes import Genome
from virnucpro_core.training._windows import WindowSampler

__all__ = ["EncoderRecipe", "fit_encoders", "fit_tokenizer"]

_SPECIAL_TOKENS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How the encoders are shaped and fitted.

    Attributes:
        n_layers, width, n_heads: shape of both encoders.
        vocabulary_size: tokens of the DNA encoder.
        steps: batches.
        windows_per_step: windows in a batch; each has about 1.3 stop-free frames.
        shortest_window, longest_window: in bases.
        learning_rate: highest rate of AdamW; warms up over 5 % of the steps, then a cosine to 0.
        weight_decay: of AdamW.
        dropout: share of the pooled numbers left out before the heads.
        seed: of the weights and of the windows.
    """

    n_layers: int = 2
    width: int = 64
    n_heads: int = 4
    vocabulary_size: int = 1024
    steps: int = 1_500
    windows_per_step: int = 128
    shortest_window: int = 120
    longest_window: int = 500
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    dropout: float = 0.2
    seed: int = 1


def fit_tokenizer(genomes: list[Genome], recipe: EncoderRecipe, path: Path) -> DnabertSTokenizer:
    """Learn byte pairs from pieces of ``genomes`` and write them as ``tokenizer.json``."""
    pieces = WindowSampler(genomes, recipe.seed).draw(8_000, shortest=100, longest=200).nucleotides
    tokenizer = BpeTokenizer(BPE(unk_token="[UNK]"))
    trainer = BpeTrainer(
        vocab_size=recipe.vocabulary_size,
        special_tokens=_SPECIAL_TOKENS,
        initial_alphabet=list("ACGT"),
        limit_alphabet=4,
        show_progress=False,
    )
    tokenizer.train_from_iterator((piece.decode() for piece in pieces), trainer)
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
    genomes: list[Genome],
    tokenizer: DnabertSTokenizer,
    recipe: EncoderRecipe,
    log: Callable[[str], None],
) -> tuple[DnabertS, Esm2]:
    """Fit both encoders on windows of ``genomes``.

    Args:
        log: called with a line every 50 steps: step, loss and accuracy of the joint head on the
            windows of those steps (new windows each, so no window is seen twice but by chance).
    """
    torch.manual_seed(recipe.seed)
    shape = {"n_layers": recipe.n_layers, "width": recipe.width, "n_heads": recipe.n_heads}
    dna_config = DnabertSConfig(
        **shape, feed_forward_width=2 * recipe.width, vocabulary_size=tokenizer.vocabulary_size
    )
    dna = DnabertS(dna_config, "demo-dnabert-s")
    protein = Esm2(Esm2Config(**shape), "demo-esm2")
    heads = _Heads(dna, protein, recipe.dropout)
    optimizer = torch.optim.AdamW(
        heads.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_up_and_cosine(recipe.steps))
    sampler = WindowSampler(genomes, recipe.seed)
    lengths = np.random.default_rng(recipe.seed)
    protein_tokenizer = Esm2Tokenizer()
    right = seen = 0
    loss_sum = 0.0
    started = time.perf_counter()
    for step in range(1, recipe.steps + 1):
        # One length for all windows of a step: equal lengths share their attention calls.
        length = int(lengths.integers(recipe.shortest_window, recipe.longest_window + 1))
        frames = sampler.draw(recipe.windows_per_step, shortest=length, longest=length)
        labels = torch.from_numpy(frames.labels)
        logits = heads(
            _tokens(tokenizer, frames.nucleotides),
            _tokens(protein_tokenizer, frames.proteins),
        )
        losses = [F.cross_entropy(x, labels) for x in logits]
        loss = torch.stack(losses).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(heads.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        loss_sum += loss.item()
        right += int((logits[-1].argmax(dim=1) == labels).sum())
        seen += len(labels)
        if step % 50 == 0 or step == recipe.steps:
            rate = step / (time.perf_counter() - started)
            log(
                f"step {step} of {recipe.steps}: loss {loss_sum / (step % 50 or 50):.3f}, "
                f"accuracy {right / seen:.3f}, {rate:.1f} steps/s"
            )
            right = seen = 0
            loss_sum = 0.0
    return dna.eval(), protein.eval()


def _pooled(encoder: Encoder, tokens: Tensor, cu_seqlens: Tensor) -> Tensor:
    return mean_pool(
        encoder(tokens, cu_seqlens), cu_seqlens, special_tokens=encoder.pooled_special_tokens
    )


def _tokens(tokenizer: Tokenizer, strings: ByteStrings) -> tuple[Tensor, Tensor]:
    tokens = tokenizer.tokenize(strings)
    return torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets)


def _warm_up_and_cosine(steps: int) -> Callable[[int], float]:
    warm_up = max(1, steps // 20)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return factor
