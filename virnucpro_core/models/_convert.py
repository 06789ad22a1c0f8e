"""Published checkpoints to our tensor names: fair-esm's, Hugging Face's, and DNABERT-S's.

And back, to the names of fair-esm and of DNABERT-S, for whoever runs the published modules.

The state dicts come in already loaded; nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from virnucpro_core.errors import BundleError
from virnucpro_core.models._config import DnabertSConfig, Esm2Config
from virnucpro_core.models._tokenizers import Esm2Tokenizer

__all__ = ["convert_dnabert_s", "convert_esm2", "publish_dnabert_s", "publish_esm2"]

# Parts of checkpoints that embeddings do not need: heads, poolers, and buffers that only hold
# counted numbers. `position_embeddings` is left over in Hugging Face's ESM-2 files, whose model
# has rotary positions.
_UNUSED = frozenset(
    {
        *("lm_head", "contact_head", "cls", "pooler"),
        *("position_ids", "inv_freq", "position_embeddings", "token_type_ids"),
    }
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One of our tensors and what it is made from.

    Attributes:
        target: our name.
        sources: the checkpoint's names, without prefix.
        shape: shape of each source; None accepts any number of rows.
        first_row: take row 0 instead of joining the sources by rows.
    """

    target: str
    sources: tuple[str, ...]
    shape: tuple[int | None, ...]
    first_row: bool = False


def convert_esm2(state: Mapping[str, Tensor], config: Esm2Config) -> dict[str, Tensor]:
    """The state dict of `Esm2` from a fair-esm or Hugging Face state dict of ESM-2.

    Prefixes (``encoder.sentence_encoder.``, ``esm.``, …) may be there or not; language-model and
    contact heads are dropped.

    Raises:
        BundleError: a tensor is missing, unexpected or of another shape than ``config`` asks for.
    """
    # A name that only fair-esm has in every layer, whatever else is missing.
    if any(".self_attn_layer_norm." in name for name in state):
        return _convert(state, "embed_tokens.weight", _fair_esm_rules(config))
    return _convert(state, "embeddings.word_embeddings.weight", _hugging_face_rules(config))


def convert_dnabert_s(state: Mapping[str, Tensor], config: DnabertSConfig) -> dict[str, Tensor]:
    """The state dict of `DnabertS` from a published state dict of DNABERT-S (or DNABERT-2).

    The prefix ``bert.`` may be there or not; pooler and language-model head are dropped.

    Raises:
        BundleError: a tensor is missing, unexpected or of another shape than ``config`` asks for.
    """
    return _convert(state, "embeddings.word_embeddings.weight", _dnabert_s_rules(config))


def publish_esm2(state: Mapping[str, Tensor], config: Esm2Config) -> dict[str, Tensor]:
    """The state dict of `Esm2` by fair-esm's names; what `convert_esm2` drops stays dropped.

    The tensors share their memory with those of ``state``.
    """
    return _publish(state, _fair_esm_rules(config))


def publish_dnabert_s(state: Mapping[str, Tensor], config: DnabertSConfig) -> dict[str, Tensor]:
    """The state dict of `DnabertS` by its published names, without prefix; see `publish_esm2`."""
    return _publish(state, _dnabert_s_rules(config))


def _fair_esm_rules(config: Esm2Config) -> list[_Rule]:
    width, inner = config.width, config.feed_forward_width
    rules = [
        _Rule("token_embedding.weight", ("embed_tokens.weight",), _esm2_embedding(config)),
        *_norm("final_norm", "emb_layer_norm_after", width),
    ]
    for i in range(config.n_layers):
        ours, theirs = f"layers.{i}", f"layers.{i}"
        attention = [f"{theirs}.self_attn.{part}_proj" for part in ("q", "k", "v")]
        rules += [
            *_norm(f"{ours}.attention_norm", f"{theirs}.self_attn_layer_norm", width),
            *_linear(f"{ours}.qkv", attention, (width, width)),
            *_linear(f"{ours}.attention_out", [f"{theirs}.self_attn.out_proj"], (width, width)),
            *_norm(f"{ours}.feed_forward_norm", f"{theirs}.final_layer_norm", width),
            *_linear(f"{ours}.up", [f"{theirs}.fc1"], (inner, width)),
            *_linear(f"{ours}.down", [f"{theirs}.fc2"], (width, inner)),
        ]
    return rules


def _hugging_face_rules(config: Esm2Config) -> list[_Rule]:
    width, inner = config.width, config.feed_forward_width
    embedding = "embeddings.word_embeddings.weight"
    rules = [
        _Rule("token_embedding.weight", (embedding,), _esm2_embedding(config)),
        *_norm("final_norm", "encoder.emb_layer_norm_after", width),
    ]
    for i in range(config.n_layers):
        ours, theirs = f"layers.{i}", f"encoder.layer.{i}"
        attention = [f"{theirs}.attention.self.{part}" for part in ("query", "key", "value")]
        out = [f"{theirs}.attention.output.dense"]
        rules += [
            *_norm(f"{ours}.attention_norm", f"{theirs}.attention.LayerNorm", width),
            *_linear(f"{ours}.qkv", attention, (width, width)),
            *_linear(f"{ours}.attention_out", out, (width, width)),
            *_norm(f"{ours}.feed_forward_norm", f"{theirs}.LayerNorm", width),
            *_linear(f"{ours}.up", [f"{theirs}.intermediate.dense"], (inner, width)),
            *_linear(f"{ours}.down", [f"{theirs}.output.dense"], (width, inner)),
        ]
    return rules


