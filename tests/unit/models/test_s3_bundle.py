"""A bundle on S3 is copied once, whole, and verified; whatever is wrong with it is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from tests.bundles import WINDOW_SIZE, make_bundle
from virnucpro_core.cli import main
from virnucpro_core.embedding import Embedder
from virnucpro_core.errors import BundleError, StoreError, UsageError, VirnucproError
from virnucpro_core.models import load_bundle, open_bundle, open_model
from virnucpro_core.store import BlobStore, open_store

READS = Path(__file__).parents[2] / "data" / "reads.fasta"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "one")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIRNUCPRO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def remote(s3_address: str, prefix: str, bundle: Path, cache: Path) -> BlobStore:
    """The place of the bundle on S3."""
    store = open_store(prefix)
    for file in bundle.iterdir():
        store.put(file.name, file.read_bytes())
    return store


def refusal(location: str, kind: type[VirnucproError] = BundleError) -> str:
    with pytest.raises(kind) as caught:
        open_model(location)
    assert caught.value.remedy
    return str(caught.value)


def test_the_copy_is_the_bundle(remote: BlobStore, bundle: Path, cache: Path) -> None:
    found = open_bundle(remote.location)
    assert found.sha256 == load_bundle(bundle).sha256
    assert found.path == cache / found.sha256
    found.verify()
    assert {file.name for file in found.path.iterdir()} == {f.name for f in bundle.iterdir()}


def test_larger_files_come_in_pieces(remote: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virnucpro_core.models._s3_bundle._PIECE_BYTES", 1000)
    open_bundle(remote.location).verify()


@pytest.mark.parametrize("spelling", ["{}/", "{}//", "S3{}"])
def test_other_spellings_of_the_same_place(remote: BlobStore, spelling: str) -> None:
    place = remote.location
    given = spelling.format(place.removeprefix("s3") if spelling[0] == "S" else place)
    assert open_bundle(given).path == open_bundle(Path(place)).path


def test_what_is_there_is_not_copied_again(remote: BlobStore) -> None:
    copy = open_bundle(remote.location).path
    (copy / "dna.safetensors").unlink()
    remote.delete(["protein.safetensors"])  # it is not asked for
    open_bundle(remote.location).verify()


def test_another_content_at_the_same_place_is_another_copy(
    remote: BlobStore, tmp_path: Path
) -> None:
    first = open_bundle(remote.location)
    for file in make_bundle(tmp_path / "other", seed=1).iterdir():
        remote.put(file.name, file.read_bytes())
    second = open_bundle(remote.location)
    second.verify()
    assert (first.name, second.name) == ("random-0", "random-1")
    assert first.path != second.path


def damage_file(store: BlobStore) -> None:
    store.put("classifier.safetensors", b"x" * 100)


DAMAGES: dict[str, tuple[Callable[[BlobStore], object], str]] = {
    "no bundle": (lambda store: store.delete(["bundle.json"]), ": has no bundle.json; give"),
    "no JSON": (lambda store: store.put("bundle.json", b"{"), "/bundle.json: is not valid JSON"),
    "no file": (
        lambda store: store.delete(["tokenizer.json"]),
        "/tokenizer.json: is listed in bundle.json but is not there; put",
    ),
    "altered file": (damage_file, "/classifier.safetensors: has SHA-256 "),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_wrong_on_s3_is_said_of_s3(remote: BlobStore, cache: Path, name: str) -> None:
    damage, message = DAMAGES[name]
    damage(remote)
    assert refusal(remote.location).startswith(f"{remote.location}{message}")
    # What is not verified has no name in the cache, and the copy does not count as a bundle.
    assert not list(cache.glob("*/bundle.json"))
    assert not list(cache.glob("*/classifier.safetensors"))


def test_a_copy_that_broke_off_is_gone_on_with(
    remote: BlobStore, bundle: Path, cache: Path
) -> None:
    tokenizer = (bundle / "tokenizer.json").read_bytes()
    remote.delete(["tokenizer.json"])
    refusal(remote.location)
    remote.put("tokenizer.json", tokenizer)
    open_bundle(remote.location).verify()


def test_places_that_are_none(s3_address: str, cache: Path) -> None:
    assert "no-such-bucket" in refusal("s3://no-such-bucket/x", StoreError)
    assert "is not the name of a bucket" in refusal("s3://_/x", UsageError)
    assert "models cannot be read from gs://; give" in refusal("gs://bucket/x")


def test_a_cache_that_is_too_small(
    remote: BlobStore, mount: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mount("size=16k")
    monkeypatch.setenv("VIRNUCPRO_CACHE", str(folder / "a" / "b"))
    assert "the copy needs another 0.0" in refusal(remote.location)


def test_the_commands_take_a_bundle_on_s3(remote: BlobStore, bundle: Path, tmp_path: Path) -> None:
    def run(*words: object) -> None:
        assert main([str(word) for word in words]) == 0

    size = str(WINDOW_SIZE)
    run("prepare", READS, "--sample", "s", "--window-size", size, "--outdir", tmp_path)
    shard = tmp_path / "shards" / "s.shard_00001.h5"
    model = ("--model", remote.location)
    made = {kind: tmp_path / f"{kind}.h5" for kind in ("dna", "protein")}
    for kind, output in made.items():
        run("embed", shard, "--encoder", kind, *model, "--output", output)
        with h5py.File(output) as file:
            weights = load_bundle(bundle).spec.files[f"{kind}.safetensors"]
            assert file.attrs["weights_sha256"] == weights
    inputs = ("--dna", made["dna"], "--protein", made["protein"])
    run("classify", shard, *inputs, *model, "--output", tmp_path / "scores.h5")
    assert Embedder.load(remote.location).width == 16
