"""ESM-2 and DNABERT-S as Hugging Face lays them out: ``config.json`` and the weights beside it.

Weights are safetensors or, where there are none, ``pytorch_model.bin``. Only numbers are read; code
in such a directory and in its pickles is never run.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from virnucpro_core._files import sha256_of_file
from virnucpro_core.errors import BundleError
from virnucpro_core.models._bundle_spec import EncoderKind
from virnucpro_core.models._config import DnabertSConfig, Esm2Config
from virnucpro_core.models._convert import convert_dnabert_s, convert_esm2
from virnucpro_core.models._dnabert_s import DnabertS
from virnucpro_core.models._encoder import Encoder
from virnucpro_core.models._esm2 import Esm2
from virnucpro_core.models._kmer_tokenizer import load_dna_tokenizer
from virnucpro_core.models._tokenizers import Esm2Tokenizer, Tokenizer
from virnucpro_core.models._weight_files import WeightFiles
from virnucpro_core.models._weights import LinearFactory

__all__ = ["HuggingFaceModel", "open_hugging_face"]

CONFIG = "config.json"
# By preference; each may be in pieces, which the file of this name with ".index.json" lists.
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = "tokenizer.json"
_OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# What every ESM-2 has in its config.json, and the computation here is made for.
_ESM2_CONSTANTS = {
    "position_embedding_type": "rotary",
    "token_dropout": True,
    "emb_layer_norm_before": False,
    "layer_norm_eps": 1e-5,
    "vocab_size": Esm2Tokenizer.vocabulary_size,
}
_BERT_EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class HuggingFaceModel:
    """An encoder in a directory of Hugging Face's layout.

    Attributes:
        path: the directory.
        kind: ``"protein"`` for ESM-2, ``"dna"`` for DNABERT-S.
        name: name of the weights.
        config: shape of the encoder.
        files: its files of weights.
        sha256: digest of the weights; of several files, the digest of their digests.
    """

    path: Path
    kind: EncoderKind
    name: str
    config: Esm2Config | DnabertSConfig
    files: tuple[Path, ...]
    sha256: str

    def load_encoder(
        self,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        *,
        attention: str = "auto",
        linear: LinearFactory | None = None,
    ) -> Encoder:
        """The encoder with its weights, for inference.

        Args:
            device, dtype, attention, linear: as in `Bundle.load_encoder`.

        Raises:
            BundleError: a tensor is missing, unexpected or of another shape.
        """
        config = self.config
        try:
            with WeightFiles(self.files) as stored:
                encoder: Encoder
                if isinstance(config, Esm2Config):
                    state = convert_esm2(stored, config)
                    with torch.device("meta"):
                        encoder = Esm2(config, self.name)
                else:
                    state = convert_dnabert_s(stored, config)
                    with torch.device("meta"):
                        encoder = DnabertS(config, self.name)
                _fill(encoder, state, torch.device(device), dtype, linear)
        except BundleError as error:
            raise BundleError(error.what, where=str(self.path), remedy=error.remedy) from error
        except (SafetensorError, OSError) as error:
            raise BundleError(
                f"has weights that cannot be read ({error})",
                where=str(self.path),
                remedy="copy or fetch the model again",
            ) from error
        encoder.attention_backend = attention
        return encoder.eval().requires_grad_(False)

    def load_tokenizer(self) -> Tokenizer:
        """The tokenizer that belongs to the encoder.

        Raises:
            BundleError: ``tokenizer.json`` of a DNA encoder cannot be used.
        """
        if isinstance(self.config, Esm2Config):
            return Esm2Tokenizer()
        return load_dna_tokenizer(
            self.path / _TOKENIZER,
            self.config.vocabulary_size,
            remedy="copy or fetch the model again",
        )


def open_hugging_face(path: Path, *, name: str | None = None) -> HuggingFaceModel:
    """Read what a directory says of its model, and digest its weights.

    Args:
        path: a directory with ``config.json``, ``model.safetensors`` or ``pytorch_model.bin`` (or
            several such files and their index) and, for DNABERT-S, ``tokenizer.json``.
        name: name of the weights; None for the directory's.

    Raises:
        BundleError: the directory holds no ESM-2 or DNABERT-S.
    """
    settings = _read_json(path / CONFIG)
    config = _config(settings, path / CONFIG)
    files = _weight_files(path)
    try:
        digests = [sha256_of_file(file) for file in files]
    except OSError as error:
        raise BundleError(f"cannot be read ({error})", where=str(path)) from error
    sha256 = digests[0] if len(digests) == 1 else _sha256("".join(digests))
    kind: EncoderKind = "protein" if isinstance(config, Esm2Config) else "dna"
    return HuggingFaceModel(path, kind, name or _name_of(path), config, files, sha256)


def _fill(
    encoder: Encoder,
    state: dict[str, Tensor],
    device: torch.device,
    dtype: torch.dtype,
    linear: LinearFactory | None,
) -> None:
    """Give ``encoder`` its weights; ``state`` is used up, so that memory is freed on the way."""
    for name, module in list(encoder.named_modules()):
        if linear is not None and isinstance(module, nn.Linear) and name.startswith("layers."):
            weight, bias = state.pop(f"{name}.weight"), state.pop(f"{name}.bias", None)
            made = linear(weight.to(device), None if bias is None else bias.to(device))
            owner, _, leaf = name.rpartition(".")
            setattr(encoder.get_submodule(owner), leaf, made)
    for name in list(state):
        owner, _, leaf = name.rpartition(".")
        # A copy even where nothing changes: the tensors of `state` are pages of the file.
        tensor = state.pop(name).to(device, dtype, copy=True)
        setattr(encoder.get_submodule(owner), leaf, nn.Parameter(tensor, requires_grad=False))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            remedy="name a directory that holds a model",
        ) from error
    except ValueError as error:
        raise BundleError(f"is not valid JSON ({error})", where=str(path)) from error
    if not isinstance(content, dict):
        raise BundleError("is JSON, but not an object", where=str(path))
    return content


def _config(settings: dict[str, Any], path: Path) -> Esm2Config | DnabertSConfig:
    kind = settings.get("model_type")
    try:
        shape = {
            "n_layers": settings["num_hidden_layers"],
            "width": settings["hidden_size"],
            "n_heads": settings["num_attention_heads"],
        }
        inner = settings["intermediate_size"]
        if kind == "esm":
            for key, expected in _ESM2_CONSTANTS.items():
                if (settings.get(key) or False) != expected:
                    raise ValueError(f"{key} is {settings.get(key)!r}, ESM-2 has {expected!r}")
            esm2 = Esm2Config(**shape)
            if inner != esm2.feed_forward_width:
                raise ValueError(
                    f"intermediate_size is {inner}, ESM-2 has {esm2.feed_forward_width}"
                )
            return esm2
        if kind == "bert":
            epsilon = settings.get("layer_norm_eps", _BERT_EPSILON)
            if epsilon != _BERT_EPSILON:
                raise ValueError(f"layer_norm_eps is {epsilon}, DNABERT-S has {_BERT_EPSILON}")
            size = settings["vocab_size"]
            return DnabertSConfig(**shape, feed_forward_width=inner, vocabulary_size=size)
    except KeyError as error:
        raise BundleError(f"has no {error.args[0]}", where=str(path)) from error
    except ValueError as error:
        raise BundleError(
            f"describes another model: {error}",
            where=str(path),
            remedy="give an ESM-2 or a DNABERT-S",
        ) from error
    raise BundleError(
        f"describes a model of type {kind!r}",
        where=str(path),
        remedy="give an ESM-2 (esm) or a DNABERT-S (bert)",
    )


def _weight_files(path: Path) -> tuple[Path, ...]:
    for name in _WEIGHTS:
        index = path / f"{name}.index.json"
        if (path / name).exists():
            return (path / name,)
        if index.exists():
            return _pieces(index, Path(name).suffix)
    others = [file.name for pattern in _OTHER_WEIGHTS for file in sorted(path.glob(pattern))]
    if others:
        raise BundleError(
            f"has no {_WEIGHTS[0]}, but {others[0]!a}",
            where=str(path),
            remedy=f"convert it with: virnucpro model convert FILE --output {_WEIGHTS[0]}",
        )
    raise BundleError(
        f"has no weights ({_WEIGHTS[0]})", where=str(path), remedy="copy or fetch the model again"
    )


def _pieces(index: Path, suffix: str) -> tuple[Path, ...]:
    names = _read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise BundleError("has no weight_map", where=str(index))
    files = sorted({str(name) for name in names.values()})
    for name in files:
        file = index.with_name(name) if Path(name).name == name else None
        if file is None or file.suffix != suffix or not file.is_file():
            raise BundleError(
                f"names {name!r}, which is not there",
                where=str(index),
                remedy="copy or fetch the model again",
            )
    return tuple(index.with_name(name) for name in files)


def _name_of(path: Path) -> str:
    """The directory's name; in the hub's cache, where that is a commit, the repository's."""
    folder = path.resolve()
    if re.fullmatch("[0-9a-f]{40}", folder.name) and folder.parent.name == "snapshots":
        return folder.parent.parent.name.rpartition("--")[2]
    return folder.name


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
