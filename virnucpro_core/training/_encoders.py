"""Fitting small encoders from nothing to tell viral from cellular frames.

The published encoders were trained to fill in masked tokens of billions of sequences. Some hundred
megabases and a laptop are too little for that, so these encoders learn the task itself: each with a
head of its own on its mean-pooled output. The DNA encoder's token embeddings are fitted first,
without its layers, which takes minutes; then all of it.

Shape letters: ``T`` tokens, ``n`` sequences, ``D`` width, ``F`` frames.
"""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from numpy.typing import NDArray
from torch import Tensor, nn

from virnucpro_core._files import commit, temporary_beside
from virnucpro_core.embedding import mean_pool
from virnucpro_core.models import (
    DnabertS,
    DnabertSConfig,
    Encoder,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
    PackedTokens,
    cpu_multiplies_bf16,
)
from virnucpro_core.training._accuracy import judge
from virnucpro_core.training._classifier import combine_frames
from virnucpro_core.training._codon_pairs import CODON_PAIRS, CodonPairTable
from virnucpro_core.training._labelled_frames import LabelledFrames

__all__ = ["EncoderRecipe", "fit_encoders"]

_SAVE_SECONDS = 60.0
"""Between two checkpoints: as much work as a stopped fit loses at most."""

_LOG_STEPS = 200


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How the encoders are shaped and fitted.

    Attributes:
        dna_layers, protein_layers, dna_width, protein_width, head_width: shape of the encoders.
        table_passes: over the training frames, of the DNA encoder's token embeddings alone.
        dna_passes, protein_passes: of whole encoders.
        table_rate, dna_rate, protein_rate: highest learning rates of AdamW; each warms up over
            5 % of the steps, then a cosine to 0.
        batch_tokens: tokens in a step, about; so that a step of long frames costs as much as one of
            short frames.
        weight_decay: of AdamW.
        hidden: numbers of a head's hidden layer; heads are thrown away when the fitting is done.
        dropout, head_dropout: share of the pooled and of the hidden numbers that a step leaves out.
        noise: share of the tokens that a step replaces by others of the batch.
        label_smoothing: share of a label that goes to the other class: some windows of cells are of
            viral origin, and some of viruses were taken from cells.
        averaging: of the weights over the steps: the result is the mean with weights that fall by
            this factor a step.
        seed: of the weights and of the order of frames.
    """

    dna_layers: int = 1
    protein_layers: int = 2
    dna_width: int = 128
    protein_width: int = 96
    # torch's attention of 24 numbers a head takes a processor four times as long as of 32.
    head_width: int = 32
    table_passes: int = 3
    dna_passes: int = 3
    protein_passes: int = 2
    table_rate: float = 3e-3
    dna_rate: float = 2e-3
    protein_rate: float = 2e-3
    batch_tokens: int = 16_384
    weight_decay: float = 0.05
    hidden: int = 256
    dropout: float = 0.1
    head_dropout: float = 0.2
    noise: float = 0.05
    label_smoothing: float = 0.05
    averaging: float = 0.998
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
    scratch: Path,
    log: Callable[[str], None],
) -> tuple[DnabertS, Esm2]:
    """Fit both encoders on labelled frames.

    Each encoder has a thread, so both are fitted at once. Matrix products are in bf16 where the
    processor has instructions for them. Stopped and called again with the same arguments, it goes
    on from its last checkpoint, and the result is that of an uninterrupted fit. With one thread of
    torch (``torch.set_num_threads(1)``) the same processor gives the same encoders to the last bit.

    Args:
        validation: frames that show how it goes; they have no part in the fitting.
        scratch: directory for the checkpoints, which are of use for nothing else.
        log: called with a line every 200 steps, and with one for each pass.

    Returns:
        The DNA encoder, whose tokens are `CODON_PAIRS`, and the protein encoder.

    Raises:
        UsageError: a package of the extra ``train`` is not installed.
        StoreError: a checkpoint cannot be written.
    """
    torch.manual_seed(recipe.seed)
    table = CodonPairTable(recipe.dna_width)
    dna = _dna_encoder(table, recipe)
    n_heads = recipe.protein_width // recipe.head_width
    protein = Esm2(Esm2Config(recipe.protein_layers, recipe.protein_width, n_heads), "small-esm2")
    stop = threading.Event()
    # Made here: the first weights are drawn from torch's one generator, in this order.
    fit_of_dna = _Fit(recipe, recipe.dna_width, scratch, log, stop)
    fit_of_protein = _Fit(recipe, recipe.protein_width, scratch, log, stop)

    def fit_dna() -> None:
        parts = [_Frames(CODON_PAIRS.tokenize(f.nucleotides), f) for f in (train, validation)]
        fit_of_dna.run("codon pairs", table, parts, recipe.table_passes, recipe.table_rate)
        fit_of_dna.run(
            "DNA encoder", _Pooled(dna), parts, recipe.dna_passes, recipe.dna_rate, recipe.noise
        )

    def fit_protein() -> None:
        parts = [_Frames(Esm2Tokenizer().tokenize(f.proteins), f) for f in (train, validation)]
        fit_of_protein.run(
            "protein encoder",
            _Pooled(protein),
            parts,
            recipe.protein_passes,
            recipe.protein_rate,
            recipe.noise,
        )

    # Denormal numbers would take a fifth of the time.
    with ThreadPoolExecutor(2, initializer=torch.set_flush_denormal, initargs=(True,)) as pool:
        fits = [pool.submit(fit_dna), pool.submit(fit_protein)]
        try:
            for done in as_completed(fits):
                done.result()
        finally:
            # After an error or an interrupt the other thread would go on for hours.
            stop.set()
    _settle_embeddings(dna, table)
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
        ).float()


class _TableRows(nn.Module):
    """The table's rows in the place of an encoder's token embeddings, while it is fitted."""

    def __init__(self, table: CodonPairTable) -> None:
        super().__init__()
        self.table = table

    def forward(self, tokens: Tensor) -> Tensor:
        """[T] to [T, D]."""
        return F.embedding(tokens, self.table.rows())


class _Dropout(nn.Module):
    """`torch.nn.Dropout` with dice of its own: the other encoder's thread throws dice, too."""

    def __init__(self, share: float, random: torch.Generator) -> None:
        super().__init__()
        self._share, self._random = share, random

    def forward(self, x: Tensor) -> Tensor:
        """[n, D] to [n, D]."""
        if not self.training:
            return x
        kept = torch.rand(x.shape, generator=self._random) >= self._share
        return x * kept / (1 - self._share)


