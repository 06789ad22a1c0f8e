from ._attention import (
    ATTENTION_BACKENDS,
    attention_obstacle,
    choose_attention,
)
from ._bundle import Bundle, load_bundle
from ._bundle_spec import (
    SCHEMA_VERSION,
    BundleSpec,
    ClassifierSpec,
    EncoderKind,
    EncoderSpec,
)
from ._classifier import Classifier
from ._config import (
    ESM2_CONFIGS,
    ClassifierConfig,
    DnabertSConfig,
    Esm2Config,
)
from ._convert import (
    convert_dnabert_s,
    convert_esm2,
    publish_dnabert_s,
    publish_esm2,
)
from ._convert_pickle import convert_to_safetensors
from ._cpu import (
    cpu_bf16_instructions,
    cpu_multiplies_bf16,
    cpu_multiplies_int8,
    cpu_sums_int8_exactly,
)
from ._derive_bundle import derive_bundle
from ._dnabert_s import DnabertS
from ._encoder import Encoder
from ._esm2 import Esm2
from ._hub import (
    PUBLISHED_MODELS,
    PublishedModel,
    fetch_model,
    find_published,
)
from ._hugging_face import HuggingFaceModel, open_hugging_face
from ._import_bundle import import_bundle
from ._import_classifier import import_classifier
from ._import_features import import_features
from ._int8 import Int8Linear
from ._kmer_tokenizer import KmerTokenizer
from ._library import (
    NamedModel,
    bundle_folders,
    list_models,
)
from ._mlp import MlpClassifier
from ._open_model import open_bundle, open_model
from ._pickled_tensors import read_pickled_tensors
from ._published_bundles import (
    PUBLISHED_BUNDLES,
    PublishedBundle,
    fetch_bundle,
)
from ._reliability import Reliability
from ._size import format_size
from ._tokenizers import (
    DnabertSTokenizer,
    Esm2Tokenizer,
    PackedTokens,
    Tokenizer,
)
from ._user_folders import cache_folder
from ._weights import LinearFactory
from ._write_bundle import write_bundle

__all__ = [
    "ATTENTION_BACKENDS",
    "ESM2_CONFIGS",
    "PUBLISHED_BUNDLES",
    "PUBLISHED_MODELS",
    "SCHEMA_VERSION",
    "Bundle",
    "BundleSpec",
    "Classifier",
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
    "Reliability",
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
