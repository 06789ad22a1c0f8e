"""Other programs as contestants, each as its own users run it.

A peer is imported when it is loaded: most of them live in virtual environments of their own.
Shapes: ``n`` sequences, ``D`` width.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EsmCpp", "EsmEfficient", "Faesm", "FairEsm", "Transformers"]

_TOKENS_PER_BATCH = 4_096  # what fair-esm's own script takes
_ESM_CPP_INT8 = "esm_cpp_int8.gguf"


class FairEsm:
    """fair-esm: batches as its script ``esm-extract`` makes them.

    Option of a run: ``toks_per_batch``.
    """

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        from safetensors.torch import load_file

        esm = import_module("esm")
        config = json.loads((model / "published" / "config.json").read_text())
        self._n_layers = config["num_hidden_layers"]
        self._model = esm.model.esm2.ESM2(
            self._n_layers, config["hidden_size"], config["num_attention_heads"]
        )
        state = load_file(model / "published" / "model.safetensors")
        _, unexpected = self._model.load_state_dict(
            {_fair_esm_name(name): tensor for name, tensor in state.items()}, strict=False
        )
        if unexpected:
            raise RuntimeError(f"fair-esm has no tensor {unexpected[0]}")
        self._model.eval()
        self._dataset = esm.data.FastaBatchedDataset
        self._converter = self._model.alphabet.get_batch_converter()
        return "fp32"

    def run(self, sequences: Sequence[str], options: Mapping[str, Any]) -> object:
        return self._embed(sequences, int(options.get("toks_per_batch", _TOKENS_PER_BATCH)))

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return self._embed(sequences, _TOKENS_PER_BATCH)

    def _embed(self, sequences: Sequence[str], toks_per_batch: int) -> NDArray[np.float32]:
        import torch

        labels = [str(i) for i in range(len(sequences))]
        dataset = self._dataset(labels, list(sequences))
        batches = dataset.get_batch_indices(toks_per_batch, extra_toks_per_seq=1)
        values: dict[int, NDArray[np.float32]] = {}
        for rows in batches:
            names, letters, tokens = self._converter([dataset[row] for row in rows])
            with torch.no_grad():
                out = self._model(tokens, repr_layers=[self._n_layers], return_contacts=False)
            hidden = out["representations"][self._n_layers]
            for i, name in enumerate(names):
                values[int(name)] = hidden[i, 1 : len(letters[i]) + 1].mean(0).numpy()
        return np.stack([values[i] for i in range(len(sequences))])


class _HuggingFace:
    """Sorted by length, as many sequences in a padded batch as `_TOKENS_PER_BATCH` allows."""

    _model: Any
    _tokenizer: Any

    def run(self, sequences: Sequence[str], options: Mapping[str, Any]) -> object:
        return self.embed(sequences)

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        import torch

        values: dict[int, NDArray[np.float32]] = {}
        for rows in _sorted_batches([len(letters) + 2 for letters in sequences]):
            batch = self._tokenizer(
                [sequences[row] for row in rows], padding=True, return_tensors="pt"
            )
            with torch.inference_mode():
                hidden = self._hidden(batch)
            for i, row in enumerate(rows):
                mean = hidden[i, 1 : len(sequences[row]) + 1].float().mean(0)
                values[row] = mean.numpy()
        return np.stack([values[i] for i in range(len(sequences))])

    def _hidden(self, batch: Any) -> Any:
        raise NotImplementedError


class Transformers(_HuggingFace):
    """Hugging Face transformers with PyTorch's scaled-dot-product attention.

    Options: ``precision``, fp32 or bf16.
    """

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        import torch

        transformers = import_module("transformers")
        precision = str(options.get("precision", "fp32"))
        path = str(model / "published")
        self._model = transformers.EsmModel.from_pretrained(
            path,
            add_pooling_layer=False,
            attn_implementation="sdpa",
            dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
        ).eval()
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        return precision

    def _hidden(self, batch: Any) -> Any:
        return self._model(**batch).last_hidden_state


class Faesm(_HuggingFace):
    """faesm with PyTorch's attention: its packing needs flash-attn, which needs CUDA."""

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        faesm = import_module("faesm.esm")
        path = str(model / "published")
        self._model = faesm.FAEsmForMaskedLM.from_pretrained(path, use_fa=False).eval()
        self._tokenizer = self._model.tokenizer
        return "fp32"

    def _hidden(self, batch: Any) -> Any:
        return self._model(batch["input_ids"])["last_hidden_state"]


