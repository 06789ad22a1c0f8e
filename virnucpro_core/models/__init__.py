"""ESM-2 and DNABERT-S on packed tokens, the classifier, and the bundles that hold them.

Encoders take tokens laid end to end and ``cu_seqlens``, and never pad::

    bundle = load_bundle(Path("assets/demo"))
    encoder = bundle.load_encoder("protein")
    tokens = bundle.load_tokenizer("protein").tokenize(proteins)
    x = encoder(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets))  # [T, D]
"""

from virnucpro_core.models._bundle import Bundle, load_bundle
from virnucpro_core.models._bundle_spec import (
    SCHEMA_VERSION,
    BundleSpec,
    ClassifierSpec,
    EncoderKind,
    EncoderSpec,
)
from virnucpro_core.models._config import (
    ESM2_CONFIGS,
    ClassifierConfig,
    DnabertSConfig,
    Esm2Config,
)
from virnucpro_core.models._convert import convert_dnabert_s, convert_esm2
from virnucpro_core.models._dnabert_s import DnabertS
from virnucpro_core.models._encoder import Encoder
from virnucpro_core.models._esm2 import Esm2
from virnucpro_core.models._mlp import MlpClassifier
from virnucpro_core.models._tokenizers import (
    DnabertSTokenizer,
    Esm2Tokenizer,
    PackedTokens,
    Tokenizer,
)
from virnucpro_core.models._write_bundle import write_bundle

__all__ = [
    "ESM2_CONFIGS",
    "SCHEMA_VERSION",
    "Bundle",
    "BundleSpec",
    "ClassifierConfig",
    "ClassifierSpec",
    "DnabertS",
    "DnabertSConfig",
    "DnabertSTokenizer",
    "Encoder",
    "EncoderKind",
    "EncoderSpec",
    "Esm2",
    "Esm2Config",
    "Esm2Tokenizer",
    "MlpClassifier",
    "PackedTokens",
    "Tokenizer",
    "convert_dnabert_s",
    "convert_esm2",
    "load_bundle",
    "write_bundle",
]
