"""The public names of the package, and the sizes it knows."""

from __future__ import annotations

import pytest

from virnucpro_core import models
from virnucpro_core.models import ESM2_CONFIGS, DnabertSConfig, Esm2Config


def test_public_names() -> None:
    assert sorted(models.__all__) == [
        "ATTENTION_BACKENDS",
        "Bundle",
        "BundleSpec",
        "ClassifierConfig",
        "ClassifierSpec",
        "DnabertS",
        "DnabertSConfig",
        "DnabertSTokenizer",
        "ESM2_CONFIGS",
        "Encoder",
        "EncoderKind",
        "EncoderSpec",
        "Esm2",
        "Esm2Config",
        "Esm2Tokenizer",
        "HuggingFaceModel",
        "Int8Linear",
        "KmerTokenizer",
        "LinearFactory",
        "MlpClassifier",
        "NamedModel",
        "PUBLISHED_BUNDLES",
        "PUBLISHED_MODELS",
        "PackedTokens",
        "PublishedBundle",
        "PublishedModel",
        "SCHEMA_VERSION",
        "Tokenizer",
        "attention_obstacle",
        "bundle_folders",
        "cache_folder",
        "choose_attention",
        "convert_dnabert_s",
        "convert_esm2",
        "convert_to_safetensors",
        "cpu_bf16_instructions",
        "cpu_multiplies_bf16",
        "cpu_multiplies_int8",
        "cpu_sums_int8_exactly",
        "derive_bundle",
        "fetch_bundle",
        "fetch_model",
        "find_published",
        "format_size",
        "import_bundle",
        "import_classifier",
        "import_features",
        "list_models",
        "load_bundle",
        "open_bundle",
        "open_hugging_face",
        "open_model",
        "publish_dnabert_s",
        "publish_esm2",
        "read_pickled_tensors",
        "write_bundle",
    ]
    assert all(hasattr(models, name) for name in models.__all__)


def test_every_published_esm2() -> None:
    shapes = {name: (c.n_layers, c.width, c.n_heads) for name, c in ESM2_CONFIGS.items()}
    assert shapes == {
        "esm2_t6_8M_UR50D": (6, 320, 20),
        "esm2_t12_35M_UR50D": (12, 480, 20),
        "esm2_t30_150M_UR50D": (30, 640, 20),
        "esm2_t33_650M_UR50D": (33, 1280, 20),
        "esm2_t36_3B_UR50D": (36, 2560, 40),
        "esm2_t48_15B_UR50D": (48, 5120, 40),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 32, 4), "n_layers must be a whole number from 1 to 512, not 0"),
        ((1_000_000, 32, 4), "n_layers must be a whole number from 1 to 512, not 1000000"),
        ((2, 2_000_000, 4), "width must be a whole number from 1 to 1048576, not 2000000"),
        ((2, 32.0, 4), r"width must be a whole number from 1 to 1048576, not 32\.0"),
        ((2, 32, True), "n_heads must be a whole number from 1 to 1048576, not True"),
        ((2, 30, 4), "width 30 does not divide into 4 heads of even width"),
        ((2, 12, 4), "width 12 does not divide into 4 heads of even width"),
    ],
)
def test_shapes_that_make_no_encoder(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Esm2Config(*arguments)


def test_dnabert_s_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="width 50 does not divide into 12 heads"):
        DnabertSConfig(width=50)
