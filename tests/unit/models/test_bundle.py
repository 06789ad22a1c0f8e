"""A bundle comes back as it was written; whatever is wrong with one is one clear line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.bundles import CALIBRATION, LIMITS, make_bundle
from virnucpro_core.calling import StrangenessLimits
from virnucpro_core.errors import BundleError
from virnucpro_core.models import (
    Bundle,
    ClassifierConfig,
    DnabertS,
    DnabertSConfig,
    DnabertSTokenizer,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
    MlpClassifier,
    derive_bundle,
    load_bundle,
    write_bundle,
)

from .helpers import byte_strings, dna_tokenizer, pack, random_tokens, randomise

Document = dict[str, Any]
DNA = DnabertSConfig(n_layers=2, width=24, n_heads=3, feed_forward_width=16, vocabulary_size=14)
PROTEIN = Esm2Config(n_layers=2, width=16, n_heads=2)


def parts(tokenizer: Path) -> dict[str, Any]:
    """Arguments of `write_bundle`."""
    dna, protein = DnabertS(DNA, "dna-2"), Esm2(PROTEIN, "protein-2")
    classifier = MlpClassifier(ClassifierConfig(input_width=40, hidden_width=6))
    for seed, module in enumerate((dna, protein, classifier)):
        randomise(module, seed)
    classifier.norm.running_mean.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
    dna_tokenizer().save(str(tokenizer))
    return {
        "name": "tiny",
        "description": "A bundle for tests.",
        "licence": "MIT",
        "window_size": 300,
        "dna": dna,
        "dna_tokenizer": tokenizer,
        "protein": protein,
        "protein_layer": 1,
        "classifier": classifier.eval(),
        "training": {"genomes": ["λ"], "epochs": 3},
        "accuracy": {"auc": 0.75},
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("bundles")
    arguments = parts(folder / "some-tokenizer.json")
    write_bundle(folder / "tiny", **arguments)
    return folder / "tiny", arguments


@pytest.fixture
def bundle(written: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(written[0], tmp_path / "bundle"))


def edit(bundle: Path, change: Callable[[Document], object]) -> None:
    """Change bundle.json."""
    path = bundle / "bundle.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def replace_file(bundle: Path, name: str, write: Callable[[Path], object]) -> None:
    """Write a file of the bundle anew and enter its digest, as a careful forger would."""
    write(bundle / name)
    digest = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    edit(bundle, lambda document: document["files"].update({name: digest}))


def refusal(bundle: Path) -> str:
    """The one line that says what is wrong."""
    with pytest.raises(BundleError) as caught:
        load_bundle(bundle).verify()
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.where is not None
    assert caught.value.remedy
    return line


def test_round_trip(written: tuple[Path, dict[str, Any]]) -> None:
    path, arguments = written
    bundle = load_bundle(path)
    assert isinstance(bundle, Bundle)
    assert bundle.sha256 == hashlib.sha256((path / "bundle.json").read_bytes()).hexdigest()
    assert (bundle.name, bundle.window_size, bundle.labels) == ("tiny", 300, ("others", "virus"))
    assert bundle.spec.licence == "MIT"
    assert bundle.spec.description == "A bundle for tests."
    assert bundle.spec.training == arguments["training"]
    assert bundle.spec.accuracy == arguments["accuracy"]
    assert bundle.spec.calibration is None
    assert (bundle.dna.architecture, bundle.dna.name) == ("dnabert_s", "dna-2")
    assert (bundle.dna.config, bundle.dna.layer, bundle.dna.pooling) == (DNA, 2, "mean")
    assert (bundle.protein.architecture, bundle.protein.name) == ("esm2", "protein-2")
    assert (bundle.protein.config, bundle.protein.layer) == (PROTEIN, 1)
    assert bundle.protein.tokenizer is None
    weights = path / bundle.protein.weights
    assert bundle.protein.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert set(bundle.spec.files) == {p.name for p in path.iterdir()} - {"bundle.json"}


def test_a_bundle_without_a_frame_rule_is_of_complete_frames(
    written: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path, arguments = written
    assert load_bundle(path).frame_rule == "complete"
    assert "frame_rule" not in json.loads((path / "bundle.json").read_text())
    made = write_bundle(tmp_path / "partial", **{**arguments, "frame_rule": "longest"})
    assert made.frame_rule == "longest"
    assert json.loads((tmp_path / "partial" / "bundle.json").read_text())["frame_rule"] == "longest"
    edit(tmp_path / "partial", lambda document: document.pop("frame_rule"))
    assert load_bundle(tmp_path / "partial").frame_rule == "complete"


@pytest.mark.parametrize("kind", ["dna", "protein"])
def test_encoders_come_back(written: tuple[Path, dict[str, Any]], kind: Any) -> None:
    path, arguments = written
    encoder = load_bundle(path).load_encoder(kind)
    assert encoder.name == f"{kind}-2"
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    tokens, cu_seqlens = pack(random_tokens([9, 4], 14))
    with torch.inference_mode():
        assert torch.equal(encoder(tokens, cu_seqlens), arguments[kind](tokens, cu_seqlens))


def test_classifier_comes_back(written: tuple[Path, dict[str, Any]]) -> None:
    path, arguments = written
    classifier = load_bundle(path).load_classifier()
    features = torch.randn(5, 40)
    with torch.inference_mode():
        expected = arguments["classifier"].double()(features.double())
    np.testing.assert_allclose(classifier.logits(features.numpy()), expected, rtol=1e-12)


def test_reliability_comes_back(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "strict", calibration=CALIBRATION, with_reliability=True)
    document = json.loads((path / "bundle.json").read_text())
    assert document["files"].keys() >= {"reliability.safetensors"}
    assert document["reliability"]["limits"] == LIMITS["limits"]
    found = load_bundle(path).load_reliability()
    assert found is not None
    assert found.limits.to_json() == LIMITS
    assert found.network.logits(np.zeros((3, 192), np.float32)).shape == (3, 2)
    replace_file(path, "reliability.safetensors", lambda file: file.write_bytes(b"x" * 99))
    assert "reliability.safetensors" in refusal(path)


def test_a_bundle_without_reliability_says_nothing_of_it(
    written: tuple[Path, dict[str, Any]],
) -> None:
    bundle = load_bundle(written[0])
    assert bundle.load_reliability() is None
    assert "reliability" not in json.loads((written[0] / "bundle.json").read_text())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(calibration=None), "need a calibration"),
        (lambda d: d["reliability"].update(method="distance"), "method must be codon_usage"),
        (lambda d: d["reliability"].update(input_width=191), "must take 192 numbers"),
        (lambda d: d["reliability"]["limits"].pop(), "must ascend from length 1 to null"),
        (lambda d: d["files"].pop("reliability.safetensors"), "which files does not list"),
    ],
)
def test_reliability_that_does_not_fit_is_refused(
    tmp_path: Path, change: Callable[[Document], object], message: str
) -> None:
    path = make_bundle(tmp_path / "strict", calibration=CALIBRATION, with_reliability=True)
    edit(path, change)
    assert message in refusal(path)


def test_a_derived_bundle_has_the_reliability_that_it_is_given(tmp_path: Path) -> None:
    base = load_bundle(
        make_bundle(tmp_path / "base", calibration=CALIBRATION, with_reliability=True)
    )
    classifier = MlpClassifier(base.spec.classifier.config)
    shared: dict[str, Any] = {
        "name": "new", "description": "", "window_size": 300, "frame_rule": "complete",
        "classifier": classifier, "calibration": CALIBRATION, "training": {}, "accuracy": {},
    }  # fmt: skip
    plain = derive_bundle(base, tmp_path / "plain", **shared)
    assert plain.load_reliability() is None
    assert not (tmp_path / "plain" / "reliability.safetensors").exists()
    network = MlpClassifier(ClassifierConfig(192, 4))
    limits = StrangenessLimits.parse(LIMITS, "tests")
    own = derive_bundle(base, tmp_path / "own", **shared, reliability=(network, limits))
    own.verify()
    file = "reliability.safetensors"
    assert own.spec.files[file] != base.spec.files[file]


def test_tokenizers_come_back(written: tuple[Path, dict[str, Any]]) -> None:
    bundle = load_bundle(written[0])
    dna, protein = bundle.load_tokenizer("dna"), bundle.load_tokenizer("protein")
    assert isinstance(dna, DnabertSTokenizer)
    assert isinstance(protein, Esm2Tokenizer)
    assert dna.tokenize(byte_strings(["ACGTA"])).ids.tolist() == [1, 11, 5, 2]


def test_the_same_parts_make_the_same_bytes(
    written: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    again = write_bundle(tmp_path / "again", **written[1])
    assert again.sha256 == load_bundle(written[0]).sha256


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_are_converted_on_load(tmp_path: Path, dtype: torch.dtype) -> None:
    arguments = parts(tmp_path / "tokenizer.json")
    bundle = write_bundle(tmp_path / "half", **arguments, dtype=dtype)
    stored = load_file(bundle.path / bundle.protein.weights)
    assert {tensor.dtype for tensor in stored.values()} == {dtype}
    encoder = bundle.load_encoder("protein", "cpu", torch.float32)
    original = arguments["protein"].state_dict()
    for name, tensor in encoder.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, original[name].to(dtype).float()), name
    lower = bundle.load_encoder("dna", dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in lower.parameters()} == {torch.bfloat16}


def test_an_existing_bundle_is_not_written_over(written: tuple[Path, dict[str, Any]]) -> None:
    path, arguments = written
    before = (path / "bundle.json").read_bytes()
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(path, **arguments)
    assert (path / "bundle.json").read_bytes() == before


def test_parts_that_do_not_fit_leave_nothing_behind(tmp_path: Path) -> None:
    arguments = parts(tmp_path / "tokenizer.json")
    arguments["classifier"] = MlpClassifier(ClassifierConfig(input_width=41, hidden_width=6))
    with pytest.raises(BundleError, match=r"input_width is 41.* are 24 \+ 16 wide") as caught:
        write_bundle(tmp_path / "bad", **arguments)
    assert caught.value.where == str(tmp_path / "bad")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_a_layer_the_encoder_lacks_is_not_written(tmp_path: Path) -> None:
    arguments = parts(tmp_path / "tokenizer.json") | {"protein_layer": 3}
    with pytest.raises(BundleError, match=r"encoders\.protein\.layer must be 0 to 2, not 3"):
        write_bundle(tmp_path / "bad", **arguments)


@pytest.mark.parametrize(
    "name", ["dna.safetensors", "protein.safetensors", "classifier.safetensors", "tokenizer.json"]
)
class TestEveryFile:
    def test_a_flipped_bit_is_found(self, bundle: Path, name: str) -> None:
        content = bytearray((bundle / name).read_bytes())
        content[len(content) // 2] ^= 1
        (bundle / name).write_bytes(content)
        line = refusal(bundle)
        assert line.startswith(f"{bundle / name}: has SHA-256 ")

    def test_a_missing_file_is_found(self, bundle: Path, name: str) -> None:
        (bundle / name).unlink()
        assert refusal(bundle).startswith(f"{bundle / name}: is listed in bundle.json but cannot")

    def test_a_file_that_is_not_listed_is_found(self, bundle: Path, name: str) -> None:
        edit(bundle, lambda document: document["files"].pop(name))
        assert f"names {name}, which files does not list" in refusal(bundle)

    def test_other_content_with_a_right_digest_is_found(self, bundle: Path, name: str) -> None:
        replace_file(bundle, name, lambda path: path.write_bytes(b"\x80\x04N."))
        line = refusal(bundle)
        assert line.startswith(f"{bundle / name}: ")
        assert "is not a safetensors file" in line or "loaded as a tokenizer" in line


LOADERS: dict[str, Callable[[Bundle], object]] = {
    "dna.safetensors": lambda bundle: bundle.load_encoder("dna"),
    "protein.safetensors": lambda bundle: bundle.load_encoder("protein"),
    "classifier.safetensors": lambda bundle: bundle.load_classifier(),
    "tokenizer.json": lambda bundle: bundle.load_tokenizer("dna"),
}


@pytest.mark.parametrize("name", LOADERS)
def test_what_is_loaded_is_verified_and_nothing_else(bundle: Path, name: str) -> None:
    """A task must not compute with altered files, nor read gigabytes that it does not use."""
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)
    opened = load_bundle(bundle)
    for loaded, load in LOADERS.items():
        if loaded != name:
            load(opened)
    with pytest.raises(BundleError) as caught:
        LOADERS[name](opened)
    assert str(caught.value).startswith(f"{bundle / name}: has SHA-256 ")


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_that_is_missing_or_cut_short_is_found_before_anything_is_computed(
    bundle: Path, name: str
) -> None:
    if name.endswith(".safetensors"):
        (bundle / name).write_bytes((bundle / name).read_bytes()[:-4])
        with pytest.raises(BundleError, match="is not a safetensors file"):
            load_bundle(bundle)
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=r"is listed in bundle\.json but cannot be read"):
        load_bundle(bundle)


def test_no_bundle_at_all(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"window_size": NaN}'])
def test_malformed_json(bundle: Path, content: bytes) -> None:
    (bundle / "bundle.json").write_bytes(content)
    assert refusal(bundle).startswith(f"{bundle / 'bundle.json'}: is not valid JSON")


def test_json_that_is_nested_too_deeply(bundle: Path) -> None:
    (bundle / "bundle.json").write_bytes(b'{"training": ' + b"[" * 100_000)
    assert "bundle.json: is not valid JSON (it is nested too deeply)" in refusal(bundle)


@pytest.mark.parametrize("place", ["{", '"files": {', '"training": {'])
def test_a_key_that_stands_twice(bundle: Path, place: str) -> None:
    text = (bundle / "bundle.json").read_text()
    text = text.replace(place, f'{place}"a": 1, "a": 2, ', 1)
    (bundle / "bundle.json").write_text(text)
    line = refusal(bundle)
    assert "bundle.json: is not valid JSON (the key 'a' stands twice in one object)" in line


@pytest.mark.parametrize("content", [b"[]", b"3", b"null"])
def test_json_that_is_no_object(bundle: Path, content: bytes) -> None:
    (bundle / "bundle.json").write_bytes(content)
    assert "must be a JSON object" in refusal(bundle)


@pytest.mark.parametrize("version", [0, 2])
def test_another_schema_version(bundle: Path, version: int) -> None:
    edit(bundle, lambda document: document.update(schema_version=version, novelty=1))
    line = refusal(bundle)
    assert f"bundle.json: has schema version {version}, this program reads 1; use" in line


def paths_of(document: Document, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key that bundle.json must have."""
    found = []
    for key, value in document.items():
        found.append((*prefix, key))
        if isinstance(value, dict) and key not in ("training", "accuracy", "files"):
            found += paths_of(value, (*prefix, key))
    return found


