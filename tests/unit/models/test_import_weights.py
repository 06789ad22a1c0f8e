"""Published pickled weights become models with the same numbers, without their code."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.unit.models.hugging_face import esm2_tensors, write_dnabert_s, write_esm2
from virnucpro_core.cli import main
from virnucpro_core.errors import BundleError
from virnucpro_core.models import (
    _hub,
    convert_to_safetensors,
    import_classifier,
    load_bundle,
    open_hugging_face,
    read_pickled_tensors,
)

# A script in which a class is defined, trained for a moment and saved whole; beside the file lie
# features and what the module makes of them.
SCRIPT = """
import sys
import torch
from torch import nn

class Scores(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.hidden_layer = nn.Linear(n_in, n_hidden)
        self.bn1 = nn.BatchNorm1d(n_hidden)
        self.output_layer = nn.Linear(n_hidden, n_out)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        return self.output_layer(self.dropout(torch.relu(self.bn1(self.hidden_layer(x)))))

path, is_zip, protocol, n_in, n_hidden = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(1)
torch.manual_seed(7)
model = Scores(n_in, n_hidden, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(3):
    loss = model(torch.randn(32, n_in) + 1).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.save(model, path, _use_new_zipfile_serialization=bool(is_zip), pickle_protocol=protocol)
x = torch.randn(16, n_in)
torch.save({"x": x, "y": model.eval()(x).detach()}, path + ".expected")
"""


def save_module(
    path: Path, *, is_zip: bool = True, protocol: int = 2, shape: tuple[int, int] = (32, 8)
) -> Path:
    arguments = [str(path), str(int(is_zip)), str(protocol), *map(str, shape)]
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, *arguments]
    subprocess.run(command, check=True, timeout=200)
    return path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_module(tmp_path_factory.mktemp("saved") / "300_model.pth")


@pytest.mark.parametrize(
    ("is_zip", "protocol", "shape"),
    [
        (True, 2, (3328, 512)),
        pytest.param(False, 2, (3328, 512), marks=pytest.mark.slow),
        pytest.param(True, 5, (8, 8), marks=pytest.mark.slow),
        pytest.param(False, 4, (8, 8), marks=pytest.mark.slow),
    ],
)
def test_a_saved_module_predicts_the_same(
    tmp_path: Path, is_zip: bool, protocol: int, shape: tuple[int, int]
) -> None:
    path = save_module(tmp_path / "m.pth", is_zip=is_zip, protocol=protocol, shape=shape)
    expected = read_pickled_tensors(Path(f"{path}.expected"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        scores = import_classifier(path)(expected["x"])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(scores, expected["y"])
    assert (scores[0] != scores[1]).all()


def test_layers_are_found_by_their_shapes(saved: Path, tmp_path: Path) -> None:
    tensors = read_pickled_tensors(saved)
    expected = import_classifier(saved).state_dict()
    names = {"output_layer": "net.4", "bn1": "net.1", "hidden_layer": "net.0"}
    renamed = {
        f"{new}.{name.partition('.')[2]}": tensors[name]
        for old, new in names.items()
        for name in tensors
        if name.startswith(old) and not name.endswith("num_batches_tracked")
    }
    torch.save({"epoch": 3, "state_dict": renamed}, tmp_path / "renamed.pth")
    state = import_classifier(tmp_path / "renamed.pth").state_dict()
    assert state.keys() == expected.keys()
    for name, tensor in state.items():
        assert torch.equal(tensor, expected[name]) or name == "norm.num_batches_tracked"


def another(change: str) -> nn.Module:
    hidden, norm, output = nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
    if change == "eps":
        norm.eps = 1e-3
    parts = {
        "eps": [hidden, norm, output],
        "no norm": [hidden, output],
        "a third layer": [hidden, norm, output, nn.Linear(2, 2)],
        "no bias": [nn.Linear(6, 4, bias=False), norm, output],
        "widths": [hidden, nn.BatchNorm1d(6), output],
        "more": [hidden, norm, output, nn.Conv1d(2, 2, 1)],
        "no statistics": [hidden, nn.BatchNorm1d(4, track_running_stats=False), output],
    }
    return nn.Sequential(*parts[change])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("eps", "an epsilon of 0.001"),
        ("no norm", "2 linear layers and 0 batch normalisations"),
        ("a third layer", "3 linear layers and 1 batch"),
        ("no bias", "1 linear layers"),
        ("widths", "no linear layers fit a batch normalisation of width 6"),
        ("more", "more tensors than a classifier"),
        ("no statistics", "0 batch normalisations"),
    ],
)
def test_another_classifier_is_refused(tmp_path: Path, change: str, message: str) -> None:
    torch.save(another(change), tmp_path / "other.pth")
    with pytest.raises(BundleError, match=message) as caught:
        import_classifier(tmp_path / "other.pth")
    assert "other.pth: holds another classifier than VirNucPro's" in str(caught.value)


def every_format() -> dict[str, torch.Tensor]:
    formats = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
    formats += [torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool]
    tensors = {str(dtype): torch.tensor([[0, 1, 1], [1, 0, 1]]).to(dtype) for dtype in formats}
    base = torch.arange(24.0).view(4, 6)
    tensors |= {"transposed": base.t(), "a part": base[1:3, 2:5], "scalar": torch.tensor(3)}
    return {**tensors, "tied": base, "empty": torch.empty(0, 3), "parameter": nn.Parameter(base)}


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_tensor_comes_as_it_was_saved(tmp_path: Path, is_zip: bool, protocol: int) -> None:
    tensors = every_format()
    path, converted = tmp_path / "x.pt", tmp_path / "x.safetensors"
    torch.save(tensors, path, _use_new_zipfile_serialization=is_zip, pickle_protocol=protocol)
    convert_to_safetensors([path], converted)
    for read in (read_pickled_tensors(path), load_file(converted)):
        assert read.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert read[name].dtype == tensor.dtype
            assert torch.equal(read[name], tensor), name


def test_checksums_that_torch_did_not_compute_are_not_asked_for(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"weight": torch.ones(3)}, tmp_path / "x.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read_pickled_tensors(tmp_path / "x.pt")["weight"], torch.ones(3))


class Nested(nn.Module):
    """What a state dict has to be right about: order, None, temporary buffers, tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.LayerNorm(3))
        self.scale = nn.Parameter(torch.randn(2))
        self.register_parameter("nothing", None)
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("temporary", torch.ones(2), persistent=False)
        self.tied = nn.Linear(2, 3)
        self.tied.weight = self.inner[0].weight


def test_a_module_gives_the_names_of_its_state_dict(tmp_path: Path) -> None:
    model = Nested()
    for is_zip in (True, False):
        torch.save(model, tmp_path / "m.pt", _use_new_zipfile_serialization=is_zip)
        read = read_pickled_tensors(tmp_path / "m.pt")
        assert list(read) == list(model.state_dict())
        assert all(torch.equal(read[name], value) for name, value in model.state_dict().items())


def test_a_checkpoint_of_training(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = {
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "args": argparse.Namespace(lr=0.1, path=Path("x")),
        "dtype": torch.float16,
    }
    torch.save(checkpoint, tmp_path / "c.pt")
    assert read_pickled_tensors(tmp_path / "c.pt").keys() == {"weight", "bias"}


def test_weights_of_fair_esm_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files, as fair-esm has them: the model, and the regression of contacts."""
    tensors = esm2_tensors()
    main_file, regression = tmp_path / "esm2.pt", tmp_path / "esm2-contact-regression.pt"
    contacts = {"contact_head.regression.weight": torch.ones(1, 4)}
    torch.save({"args": argparse.Namespace(arch="esm2"), "model": tensors}, main_file)
    torch.save({"model": contacts}, regression)
    output = tmp_path / "model.safetensors"
    argv = ["model", "convert", str(main_file), str(regression), "--output", str(output)]
    assert main(argv) == 0
    assert "esm2.pt: its entry 'model', builtins.dict: 36 tensors" in capsys.readouterr().out
    read = load_file(output)
    assert read.keys() == {**tensors, **contacts}.keys()

    assert main(["model", "convert", str(main_file), str(main_file), "--output", "x"]) == 2
    assert "and that name is taken; convert files" in capsys.readouterr().err
    main_file.write_bytes(b"<html>")
    assert main(argv) == 2
    assert "esm2.pt: cannot be read as weights: it is no file of" in capsys.readouterr().err


@pytest.mark.parametrize("n_files", [1, 2])
def test_a_directory_with_pickled_weights_is_a_model(
    tmp_path: Path, n_files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_esm2(tmp_path / "esm2")
    expected = open_hugging_face(path).load_encoder().state_dict()
    (path / "model.safetensors").unlink()
    save_pickled(path, esm2_tensors(), n_files)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("torch.load was called")

    monkeypatch.setattr(torch, "load", refuse)
    state = open_hugging_face(path).load_encoder().state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state.items())


def save_pickled(path: Path, tensors: dict[str, torch.Tensor], n_files: int) -> None:
    if n_files == 1:
        torch.save(tensors, path / "pytorch_model.bin")
        return
    weight_map = {}
    for number in range(n_files):
        file = f"pytorch_model-{number + 1:05}-of-{n_files:05}.bin"
        part = {name: tensors[name] for name in list(tensors)[number::n_files]}
        torch.save(part, path / file)
        weight_map |= dict.fromkeys(part, file)
    index = path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))


def test_a_bundle_from_published_parts(
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dna, protein = write_dnabert_s(tmp_path / "DNABERT-S"), write_esm2(tmp_path / "esm2")
    argv = ["model", "import", str(saved), "--dna", str(dna), "--protein", str(protein)]
    argv += ["--window-size", "300", "--output"]
    assert main([*argv, str(tmp_path / "virnucpro-300")]) == 0
    bundle = load_bundle(tmp_path / "virnucpro-300")
    assert (bundle.name, bundle.window_size) == ("virnucpro-300", 300)
    expected = read_pickled_tensors(Path(f"{saved}.expected"))
    logits = torch.from_numpy(bundle.load_classifier().logits(expected["x"].numpy()))
    torch.testing.assert_close(logits.float(), expected["y"])
    assert torch.equal(
        bundle.load_encoder("dna").token_embedding.weight,
        open_hugging_face(dna).load_encoder().token_embedding.weight,
    )
    assert main(["model", "verify", str(tmp_path / "virnucpro-300")]) == 0

    assert main([*argv, str(tmp_path / "virnucpro-300")]) == 2
    assert "exists already" in capsys.readouterr().err
    swapped = [
        str(dna) if a == str(protein) else str(protein) if a == str(dna) else a for a in argv
    ]
    assert main([*swapped, str(tmp_path / "swapped")]) == 2
    assert "are not a DNA encoder and a protein encoder" in capsys.readouterr().err
    argv[4] = str(tmp_path / "virnucpro-300")
    assert main([*argv, str(tmp_path / "of-a-bundle")]) == 2
    assert "virnucpro-300: is a bundle, an encoder alone is wanted" in capsys.readouterr().err
    fetched = {"DNABERT-S": open_hugging_face(dna)}
    monkeypatch.setattr(_hub, "fetch_model", lambda name, *, offline: fetched[name])
    argv[4] = "dnabert-s"
    assert main([*argv, str(tmp_path / "by-name")]) == 0
    save_module(tmp_path / "narrow.pth", shape=(8, 4))
    argv[2] = str(tmp_path / "narrow.pth")
    assert main([*argv, str(tmp_path / "narrow")]) == 2
    assert "takes 8 numbers, the encoders give 16 + 16" in capsys.readouterr().err