def _head(recipe: EncoderRecipe, width: int, random: torch.Generator) -> nn.Sequential:
    """From embeddings [n, D] to logits [n, 2].

    No batch norm: it would make up for any scale, so that weight decay shrinks what differs between
    frames to below what bf16 tells apart; and frames of a batch are of one length, unlike the mean
    over all batches by which it is judged.
    """
    return nn.Sequential(
        nn.LayerNorm(width),
        _Dropout(recipe.dropout, random),
        nn.Linear(width, recipe.hidden),
        nn.LayerNorm(recipe.hidden),
        nn.ReLU(),
        _Dropout(recipe.head_dropout, random),
        nn.Linear(recipe.hidden, 2),
    )


def _dna_encoder(table: CodonPairTable, recipe: EncoderRecipe) -> DnabertS:
    """An encoder on the table's embeddings, whose layers add nothing yet."""
    config = DnabertSConfig(
        n_layers=recipe.dna_layers,
        width=recipe.dna_width,
        n_heads=recipe.dna_width // recipe.head_width,
        feed_forward_width=2 * recipe.dna_width,
        vocabulary_size=CODON_PAIRS.vocabulary_size,
    )
    encoder = DnabertS(config, "small-dnabert-s")
    for layer in encoder.layers:
        for last in ("attention_out", "down"):
            for parameter in layer.get_submodule(last).parameters():
                nn.init.zeros_(parameter)
    # Sums of parts go on being learnt as such: a free row for each pair would learn its training
    # genomes by heart.
    encoder.token_embedding = _TableRows(table)  # type: ignore[assignment]
    encoder.embedding_norm = table.norm
    return encoder


