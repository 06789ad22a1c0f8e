"""Models in Hugging Face's layout: the same numbers as the reference, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import EsmConfig, EsmModel

from tests.unit.models.hugging_face import ESM2_CONFIG, esm2_tensors, write_dnabert_s, write_esm2
from virnucpro_core._files import sha256_of_file
from virnucpro_core.errors import BundleError
from virnucpro_core.models import Esm2Tokenizer, HuggingFaceModel, Int8Linear, open_hugging_face
from virnucpro_core.store import ByteStrings

# fp32 against fp32: 20 times what was seen.
SAME_MODEL = 1e-5
PROTEIN = "MKTAYIAKQRQISFVKSHFSRQ"


def hidden(model: HuggingFaceModel, **options: object) -> torch.Tensor:
    tokens = model.load_tokenizer().tokenize(ByteStrings.from_iterable([PROTEIN.encode()]))
    encoder = model.load_encoder(**options)
    with torch.inference_mode():
        return encoder(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets))


def reference() -> torch.Tensor:
    """The same weights in ``transformers``."""
    model = EsmModel(EsmConfig(**ESM2_CONFIG), add_pooling_layer=False).eval()
    weights = {
        name.removeprefix("esm."): tensor
        for name, tensor in esm2_tensors().items()
        if name.startswith("esm.")
    }
    loaded = model.load_state_dict(weights, strict=False)
    assert loaded.unexpected_keys == []
    assert not [name for name in loaded.missing_keys if name.startswith(("encoder", "embed"))]
    packed = Esm2Tokenizer().tokenize(ByteStrings.from_iterable([PROTEIN.encode()]))
    tokens = torch.from_numpy(packed.ids).long()[None]
    with torch.inference_mode():
        return model(tokens, attention_mask=torch.ones_like(tokens))[0][0]


@pytest.mark.parametrize("n_files", [1, 3])
def test_esm2_is_that_of_transformers(tmp_path: Path, n_files: int) -> None:
    model = open_hugging_face(write_esm2(tmp_path / "esm2", n_files=n_files))
    assert (model.kind, model.name, model.config.n_layers) == ("protein", "esm2", 2)
    difference = (hidden(model) - reference()).abs().max().item()
    assert difference < SAME_MODEL


def test_layers_can_be_made_int8(tmp_path: Path) -> None:
    model = open_hugging_face(write_esm2(tmp_path / "esm2"))
    encoder = model.load_encoder(linear=Int8Linear.from_float)
    kinds = [type(part) for name, part in encoder.named_modules() if name.endswith(".qkv")]
    assert kinds == [Int8Linear, Int8Linear]
    assert not [name for name, tensor in encoder.named_parameters() if tensor.is_meta]


def test_dnabert_s_loads_with_its_tokenizer(tmp_path: Path) -> None:
    model = open_hugging_face(write_dnabert_s(tmp_path / "dna"))
    assert model.kind == "dna"
    tokens = model.load_tokenizer().tokenize(ByteStrings.from_iterable([b"ACGTTT"]))
    out = model.load_encoder(dtype=torch.bfloat16)(
        torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets)
    )
    assert out.dtype == torch.bfloat16
    assert torch.isfinite(out).all()


def test_the_digest_is_that_of_the_weights_and_the_name_that_of_the_repository(
    tmp_path: Path,
) -> None:
    cache = tmp_path / "models--facebook--esm2_tiny" / "snapshots" / ("a" * 40)
    model = open_hugging_face(write_esm2(cache))
    assert model.name == "esm2_tiny"
    assert model.sha256 == sha256_of_file(cache / "model.safetensors")
    other = open_hugging_face(write_esm2(tmp_path / "other", seed=1, n_files=2))
    assert len(other.sha256) == 64
    assert other.sha256 != model.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "t5"}, "describes a model of type 't5'"),
        ({"position_embedding_type": "absolute"}, "position_embedding_type is 'absolute'"),
        ({"layer_norm_eps": 1e-12}, "layer_norm_eps is 1e-12, ESM-2 has 1e-05"),
        ({"intermediate_size": 32}, "intermediate_size is 32, ESM-2 has 64"),
        ({"num_attention_heads": 3}, "does not divide into 3 heads"),
        ({"hidden_size": "16"}, "width must be a whole number"),
        ({"num_hidden_layers": 3}, "has no tensor esm.encoder.layer.2"),
        ({"num_hidden_layers": 1}, "unexpected tensor esm.encoder.layer.1"),
    ],
)
def test_another_model_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    path = write_esm2(tmp_path / "esm2")
    (path / "config.json").write_text(json.dumps({**ESM2_CONFIG, **change}))
    with pytest.raises(BundleError, match=message) as caught:
        open_hugging_face(path).load_encoder()
    assert str(path) in str(caught.value)


def test_broken_directories_are_refused(tmp_path: Path) -> None:
    path = write_esm2(tmp_path / "esm2", n_files=2)
    (path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(BundleError, match=r"00002\.safetensors', which is not there"):
        open_hugging_face(path)
    (path / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(BundleError, match="weights that cannot be read"):
        open_hugging_face(path).load_encoder()
    (path / "config.json").write_text("[")
    with pytest.raises(BundleError, match="is not valid JSON"):
        open_hugging_face(path)


def test_weights_in_other_files_are_told_how_to_convert(tmp_path: Path) -> None:
    path = write_esm2(tmp_path / "esm2")
    (path / "model.safetensors").rename(path / "esm2.pt")
    with pytest.raises(BundleError, match=r"but 'esm2.pt'; convert it with: virnucpro model conv"):
        open_hugging_face(path)
    (path / "esm2.pt").rename(path / "pytorch_model.bin")
    with pytest.raises(BundleError, match=r"it is no file of torch\.save"):
        open_hugging_face(path).load_encoder()
