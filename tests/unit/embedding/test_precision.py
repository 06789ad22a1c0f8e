"""The accuracy that each number format must keep, on random weights and on the demo model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.bundles import make_bundle
from tests.unit.models.helpers import byte_strings, proteins, randomise
from virnucpro_core.calling import predict_scores
from virnucpro_core.embedding import (
    EmbedSettings,
    Precision,
    embed,
    load_encoder,
    resolve_settings,
)
from virnucpro_core.errors import UsageError
from virnucpro_core.models import (
    Bundle,
    Encoder,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
    Int8Linear,
    cpu_multiplies_int8,
    load_bundle,
)
from virnucpro_core.sequences import PrepareSettings, prepare
from virnucpro_core.store import FrameShard, read_shard

ASSETS = Path(__file__).parents[3] / "assets"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a number format must keep of fp32.

    Attributes:
        cosine: least cosine between a sequence's embedding and that in fp32.
        agreement: least share of frames with the same call.
    """

    cosine: float
    agreement: float


GATES = {
    Precision.BF16: Gate(cosine=0.999, agreement=0.998),
    Precision.FP16: Gate(cosine=0.999, agreement=0.998),
    Precision.INT8: Gate(cosine=0.99, agreement=0.99),
}
every_precision = pytest.mark.parametrize(
    "precision",
    [
        Precision.BF16,
        Precision.FP16,
        pytest.param(
            Precision.INT8,
            marks=pytest.mark.skipif(
                not cpu_multiplies_int8(), reason="int8 products need an x86 processor with AVX2"
            ),
        ),
    ],
)


def settings(precision: Precision) -> EmbedSettings:
    return EmbedSettings(torch.device("cpu"), precision, 4096)


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    a, b = a.astype(np.float64), b.astype(np.float64)
    products: NDArray[np.float64] = (a * b).sum(axis=1)
    return products / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return load_bundle(ASSETS / "models" / "demo")


@dataclass(frozen=True, slots=True)
class Real:
    """Frames of the demo reads, real sequences, and their two embeddings in fp32."""

    frames: FrameShard
    embeddings: tuple[NDArray[np.float32], ...]


@pytest.fixture(scope="module")
def whole_reads(demo: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """The frames that the pipeline would call."""
    return real(demo, demo.window_size, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def many_frames(demo: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """More than 1,000 frames: of few, a single tie that falls the other way would be 0.2 %."""
    return real(demo, 150, tmp_path_factory.mktemp("many"))


def real(demo: Bundle, window_size: int, folder: Path) -> Real:
    settings = PrepareSettings("demo", window_size, shard_frames=20_000)
    prepare(ASSETS / "demo" / "reads.fasta.gz", folder, settings)
    (path,) = folder.glob("**/*.shard*")
    frames = read_shard(path)
    return Real(frames, embed_both(demo, frames, Precision.FP32))


def embed_both(
    bundle: Bundle, frames: FrameShard, precision: Precision
) -> tuple[NDArray[np.float32], ...]:
    return tuple(
        embed(
            frames.nucleotides if kind == "dna" else frames.proteins,
            load_encoder(bundle, kind, settings(precision)),
            bundle.load_tokenizer(kind),
            settings(precision),
            layer=bundle.encoder_spec(kind).layer,
        ).values
        for kind in ("dna", "protein")
    )


@every_precision
def test_every_embedding_of_real_frames_keeps_its_direction(
    demo: Bundle, whole_reads: Real, precision: Precision
) -> None:
    found = embed_both(demo, whole_reads.frames, precision)
    for values, expected in zip(found, whole_reads.embeddings, strict=True):
        assert cosines(values, expected).min() >= GATES[precision].cosine
        assert not np.array_equal(values, expected)


@every_precision
def test_real_frames_are_called_alike(
    demo: Bundle, many_frames: Real, precision: Precision
) -> None:
    assert len(many_frames.frames) > 1_000
    found = embed_both(demo, many_frames.frames, precision)
    classifier = demo.load_classifier()
    calls, expected_calls = (
        predict_scores(np.concatenate(features, axis=1), classifier).argmax(axis=1)
        for features in (found, many_frames.embeddings)
    )
    assert 0 < expected_calls.mean() < 1
    assert (calls == expected_calls).mean() >= GATES[precision].agreement


@every_precision
def test_random_weights_keep_every_embedding(precision: Precision) -> None:
    dtype = settings(precision).dtype
    encoder, quantised = random_encoder(), random_encoder().to(dtype)
    if precision is Precision.INT8:
        # The scales of int8 weights stay in fp32, so the layers come after the cast.
        for layer, whole in zip(quantised.layers, encoder.layers, strict=True):
            for name, part in whole.named_children():
                if isinstance(part, torch.nn.Linear):
                    made = Int8Linear.from_float(part.weight, part.bias.to(dtype))
                    setattr(layer, name, made)
    strings = byte_strings(proteins([3, 40, 41, 77, 100, 100, 180]))
    expected, found = (
        embed(strings, model, Esm2Tokenizer(), settings(kind)).values
        for model, kind in ((encoder, Precision.FP32), (quantised, precision))
    )
    assert cosines(found, expected).min() >= GATES[precision].cosine


def random_encoder() -> Encoder:
    encoder = Esm2(Esm2Config(n_layers=6, width=160, n_heads=10)).eval()
    randomise(encoder, 4, gain=1.0)
    return encoder.requires_grad_(False)


@pytest.mark.skipif(not cpu_multiplies_int8(), reason="int8 products need AVX2")
def test_int8_replaces_the_linear_layers_of_a_bundle(tmp_path: Path) -> None:
    bundle = load_bundle(make_bundle(tmp_path / "bundle"))
    for kind in ("dna", "protein"):
        encoder = load_encoder(bundle, kind, settings(Precision.INT8))
        left = [
            m for layer in encoder.layers for m in layer.modules() if type(m).__name__ == "Linear"
        ]
        assert not left
        assert any(isinstance(m, Int8Linear) for m in encoder.modules())


def test_disable_fp16_forbids_half_precision() -> None:
    environment = {"VIRNUCPRO_DISABLE_FP16": "true"}
    chosen = resolve_settings("cpu", Precision.AUTO, 0, environment=environment)
    assert chosen.precision is Precision.FP32
    for precision in (Precision.BF16, Precision.FP16):
        with pytest.raises(UsageError, match="VIRNUCPRO_DISABLE_FP16"):
            resolve_settings("cpu", precision, 0, environment=environment)


@pytest.mark.parametrize(
    ("value", "packed"), [("1", False), ("TRUE", False), ("0", True), ("", True)]
)
def test_disable_packing_is_a_switch(value: str, packed: bool) -> None:
    environment = {"VIRNUCPRO_DISABLE_PACKING": value}
    assert resolve_settings("cpu", Precision.FP32, 0, environment=environment).packed is packed


def test_a_switch_that_is_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(UsageError, match=r"VIRNUCPRO_DISABLE_PACKING is 'maybe'"):
        resolve_settings(
            "cpu", Precision.FP32, 0, environment={"VIRNUCPRO_DISABLE_PACKING": "maybe"}
        )


def test_int8_is_refused_where_it_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virnucpro_core.embedding._settings.cpu_multiplies_int8", lambda: False)
    with pytest.raises(UsageError, match="int8 needs an x86 processor"):
        resolve_settings("cpu", Precision.INT8, 0)