def _settle_embeddings(encoder: DnabertS, table: CodonPairTable) -> None:
    """Give the encoder plain rows in place of the table's sums."""
    encoder.token_embedding = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
        table.rows().detach()
    )


class _Fit:
    """Fitting modules, one after the other, and a head on them to the labels of frames.

    Args:
        width: numbers of an embedding.
        scratch: where the checkpoints go.
        stop: when it is set, the fit ends where it is.
    """

    def __init__(
        self,
        recipe: EncoderRecipe,
        width: int,
        scratch: Path,
        log: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._recipe, self._scratch = recipe, scratch
        self._log, self._stop = log, stop
        self._random = torch.Generator().manual_seed(recipe.seed)
        self._head = _head(recipe, width, self._random)

    def run(
        self,
        name: str,
        embed: nn.Module,
        parts: Sequence[_Frames],
        passes: int,
        rate: float,
        noise: float = 0.0,
    ) -> None:
        """Fit a module and the head.

        Args:
            name: for the log, and for the checkpoint's file.
            embed: from tokens [T] and ``cu_seqlens`` [n + 1] to embeddings [n, D].
            parts: frames to fit to, and frames that show how it goes.
            noise: share of the tokens that a step replaces.
        """
        self._name, self._embed = name, embed
        self._model = nn.ModuleList([embed, self._head])
        self._checkpoint = self._scratch / f"{name.replace(' ', '-')}.pt"
        train, validation = parts
        steps_of_pass = len(self._batches(train, 0))
        self._steps = passes * steps_of_pass
        self._optimizer = self._new_optimizer(rate)
        self._average = {k: v.clone() for k, v in self._model.state_dict().items()}
        done = self._load()
        importance = torch.from_numpy(train.of.class_weights())
        labels = torch.from_numpy(train.of.labels)
        factor = _warm_up_and_cosine(self._steps)
        started, saved = time.perf_counter(), time.monotonic()
        losses: list[float] = []
        for step in range(done, self._steps):
            if self._stop.is_set():
                return
            epoch, within = divmod(step, steps_of_pass)
            if within == 0 or step == done:
                batches = self._batches(train, epoch)
            self._model.train()
            for group in self._optimizer.param_groups:
                group["lr"] = rate * factor(step)
            rows = batches[within]
            logits = self._logits(_noisy(_tensors(train.tokens.take(rows)), noise, self._random))
            weight = importance[rows]
            each = F.cross_entropy(
                logits,
                labels[rows],
                reduction="none",
                label_smoothing=self._recipe.label_smoothing,
            )
            loss = (each * weight).sum() / weight.sum()
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()
            self._take_into_average(step)
            losses.append(loss.item())
            if (step + 1) % _LOG_STEPS == 0:
                pace = (step + 1 - done) / (time.perf_counter() - started)
                self._log(
                    f"{self._name}, step {step + 1} of {self._steps}: "
                    f"loss {np.mean(losses):.3f}, {pace:.1f} steps/s"
                )
                losses.clear()
            if within == steps_of_pass - 1:
                auc = self._auc_of_average(validation)
                self._log(f"{self._name}, pass {epoch + 1} of {passes}: validation AUC {auc:.3f}")
            if time.monotonic() - saved > _SAVE_SECONDS or step + 1 == self._steps:
                self._save(step + 1)
                saved = time.monotonic()
        self._model.load_state_dict(self._average)

    def _new_optimizer(self, rate: float) -> torch.optim.AdamW:
        """Matrices decay; what shifts and scales does not."""
        parameters = list(self._model.parameters())
        return torch.optim.AdamW(
            [
                {
                    "params": [p for p in parameters if p.ndim > 1],
                    "weight_decay": self._recipe.weight_decay,
                },
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=rate,
            betas=(0.9, 0.98),
        )

    def _take_into_average(self, step: int) -> None:
        # The first steps are soon forgotten, or the mean would be of random weights for long.
        kept = min(self._recipe.averaging, 1 - 1 / (step + 10))
        for name, value in self._model.state_dict().items():
            if value.dtype.is_floating_point:
                self._average[name].lerp_(value, 1 - kept)
            else:
                self._average[name].copy_(value)

    def _save(self, step: int) -> None:
        temporary = temporary_beside(self._checkpoint)
        torch.save(
            {
                "step": step,
                "steps": self._steps,
                "model": self._model.state_dict(),
                "average": self._average,
                "optimizer": self._optimizer.state_dict(),
                "random": self._random.get_state(),
            },
            temporary,
        )
        commit(temporary, self._checkpoint)
        _give_back_memory()

    def _load(self) -> int:
        """Steps that were done before; the model, the optimizer and the dice are as they were."""
        if not self._checkpoint.exists():
            return 0
        state = torch.load(self._checkpoint, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._average = state["average"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._random.set_state(state["random"])
        self._log(f"{self._name}: goes on after step {state['step']} of {self._steps}")
        return int(state["step"])

    def _logits(self, tokens: tuple[Tensor, Tensor]) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_multiplies_bf16()):
            embedded = self._embed(*tokens)
        logits: Tensor = self._head(embedded)
        return logits

    def _auc_of_average(self, frames: _Frames) -> float:
        """Area under the ROC curve, over windows, of the averaged weights."""
        fitted = {name: value.clone() for name, value in self._model.state_dict().items()}
        self._model.load_state_dict(self._average)
        scores = np.zeros((len(frames.of), 2), dtype=np.float32)
        self._model.eval()
        with torch.inference_mode():
            for rows in self._batches(frames, 0):
                logits = self._logits(_tensors(frames.tokens.take(rows)))
                scores[rows] = logits.softmax(dim=1).numpy()
        self._model.load_state_dict(fitted)
        windows, window = np.unique(frames.of.window, return_inverse=True)
        labels = np.zeros(len(windows), dtype=np.int64)
        labels[window] = frames.of.labels
        return judge(combine_frames(scores, window, len(windows)), labels).auc

    def _batches(self, frames: _Frames, epoch: int) -> list[NDArray[np.int64]]:
        """All rows in batches of about as many tokens, in an order that is the pass's own.

        Frames of a batch are of like length: equal lengths share their attention calls.
        """
        random = np.random.default_rng([self._recipe.seed, epoch])
        lengths = frames.tokens.lengths
        order = random.permutation(len(frames.of))
        order = order[np.argsort(lengths[order], kind="stable")]
        batches = list(_split_evenly(order, lengths[order], self._recipe.batch_tokens))
        return [batches[i] for i in random.permutation(len(batches))]


def _give_back_memory() -> None:
    """Have glibc give free memory back, which it does by itself for the end of its heap only.

    Every batch has another number of tokens, so the free pieces seldom fit: without this a fit
    takes 8 GB more after ten minutes.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _split_evenly(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], batch_tokens: int
) -> Iterator[NDArray[np.int64]]:
    """Runs of ``rows`` with about ``batch_tokens`` tokens each, as even as they can be."""
    ends = np.cumsum(lengths)
    n_batches = max(1, round(int(ends[-1]) / batch_tokens))
    bounds = np.searchsorted(ends, np.arange(1, n_batches) * ends[-1] / n_batches)
    yield from (part for part in np.split(rows, bounds) if len(part) > 1)


def _tensors(tokens: PackedTokens) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets)


def _noisy(
    tokens: tuple[Tensor, Tensor], share: float, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The tokens with a share of them replaced by tokens from elsewhere in the batch.

    First and last tokens of a sequence stay. Related genes of other families differ in single
    residues; this makes the encoder rely on more than exact words.
    """
    ids, cu_seqlens = tokens
    noisy = torch.rand(len(ids), generator=random) < share
    noisy[cu_seqlens[:-1]] = False
    noisy[cu_seqlens[1:] - 1] = False
    rows = torch.nonzero(noisy)[:, 0]
    ids = ids.clone()
    ids[rows] = ids[rows[torch.randperm(len(rows), generator=random)]]
    return ids, cu_seqlens


def _warm_up_and_cosine(steps: int) -> Callable[[int], float]:
    warm_up = max(1, steps // 20)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return factor
