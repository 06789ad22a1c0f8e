"""ESM-2 and DNABERT-S on packed tokens, the classifier, and the bundles that hold them.

Encoders take tokens laid end to end and ``cu_seqlens``, and never pad::

    bundle = load_bundle(Path("assets/demo"))
    encoder = bundle.load_encoder("protein")
    tokens = bundle.load_tokenizer("protein").tokenize(proteins)
    x = encoder(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets))  # [T, D]
"""

from virnucpro_core.models._attention import (
    ATTENTION_BACKENDS,
    attention_obstacle,
    choose_attention,
)
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
from virnucpro_core.models._convert import (
    convert_dnabert_s,
    convert_esm2,
    publish_dnabert_s,
    publish_esm2,
)
from virnucpro_core.models._convert_pickle import convert_to_safetensors
from virnucpro_core.models._cpu import (
    cpu_bf16_instructions,
    cpu_multiplies_bf16,
    cpu_multiplies_int8,
    cpu_sums_int8_exactly,
)
from virnucpro_core.models._derive_bundle import derive_bundle
from virnucpro_core.models._dnabert_s import DnabertS
from virnucpro_core.models._encoder import Encoder
from virnucpro_core.models._esm2 import Esm2
from virnucpro_core.models._hub import (
    PUBLISHED_MODELS,
    PublishedModel,
    fetch_model,
    find_published,
)
from virnucpro_core.models._hugging_face import HuggingFaceModel, open_hugging_face
from virnucpro_core.models._import_bundle import import_bundle
from virnucpro_core.models._import_classifier import import_classifier
from virnucpro_core.models._import_features import import_features
from virnucpro_core.models._int8 import Int8Linear
from virnucpro_core.models._kmer_tokenizer import KmerTokenizer
from virnucpro_core.models._library import (
    NamedModel,
    bundle_folders,
    list_models,
)
from virnucpro_core.models._mlp import MlpClassifier
from virnucpro_core.models._open_model import open_bundle, open_model
from virnucpro_core.models._pickled_tensors import read_pickled_tensors
from virnucpro_core.models._published_bundles import (
    PUBLISHED_BUNDLES,
    PublishedBundle,
    fetch_bundle,
)
from virnucpro_core.models._size import format_size
from virnucpro_core.models._tokenizers import (
    DnabertSTokenizer,
    Esm2Tokenizer,
    PackedTokens,
    Tokenizer,
)
from virnucpro_core.models._user_folders import cache_folder
from virnucpro_core.models._weights import LinearFactory
from virnucpro_core.models._write_bundle import write_bundle

__all__ = [
    "ATTENTION_BACKENDS",
    "ESM2_CONFIGS",
    "PUBLISHED_BUNDLES",
    "PUBLISHED_MODELS",
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
    "HuggingFaceModel",
    "Int8Linear",
    "KmerTokenizer",
    "LinearFactory",
    "MlpClassifier",
    "NamedModel",
    "PackedTokens",
    "PublishedBundle",
    "PublishedModel",
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