def _dnabert_s_rules(config: DnabertSConfig) -> list[_Rule]:
    width, inner = config.width, config.feed_forward_width
    words, types = "embeddings.word_embeddings.weight", "embeddings.token_type_embeddings.weight"
    rules = [
        _Rule("token_embedding.weight", (words,), (config.vocabulary_size, width)),
        _Rule("token_type_embedding", (types,), (None, width), first_row=True),
        *_norm("embedding_norm", "embeddings.LayerNorm", width),
    ]
    for i in range(config.n_layers):
        ours, theirs = f"layers.{i}", f"encoder.layer.{i}"
        out, gated = f"{theirs}.attention.output", f"{theirs}.mlp.gated_layers.weight"
        rules += [
            *_linear(f"{ours}.qkv", [f"{theirs}.attention.self.Wqkv"], (3 * width, width)),
            *_linear(f"{ours}.attention_out", [f"{out}.dense"], (width, width)),
            *_norm(f"{ours}.attention_norm", f"{out}.LayerNorm", width),
            _Rule(f"{ours}.gate_and_up.weight", (gated,), (2 * inner, width)),
            *_linear(f"{ours}.down", [f"{theirs}.mlp.wo"], (width, inner)),
            *_norm(f"{ours}.feed_forward_norm", f"{theirs}.mlp.layernorm", width),
        ]
    return rules


def _esm2_embedding(config: Esm2Config) -> tuple[int, int]:
    return (Esm2Tokenizer.vocabulary_size, config.width)


def _norm(ours: str, theirs: str, width: int) -> Iterable[_Rule]:
    for part in ("weight", "bias"):
        yield _Rule(f"{ours}.{part}", (f"{theirs}.{part}",), (width,))


def _linear(ours: str, theirs: list[str], shape: tuple[int, int]) -> Iterable[_Rule]:
    """Several linear layers of one ``shape`` become one with their rows in that order."""
    weights = tuple(f"{name}.weight" for name in theirs)
    biases = tuple(f"{name}.bias" for name in theirs)
    yield _Rule(f"{ours}.weight", weights, shape)
    yield _Rule(f"{ours}.bias", biases, shape[:1])


def _convert(state: Mapping[str, Tensor], anchor: str, rules: list[_Rule]) -> dict[str, Tensor]:
    """Apply ``rules``; the prefix is whatever stands before the tensor ``anchor``."""
    anchors = [name for name in state if _has_suffix(name, anchor)]
    if len(anchors) != 1:
        count = len(anchors) or "no"
        raise BundleError(
            f"the checkpoint has {count} tensors named {anchor}, it should have one",
            remedy="use the weights of the architecture that the bundle names",
        )
    prefix = anchors[0].removesuffix(anchor)
    known = {prefix + source for rule in rules for source in rule.sources}
    for name in state:
        if name not in known and _UNUSED.isdisjoint(name.split(".")):
            raise BundleError(
                f"the checkpoint has an unexpected tensor {name}",
                remedy="check that the weights and the configured shape are of the same model",
            )
    return {rule.target: _apply(rule, prefix, state.get) for rule in rules}


def _apply(rule: _Rule, prefix: str, find: Callable[[str], Tensor | None]) -> Tensor:
    parts: list[Tensor] = []
    for source in rule.sources:
        name = prefix + source
        tensor = find(name)
        if tensor is None:
            raise BundleError(
                f"the checkpoint has no tensor {name}",
                remedy="check that the weights and the configured shape are of the same model",
            )
        expected = tuple(
            size if wanted is None else wanted
            for size, wanted in zip(tensor.shape, rule.shape, strict=False)
        )
        if tensor.ndim != len(rule.shape) or tuple(tensor.shape) != expected:
            wanted_shape = ["any" if size is None else size for size in rule.shape]
            raise BundleError(
                f"tensor {name} has shape {list(tensor.shape)}, the configuration asks for "
                f"[{', '.join(map(str, wanted_shape))}]",
                remedy="check that the weights and the configured shape are of the same model",
            )
        parts.append(tensor)
    if rule.first_row:
        return parts[0][0].clone()
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _publish(state: Mapping[str, Tensor], rules: list[_Rule]) -> dict[str, Tensor]:
    published: dict[str, Tensor] = {}
    for rule in rules:
        tensor = state[rule.target]
        parts = (tensor[None],) if rule.first_row else tensor.chunk(len(rule.sources))
        published |= zip(rule.sources, parts, strict=True)
    return published


def _has_suffix(name: str, suffix: str) -> bool:
    return name == suffix or name.endswith("." + suffix)