def at(document: Document, path: tuple[str, ...]) -> Document:
    for key in path:
        document = document[key]
    return document


def test_every_missing_key_is_named(bundle: Path) -> None:
    original = (bundle / "bundle.json").read_text()
    paths = paths_of(json.loads(original))
    assert len(paths) > 30
    for path in paths:
        (bundle / "bundle.json").write_text(original)
        edit(bundle, lambda document, path=path: at(document, path[:-1]).pop(path[-1]))
        assert f"bundle.json: has no key {'.'.join(path)};" in refusal(bundle)


def test_every_value_of_the_wrong_type_is_named(bundle: Path) -> None:
    original = (bundle / "bundle.json").read_text()
    for path in paths_of(json.loads(original)):
        for wrong in (True, 1.5, [1] if path != ("labels",) else "x"):
            (bundle / "bundle.json").write_text(original)
            edit(
                bundle,
                lambda document, path=path, wrong=wrong: at(document, path[:-1]).update(
                    {path[-1]: wrong}
                ),
            )
            assert f"bundle.json: {'.'.join(path)} must be" in refusal(bundle)


@pytest.mark.parametrize("place", [(), ("encoders",), ("encoders", "dna"), ("classifier",)])
def test_an_unknown_key_is_named(bundle: Path, place: tuple[str, ...]) -> None:
    edit(bundle, lambda document: at(document, place).update(colour="green"))
    assert f"unexpected key {'.'.join((*place, 'colour'))}" in refusal(bundle)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/passwd",
        "a/../../b",
        "..",
        "",
        ".",
        "a\\b",
        "C:x",
        "a\x00b",
        ".a",
        "a//b",
    ],
)
def test_paths_that_leave_the_bundle(bundle: Path, name: str) -> None:
    edit(bundle, lambda document: document["files"].update({name: "0" * 64}))
    assert f"the path {name!r} must lie in the bundle's directory" in refusal(bundle)
    edit(bundle, lambda document: document["files"].pop(name))
    edit(bundle, lambda document: document["encoders"]["dna"].update(weights=name))
    assert f"the path {name!r} must lie in the bundle's directory" in refusal(bundle)