class EsmEfficient:
    """esm-efficient, whose only attention is flash-attn's: it cannot run on a CPU."""

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        import_module("flash_attn")  # first: what is missing should be named
        import_module("esme")
        raise RuntimeError("its only attention is flash-attn's, which runs on CUDA alone")

    def run(self, sequences: Sequence[str], options: Mapping[str, Any]) -> object:
        raise NotImplementedError

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError


class EsmCpp:
    """esm.cpp through its scheduler for many sequences, which returns logits.

    Its embeddings come one sequence at a time, so only the comparison asks for them.
    Options: ``precision``, fp32 or int8, and ``calibration``, sequences for `prepare`.
    """

    def prepare(self, model: Path, options: Mapping[str, Any]) -> None:
        """Quantise the weights to int8 as its documentation says, unless it has been done."""
        quantised = model / _ESM_CPP_INT8
        if not quantised.exists():
            esm_cpp = import_module("esm_cpp")
            weights = model / "published" / "model.safetensors"
            self._tokenizer = esm_cpp.Tokenizer()
            self._quantise(esm_cpp, weights, quantised, options["calibration"])

    def load(self, model: Path, options: Mapping[str, Any]) -> str:
        esm_cpp = import_module("esm_cpp")
        precision = str(options.get("precision", "fp32"))
        weights = model / "published" / "model.safetensors"
        self._tokenizer = esm_cpp.Tokenizer()
        if precision == "int8":
            self._model = esm_cpp.Model.load_from_gguf(str(model / _ESM_CPP_INT8))
        else:
            self._model = esm_cpp.Model.load_from_safetensors(str(weights))
        return precision

    def run(self, sequences: Sequence[str], options: Mapping[str, Any]) -> object:
        return self._model.forward_scheduled([self._ids(letters) for letters in sequences])

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        means = []
        for letters in sequences:
            _, hidden = self._model.forward_with_hidden_states(self._ids(letters))
            means.append(hidden[-1][1:-1].mean(0))
        return np.stack(means)

    def _ids(self, letters: str) -> NDArray[np.int32]:
        return np.asarray(self._tokenizer.encode(letters), dtype=np.int32)

    def _quantise(
        self, esm_cpp: Any, weights: Path, quantised: Path, calibration: Sequence[str]
    ) -> None:
        model = esm_cpp.Model.load_from_safetensors(str(weights))
        observer = esm_cpp.ActivationObserver()
        for letters in calibration:
            ids = self._ids(letters)
            model.forward_with_observer(ids, np.ones_like(ids), observer)
        model.apply_smoothquant(observer.percentile(99.9), 0.5)
        model.quantize_weights()
        part = quantised.with_name(f".{quantised.name}.part")
        model.save_to_gguf(str(part))
        part.replace(quantised)


def _sorted_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows from the shortest to the longest; a batch has at most `_TOKENS_PER_BATCH` padded."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if batch and (len(batch) + 1) * lengths[row] > _TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _fair_esm_name(name: str) -> str:
    """fair-esm's name of a tensor of the Hugging Face files."""
    for theirs, fair in (
        ("esm.embeddings.word_embeddings.", "embed_tokens."),
        ("esm.encoder.emb_layer_norm_after.", "emb_layer_norm_after."),
        ("esm.contact_head.", "contact_head."),
        ("esm.encoder.layer.", "layers."),
        (".attention.self.query.", ".self_attn.q_proj."),
        (".attention.self.key.", ".self_attn.k_proj."),
        (".attention.self.value.", ".self_attn.v_proj."),
        (".attention.self.rotary_embeddings.", ".self_attn.rot_emb."),
        (".attention.output.dense.", ".self_attn.out_proj."),
        (".attention.LayerNorm.", ".self_attn_layer_norm."),
        (".intermediate.dense.", ".fc1."),
        (".output.dense.", ".fc2."),
        (".LayerNorm.", ".final_layer_norm."),
    ):
        name = name.replace(theirs, fair)
    return name
