"""The models that have a name: bundles in folders made for them, and published encoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core.errors import BundleError
from virnucpro_core.models._bundle import MANIFEST, parse_manifest
from virnucpro_core.models._config import ESM2_CONFIGS, DnabertSConfig
from virnucpro_core.models._hub import PUBLISHED_MODELS, PublishedModel
from virnucpro_core.models._hub_download import find_downloaded
from virnucpro_core.models._published_bundles import PUBLISHED_BUNDLES
from virnucpro_core.models._user_folders import models_folder

__all__ = ["NamedModel", "bundle_folders", "find_bundle", "list_bundles", "list_models"]

_FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model that can be asked for by name.

    Attributes:
        name: what it is called by.
        kind: ``"bundle"``, or ``"encoder"`` for a published one.
        n_bytes: size of its files; if it is not fetched, of its encoders' weights in fp32.
        licence: of the weights, as far as it is known.
        state: where it is, or why it is not, for people.
    """

    name: str
    kind: str
    n_bytes: int
    licence: str
    state: str


def bundle_folders() -> tuple[Path, ...]:
    """Where bundles lie that are called by name, the user's own first.

    The second is the project's, in its source tree. lib/Provenance.groovy looks in both, too.
    """
    return models_folder(), Path(__file__).parents[2] / "assets" / "models"


def find_bundle(name: str) -> Path | None:
    """The bundle of this name; None where there is none."""
    if "/" in name or name.startswith("."):
        return None
    found = (folder / name for folder in bundle_folders())
    return next((path for path in found if _is_bundle(path)), None)


def _is_bundle(path: Path) -> bool:
    try:
        return (path / MANIFEST).is_file()
    except OSError:
        return False  # in a folder that may not be looked into


def list_models() -> list[NamedModel]:
    """Every model that has a name here: bundles, then published encoders.

    A bundle that cannot be read is listed too, with the reason.
    """
    there = list(list_bundles())
    names = {bundle.name for bundle in there}
    absent = [_absent(name) for name in PUBLISHED_BUNDLES if name not in names]
    encoders = [_encoder(name, model) for name, model in PUBLISHED_MODELS.items()]
    return [*there, *absent, *encoders]


def list_bundles() -> Iterator[NamedModel]:
    """The bundles that `find_bundle` finds, by folder and name.

    A folder that may not be looked into, as another user's home in a container, has none.
    """
    seen = set()
    for folder in bundle_folders():
        try:
            manifests = sorted(folder.glob(f"*/{MANIFEST}"))
        except OSError:
            continue
        for manifest in manifests:
            path = manifest.parent
            if path.name not in seen and not path.name.startswith("."):
                seen.add(path.name)
                yield _bundle(path)


def _bundle(path: Path) -> NamedModel:
    n_bytes = sum(file.stat().st_size for file in path.iterdir() if file.is_file())
    try:
        spec = parse_manifest((path / MANIFEST).read_bytes(), str(path / MANIFEST))
    except (BundleError, OSError) as error:
        return NamedModel(path.name, "bundle", n_bytes, "?", f"cannot be used: {error}")
    return NamedModel(path.name, "bundle", n_bytes, spec.licence, str(path))


def _absent(name: str) -> NamedModel:
    n_bytes = _weights_bytes("DNABERT-S") + _weights_bytes("esm2_t36_3B_UR50D")
    return NamedModel(name, "bundle", n_bytes, "MIT and its encoders'", "not fetched")


def _encoder(name: str, model: PublishedModel) -> NamedModel:
    folder = find_downloaded(model.repository, model.revision)
    if folder is None:
        return NamedModel(name, "encoder", _weights_bytes(name), model.licence, "not fetched")
    n_bytes = sum(file.stat().st_size for file in folder.iterdir())
    return NamedModel(name, "encoder", n_bytes, model.licence, str(folder))


def _weights_bytes(name: str) -> int:
    import torch

    from virnucpro_core.models._dnabert_s import DnabertS
    from virnucpro_core.models._esm2 import Esm2

    with torch.device("meta"):
        config = ESM2_CONFIGS.get(name)
        encoder = DnabertS(DnabertSConfig(), name) if config is None else Esm2(config, name)
    return _FLOAT32_BYTES * sum(tensor.numel() for tensor in encoder.parameters())