CONTRADICTIONS: dict[str, tuple[tuple[str, ...], object, str]] = {
    "digest": (("files", "tokenizer.json"), "ABC", "must be a SHA-256"),
    "architecture": (("encoders", "dna", "architecture"), "esm2", "must be dnabert_s, not esm2"),
    "layer": (("encoders", "dna", "layer"), 3, "encoders.dna.layer must be 0 to 2, not 3"),
    "pooling": (("encoders", "dna", "pooling"), "max", "must be mean, not max"),
    "heads": (("encoders", "protein", "config", "n_heads"), 5, "does not divide into 5 heads"),
    "no layers": (("encoders", "dna", "config", "n_layers"), 0, "n_layers must be a whole number"),
    "input width": (("classifier", "input_width"), 41, "the embeddings are 24 + 16 wide"),
    "classes": (("classifier", "n_classes"), 3, "n_classes is 3, but there are 2 labels"),
    "hidden width": (("classifier", "hidden_width"), 0, "hidden_width must be a whole number"),
    "labels": (("labels",), ["virus", "others"], "labels must be ['others', 'virus']"),
    "window size": (("window_size",), 2, "window_size must be at least a codon, not 2"),
    "frame rule": (("frame_rule",), "all", "frame_rule must be one of complete, longest, not all"),
    "no frame rule": (("frame_rule",), None, "frame_rule must be a text, not None"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_values_that_make_no_sense(bundle: Path, name: str) -> None:
    path, value, message = CONTRADICTIONS[name]
    edit(bundle, lambda document: at(document, path[:-1]).update({path[-1]: value}))
    assert message in refusal(bundle)


@pytest.mark.parametrize("kind", ["dna", "protein", "classifier"])
class TestTensors:
    def change(self, bundle: Path, kind: str, edit_state: Callable[[Document], object]) -> str:
        name = f"{kind}.safetensors"
        state = load_file(bundle / name)
        edit_state(state)
        replace_file(bundle, name, lambda path: save_file(state, path))
        return refusal(bundle)

    def first(self, bundle: Path, kind: str) -> str:
        return next(name for name in load_file(bundle / f"{kind}.safetensors") if "weight" in name)

    def test_a_wrong_shape_is_named(self, bundle: Path, kind: str) -> None:
        name = self.first(bundle, kind)
        line = self.change(bundle, kind, lambda s: s.update({name: torch.zeros(3, 1)}))
        assert f"{kind}.safetensors: tensor {name} has shape [3, 1], the model needs" in line

    def test_a_missing_tensor_is_named(self, bundle: Path, kind: str) -> None:
        name = self.first(bundle, kind)
        line = self.change(bundle, kind, lambda s: s.pop(name))
        assert f"{kind}.safetensors: has no tensor {name};" in line

    def test_an_unexpected_tensor_is_named(self, bundle: Path, kind: str) -> None:
        line = self.change(bundle, kind, lambda s: s.update(extra=torch.zeros(1)))
        assert f"{kind}.safetensors: has an unexpected tensor extra;" in line

    def test_integers_are_no_weights(self, bundle: Path, kind: str) -> None:
        name = self.first(bundle, kind)
        line = self.change(bundle, kind, lambda s: s.update({name: s[name].to(torch.int8)}))
        assert f"tensor {name} holds I8 numbers" in line


def test_a_shape_that_bundle_json_gets_wrong(bundle: Path) -> None:
    edit(bundle, lambda document: document["encoders"]["protein"]["config"].update(n_layers=3))
    assert "protein.safetensors: has no tensor layers.2." in refusal(bundle)


def test_a_tokenizer_with_more_tokens_than_the_encoder(bundle: Path) -> None:
    def with_one_more_token(path: Path) -> None:
        tokenizer = dna_tokenizer()
        tokenizer.add_tokens(["GGGG"])
        tokenizer.save(str(path))

    replace_file(bundle, "tokenizer.json", with_one_more_token)
    assert "tokenizer.json: has 15 tokens, the encoder 14" in refusal(bundle)


def test_a_pickle_is_never_opened(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither loading nor computing goes through torch.load."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("torch.load was called")

    monkeypatch.setattr(torch, "load", refuse)
    loaded = load_bundle(bundle)
    loaded.load_encoder("dna")
    loaded.load_classifier()
